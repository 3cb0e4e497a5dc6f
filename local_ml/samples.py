"""The training table: what the covariates hold at each site, and what was measured there.

In and out: ``samples.csv`` (one row a site) with ``samples.json`` beside it (what the columns
mean). Covariates in their own units, float32, NaN where missing; the target in its unit;
longitude and latitude in degrees.
"""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from local_ml.bounds import maximum_rule
from local_ml.errors import SampleTableError
from local_ml.features import Feature
from local_ml.files import csv_bytes, json_bytes, write_whole
from local_ml.names import nearest
from local_ml.settings import TargetSettings

SCHEMA_VERSION = 1
FAULTS_SHOWN = 20
TEXT_COLUMNS = ("site_id", "method", "group", "split")
NUMBER_COLUMNS = ("longitude", "latitude", "row", "col")


@dataclass(frozen=True)
class SampleTable:
    """Sites with their covariates, target and group; n rows, p features.

    Parameters
    ----------
    features : p, in the order of the columns of `values`; the order is also their priority
    values : (n, p) float32, each feature in its unit, NaN where missing
    target : (n,) float64, in the target's unit
    target_sd : (n,) float64, standard deviation of its measurement, NaN where unknown
    site_id, method, group, split : (n,) str; `split` is ``train`` or ``test``
    longitude, latitude : (n,) float64, degrees
    maximum : (n,) float64, the highest value possible at the place, from a covariate, in the
        target's unit; NaN where none is known and the target's constant bound holds alone
    fingerprint : SHA-256 of the files that the table was read from, or of its content
    """

    features: tuple[Feature, ...]
    values: np.ndarray
    target: np.ndarray
    target_sd: np.ndarray
    site_id: np.ndarray
    method: np.ndarray
    group: np.ndarray
    split: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    maximum: np.ndarray
    fingerprint: str

    @classmethod
    def in_memory(
        cls, features: Sequence[Feature], values: np.ndarray, target: np.ndarray, **columns: Any
    ) -> "SampleTable":
        """Make a table without files; columns not given get the plainest value.

        Those are: unknown measurement error, every site its own group, all sites for training,
        position 0, 0, no bound by a covariate.
        """
        n = len(target)
        site_id = np.array([f"site_{row:05d}" for row in range(n)])
        defaults: dict[str, Any] = {
            "target_sd": np.full(n, np.nan),
            "site_id": site_id,
            "method": np.full(n, "other"),
            "group": columns.get("site_id", site_id),
            "split": np.full(n, "train"),
            "longitude": np.zeros(n),
            "latitude": np.zeros(n),
            "maximum": np.full(n, np.nan),
        }
        if unknown := set(columns) - set(defaults):
            raise ValueError(f"no such columns: {sorted(unknown)}")
        table = cls(
            features=tuple(features),
            values=np.asarray(values, dtype=np.float32),
            target=np.asarray(target, dtype=np.float64),
            fingerprint="",
            **{name: np.asarray(value) for name, value in {**defaults, **columns}.items()},
        )
        return replace(table, fingerprint=_content_fingerprint(table))

    @property
    def n(self) -> int:
        return len(self.target)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def rows(self, index: np.ndarray) -> "SampleTable":
        """Return the table of the rows at `index` (positions, or a mask of n)."""
        columns = {
            field.name: getattr(self, field.name)[index]
            for field in fields(self)
            if field.name not in ("features", "fingerprint")
        }
        table = replace(self, **columns)
        return replace(table, fingerprint=_content_fingerprint(table))

    def with_features(self, names: Sequence[str]) -> "SampleTable":
        """Return the table with the features called `names`, in that order."""
        position = {name: column for column, name in enumerate(self.names)}
        for name in names:
            if name not in position:
                raise SampleTableError(f"no feature {name!r}{nearest(name, self.names)}")
        columns = [position[name] for name in names]
        table = replace(
            self,
            features=tuple(self.features[column] for column in columns),
            values=self.values[:, columns],
        )
        return replace(table, fingerprint=_content_fingerprint(table))

    def bounded(self, target: TargetSettings) -> "SampleTable":
        """Return the table with `maximum` from the covariate that the target names, if any.

        Raises
        ------
        SampleTableError
            as for `bounds.maximum_rule`.
        """
        rule = maximum_rule(self.features, target)
        if rule is None:
            return self
        bound = rule.bound(self.values[:, self.names.index(rule.covariate.name)])
        return replace(self, maximum=bound)


