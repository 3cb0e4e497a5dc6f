"""The training table: what the covariates hold at each site, and what was measured there.

In and out: ``samples.csv`` (one row a site) with ``samples.json`` beside it (what the columns
mean). Covariates in their own units, float32, NaN where missing; the target in its unit;
longitude and latitude in degrees.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from local_ml.bounds import maximum_rule
from local_ml.errors import SampleTableError
from local_ml.features import Feature
from local_ml.files import csv_bytes, json_bytes, write_whole
from local_ml.names import nearest
from local_ml.prediction.maximum_rule import MaximumRule
from local_ml.sample_cells import TEXT_COLUMNS, columns_of, read_cells
from local_ml.settings import TargetSettings

SCHEMA_VERSION = 1


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
    auxiliary : q, sampled but never learned from, such as the porosity that bounds the target
    auxiliary_values : (n, q) float32, as `values`
    maximum : (n,) float64, the highest value possible at the place, from a covariate, in the
        target's unit; NaN where none is known and the target's constant bound holds alone
    bounding : the covariate that `maximum` comes from, and how; None where none bounds the target
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
    auxiliary: tuple[Feature, ...]
    auxiliary_values: np.ndarray
    maximum: np.ndarray
    bounding: MaximumRule | None
    fingerprint: str

    @classmethod
    def in_memory(
        cls, features: Sequence[Feature], values: np.ndarray, target: np.ndarray, **columns: Any
    ) -> "SampleTable":
        """Make a table without files; columns not given get the plainest value.

        Those are: unknown measurement error, every site its own group, all sites for training,
        position 0, 0, nothing auxiliary, no bound by a covariate.
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
            "auxiliary_values": np.empty((n, 0), np.float32),
            "maximum": np.full(n, np.nan),
        }
        auxiliary = tuple(columns.pop("auxiliary", ()))
        if unknown := set(columns) - set(defaults):
            raise ValueError(f"no such columns: {sorted(unknown)}")
        table = cls(
            features=tuple(features),
            values=np.asarray(values, dtype=np.float32),
            target=np.asarray(target, dtype=np.float64),
            auxiliary=auxiliary,
            bounding=None,
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
            if isinstance(getattr(self, field.name), np.ndarray)
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

    def values_of(self, names: Sequence[str]) -> np.ndarray:
        """Return the values of features or auxiliary covariates, (n, len(names)) float32."""
        known = (*self.features, *self.auxiliary)
        position = {one.name: column for column, one in enumerate(known)}
        absent = [name for name in names if name not in position]
        if absent:
            raise SampleTableError(f"no covariate {absent[0]!r}{nearest(absent[0], position)}")
        values = np.column_stack([self.values, self.auxiliary_values])
        wanted: np.ndarray = values[:, [position[name] for name in names]]
        return wanted

    def bounded(self, target: TargetSettings) -> "SampleTable":
        """Return the table with `maximum` from the covariate that the target names, if any.

        It may be a feature, or an auxiliary covariate.

        Raises
        ------
        SampleTableError
            as for `bounds.maximum_rule`.
        """
        rule = maximum_rule((*self.features, *self.auxiliary), target)
        if rule is None:
            return self
        maximum = rule.bound(self.values_of([rule.covariate.name])[:, 0])
        return replace(self, maximum=maximum, bounding=rule)


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
    features, auxiliary = _features(describing, description_bytes, target)
    frame = read_cells(path, table_bytes, (*features, *auxiliary), target)
    table = SampleTable(
        features=features,
        values=_values(frame, features),
        target=frame[target.name].to_numpy(np.float64),
        target_sd=frame[f"{target.name}_sd"].to_numpy(np.float64),
        **{name: frame[name].to_numpy(str) for name in TEXT_COLUMNS},
        longitude=frame["longitude"].to_numpy(np.float64),
        latitude=frame["latitude"].to_numpy(np.float64),
        auxiliary=auxiliary,
        auxiliary_values=_values(frame, auxiliary),
        maximum=np.full(len(frame), np.nan),
        bounding=None,
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
    auxiliary: Sequence[Feature] = (),
) -> Path:
    """Write ``samples.csv`` and ``samples.json`` into `folder`; return the path of the former.

    Parameters
    ----------
    frame : one row a site, with the columns of the contract in any order: site_id, longitude,
        latitude, row, col, method, group, split, the target, its ``_sd``, the features, and
        what is auxiliary
    provenance : where the values come from, plain values only
    auxiliary : sampled beside the features, never to be learned from

    Raises
    ------
    SampleTableError
        A column is missing from `frame`.
    """
    columns = columns_of((*features, *auxiliary), target)
    if absent := [name for name in columns if name not in frame.columns]:
        raise SampleTableError(
            f"columns missing from the samples: {', '.join(absent)}; "
            f"present are {', '.join(map(str, frame.columns))}"
        )
    document = {
        "schema_version": SCHEMA_VERSION,
        "target": target.model_dump(mode="json"),
        "features": [feature.to_json() for feature in features],
        "auxiliary": [feature.to_json() for feature in auxiliary],
        "provenance": provenance,
    }
    path = Path(folder) / "samples.csv"
    # The table goes last: where it lies, its description lies too.
    write_whole(path.with_suffix(".json"), json_bytes(document))
    write_whole(path, csv_bytes(frame[columns]))
    return path


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise SampleTableError(
            f"{path} cannot be read ({fault.strerror}); a sample table is samples.csv with "
            "samples.json beside it, both written by the sampling step"
        ) from None


def _features(
    path: Path, content: bytes, target: TargetSettings
) -> tuple[tuple[Feature, ...], tuple[Feature, ...]]:
    """Return the features, and the covariates that are none, which older tables do not list."""
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
        auxiliary = tuple(Feature.from_json(entry) for entry in document.get("auxiliary", ()))
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
    names = [one.name for one in (*features, *auxiliary)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SampleTableError(f"{path} lists {', '.join(twice)} more than once")
    return features, auxiliary


def _values(frame: pd.DataFrame, features: Sequence[Feature]) -> np.ndarray:
    values = frame[[feature.name for feature in features]].to_numpy(np.float32)
    return np.where(np.isfinite(values), values, np.float32(np.nan))


def _sha256(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _content_fingerprint(table: SampleTable) -> str:
    covariates = (*table.features, *table.auxiliary)
    parts = [json.dumps([feature.to_json() for feature in covariates]).encode()]
    for field in fields(table):
        value = getattr(table, field.name)
        if isinstance(value, np.ndarray):
            numeric = value.dtype.kind == "f"
            parts.append(value.tobytes() if numeric else json.dumps(value.tolist()).encode())
    return _sha256(*parts)