def read_samples(path: Path, target: TargetSettings) -> SampleTable:
    """Read ``samples.csv`` and the ``samples.json`` beside it.

    Raises
    ------
    SampleTableError
        Names the file, and all faults with their rows (the header is row 1) and columns: a file
        missing or not readable; another version, target or unit; columns missing or unknown;
        text in a column of numbers; a site twice; a value that cannot be.
    """
    path = Path(path)
    describing = path.with_suffix(".json")
    table_bytes, description_bytes = _bytes(path), _bytes(describing)
    features = _features(describing, description_bytes, target)
    frame = _frame(path, table_bytes, features, target)
    faults = _text_in_numbers(frame, features, target)
    numbers = _number_columns(features, target)
    frame[numbers] = frame[numbers].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    told = {(row, column) for row, column, _ in faults}
    faults += [f for f in _schema_faults(frame, features, target) if f[:2] not in told]
    if faults:
        raise SampleTableError(_told(path, faults))
    values = frame[[feature.name for feature in features]].to_numpy(np.float32)
    table = SampleTable(
        features=features,
        values=np.where(np.isfinite(values), values, np.float32(np.nan)),
        target=frame[target.name].to_numpy(np.float64),
        target_sd=frame[f"{target.name}_sd"].to_numpy(np.float64),
        **{name: frame[name].to_numpy(str) for name in TEXT_COLUMNS},
        longitude=frame["longitude"].to_numpy(np.float64),
        latitude=frame["latitude"].to_numpy(np.float64),
        maximum=np.full(len(frame), np.nan),
        fingerprint=_sha256(table_bytes, description_bytes),
    )
    return table.bounded(target)


def read_target(path: Path) -> TargetSettings:
    """Return the target that the ``samples.json`` beside `path` describes.

    Raises
    ------
    SampleTableError
        There is no such description, or it is not whole.
    """
    describing = Path(path).with_suffix(".json")
    try:
        return TargetSettings.model_validate(json.loads(_bytes(describing))["target"])
    except (ValueError, KeyError, TypeError) as fault:
        raise SampleTableError(f"{describing} does not describe a target: {fault}") from None


def write_samples(
    folder: Path,
    frame: pd.DataFrame,
    features: Sequence[Feature],
    target: TargetSettings,
    provenance: dict[str, Any],
) -> Path:
    """Write ``samples.csv`` and ``samples.json`` into `folder`; return the path of the former.

    Parameters
    ----------
    frame : one row a site, with the columns of the contract in any order: site_id, longitude,
        latitude, row, col, method, group, split, the target, its ``_sd``, and the features
    provenance : where the values come from, plain values only

    Raises
    ------
    SampleTableError
        A column is missing from `frame`.
    """
    columns = _columns(features, target)
    if absent := [name for name in columns if name not in frame.columns]:
        raise SampleTableError(
            f"columns missing from the samples: {', '.join(absent)}; "
            f"present are {', '.join(map(str, frame.columns))}"
        )
    document = {
        "schema_version": SCHEMA_VERSION,
        "target": target.model_dump(mode="json"),
        "features": [feature.to_json() for feature in features],
        "provenance": provenance,
    }
    path = Path(folder) / "samples.csv"
    # The table goes last: where it lies, its description lies too.
    write_whole(path.with_suffix(".json"), json_bytes(document))
    write_whole(path, csv_bytes(frame[columns]))
    return path


def _columns(features: Sequence[Feature], target: TargetSettings) -> list[str]:
    fixed = ["site_id", "longitude", "latitude", "row", "col", "method", "group", "split"]
    return [*fixed, target.name, f"{target.name}_sd", *(feature.name for feature in features)]


def _number_columns(features: Sequence[Feature], target: TargetSettings) -> list[str]:
    return [name for name in _columns(features, target) if name not in TEXT_COLUMNS]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise SampleTableError(
            f"{path} cannot be read ({fault.strerror}); a sample table is samples.csv with "
            "samples.json beside it, both written by the sampling step"
        ) from None


def _features(path: Path, content: bytes, target: TargetSettings) -> tuple[Feature, ...]:
    try:
        document = json.loads(content)
        version = document["schema_version"]
        if version != SCHEMA_VERSION:
            raise SampleTableError(
                f"{path}: schema_version {version} is not known, {SCHEMA_VERSION} is; "
                "sample the covariates again with this version of alm90"
            )
        stated = document["target"]["name"], document["target"]["unit"]
        features = tuple(Feature.from_json(entry) for entry in document["features"])
    except (ValueError, KeyError, TypeError) as fault:
        raise SampleTableError(
            f"{path} is not the description of a sample table ({type(fault).__name__}: {fault})"
        ) from None
    if stated != (target.name, target.unit):
        raise SampleTableError(
            f"{path} describes samples of {stated[0]} in {stated[1]}, but the study's target is "
            f"{target.name} in {target.unit}; sample again, or set [target] to what was sampled"
        )
    if not features:
        raise SampleTableError(f"{path} names no features, so there is nothing to learn from")
    return features


def _frame(
    path: Path, content: bytes, features: Sequence[Feature], target: TargetSettings
) -> pd.DataFrame:
    try:
        text = content.decode("utf-8-sig")
        header = next(csv.reader(io.StringIO(text)), [])
        frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, index_col=False)
    except (ValueError, csv.Error) as fault:
        raise SampleTableError(f"{path} is not a table of comma-separated UTF-8: {fault}") from None
    expected = _columns(features, target)
    problems = [f"column {name} is there twice" for name in sorted(_repeated(header))]
    problems += [
        f"column {name} is missing{nearest(name, header)}"
        for name in expected
        if name not in header
    ]
    problems += [
        f"column {name!r} is not described in {path.with_suffix('.json').name}"
        f"{nearest(name, expected)}"
        for name in header
        if name not in expected
    ]
    if problems:
        raise SampleTableError(
            f"{path}: {'; '.join(problems)}. The table and its description must agree: "
            "sample again, or mend the header"
        )
    if frame.empty:
        raise SampleTableError(f"{path} has a header but no rows; no site was sampled")
    stripped: pd.DataFrame = frame[expected].apply(lambda column: column.str.strip())
    return stripped


def _text_in_numbers(
    frame: pd.DataFrame, features: Sequence[Feature], target: TargetSettings
) -> list[tuple[int, str, str]]:
    faults = []
    for name in _number_columns(features, target):
        text = frame[name]
        wrong = pd.to_numeric(text, errors="coerce").isna() & (text != "")
        wrong &= text.str.lower() != "nan"
        faults += [
            (int(row), name, f"{text[row]!r} is not a number") for row in np.flatnonzero(wrong)
        ]
    return faults


def _schema_faults(
    frame: pd.DataFrame, features: Sequence[Feature], target: TargetSettings
) -> list[tuple[int, str, str]]:
    def number(check: Any = None, nullable: bool = False) -> pa.Column:
        return pa.Column(float, check, nullable=nullable)

    filled = pa.Check.str_length(min_value=1, error="is empty")
    columns = {
        "site_id": pa.Column(str, filled, unique=True),
        "longitude": number(pa.Check.in_range(-180, 180, error="is no longitude in degrees")),
        "latitude": number(pa.Check.in_range(-90, 90, error="is no latitude in degrees")),
        "row": number(nullable=True),
        "col": number(nullable=True),
        "method": pa.Column(str),
        "group": pa.Column(str, filled),
        "split": pa.Column(str, pa.Check.isin(["train", "test"], error="is not train or test")),
        target.name: number(pa.Check(np.isfinite, error="is not finite")),
        f"{target.name}_sd": number(
            pa.Check.in_range(0, np.inf, include_max=False, error="is no standard deviation"),
            nullable=True,
        ),
    }
    for feature in features:
        columns[feature.name] = number(_level_check(feature), nullable=True)
    try:
        pa.DataFrameSchema(columns, strict=True).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as failure:
        reasons = {"not_nullable": "is missing", "field_uniqueness": "is there more than once"}
        return sorted(
            {
                (int(case.index), str(case.column), _reason(case, reasons))
                for case in failure.failure_cases.itertuples(index=False)
            }
        )
    return []


def _level_check(feature: Feature) -> Any:
    if feature.levels is None:
        return None
    return pa.Check.isin(
        list(map(float, feature.levels)), error=f"is none of the levels {feature.levels}"
    )


def _reason(case: Any, reasons: dict[str, str]) -> str:
    value = "" if case.check == "not_nullable" else f"{case.failure_case!r} "
    return value + reasons.get(case.check, str(case.check))


def _told(path: Path, faults: Sequence[tuple[int, str, str]]) -> str:
    # Spreadsheets count the header as row 1.
    lines = [f"  row {row + 2}, column {column}: {reason}" for row, column, reason in faults]
    left = len(lines) - FAULTS_SHOWN
    more = [f"  and {left} more"] if left > 0 else []
    heading = f"{path} has {len(lines)} faults (the header is row 1):"
    return "\n".join([heading, *lines[:FAULTS_SHOWN], *more])


def _repeated(names: Sequence[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


def _sha256(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _content_fingerprint(table: SampleTable) -> str:
    parts = [json.dumps([feature.to_json() for feature in table.features]).encode()]
    for field in fields(table):
        value = getattr(table, field.name)
        if isinstance(value, np.ndarray):
            numeric = value.dtype.kind == "f"
            parts.append(value.tobytes() if numeric else json.dumps(value.tolist()).encode())
    return _sha256(*parts)
