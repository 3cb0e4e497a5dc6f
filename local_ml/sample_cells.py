"""The cells of ``samples.csv``: read as text, checked all at once, then numbers.

In: the bytes of the file, and which covariates it must hold. Out: a DataFrame with a column of
text or float64 each, NaN where missing; or one error that names every fault with its row.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from local_ml.errors import SampleTableError
from local_ml.features import Feature
from local_ml.names import counted, nearest
from local_ml.settings import TargetSettings

FAULTS_SHOWN = 20
TEXT_COLUMNS = ("site_id", "method", "group", "split")

# What rasters and field programs write where a value is missing, and hardly any covariate holds.
# Smaller ones (-9, 999) are left alone: distances, heights and decibels reach them.
_FILL_VALUES = np.array(
    [-99.0, -999.0, -9999.0, -99999.0, -999999.0, -32768.0, -32767.0, 32767.0, 65535.0,
     -3.4028234663852886e38, 3.4028234663852886e38, -1e30, 1e30, -1e20, 1e20, 9.969209968386869e36],
    np.float32,
)  # fmt: skip
# Bounds are met to rounding: the mean of three values of 0.85 may lie a last digit above.
_ROUNDING = 1e-9


def columns_of(covariates: Sequence[Feature], target: TargetSettings) -> list[str]:
    """Return the names of all columns, in their order."""
    fixed = ["site_id", "longitude", "latitude", "row", "col", "method", "group", "split"]
    return [*fixed, target.name, f"{target.name}_sd", *(one.name for one in covariates)]


def read_cells(
    path: Path, content: bytes, covariates: Sequence[Feature], target: TargetSettings
) -> pd.DataFrame:
    """Return the table that `content` holds.

    Parameters
    ----------
    path : of the file, for errors
    covariates : those that the description beside the table lists, features or not

    Raises
    ------
    SampleTableError
        Names the file, and all faults with their rows (the header is row 1) and columns.
    """
    frame = _frame(path, content, covariates, target)
    faults = _text_in_numbers(frame, covariates, target)
    numbers = _number_columns(covariates, target)
    frame[numbers] = frame[numbers].apply(exact_numbers)
    told = {(row, column) for row, column, _ in faults}
    faults += [f for f in _schema_faults(frame, covariates, target) if f[:2] not in told]
    if faults:
        raise SampleTableError(_told(path, faults))
    return frame


def exact_numbers(text: pd.Series) -> pd.Series:
    """Return a column of text as the float64 that were written, NaN where it holds no number.

    Pandas' own parser, before 3.1, is a last digit off in one number of three.
    """
    known = pd.to_numeric(text, errors="coerce").notna()
    numbers: pd.Series = text.where(known, "nan").astype(np.float64)
    return numbers


def _number_columns(covariates: Sequence[Feature], target: TargetSettings) -> list[str]:
    return [name for name in columns_of(covariates, target) if name not in TEXT_COLUMNS]


def _frame(
    path: Path, content: bytes, covariates: Sequence[Feature], target: TargetSettings
) -> pd.DataFrame:
    try:
        text = content.decode("utf-8-sig")
        header = next(csv.reader(io.StringIO(text)), [])
        frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, index_col=False)
    except (ValueError, csv.Error) as fault:
        raise SampleTableError(f"{path} is not a table of comma-separated UTF-8: {fault}") from None
    expected = columns_of(covariates, target)
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
    frame: pd.DataFrame, covariates: Sequence[Feature], target: TargetSettings
) -> list[tuple[int, str, str]]:
    faults = []
    for name in _number_columns(covariates, target):
        text = frame[name]
        wrong = pd.to_numeric(text, errors="coerce").isna() & (text != "")
        wrong &= text.str.lower() != "nan"
        faults += [
            (int(row), name, f"{text[row]!r} is not a number") for row in np.flatnonzero(wrong)
        ]
    return faults


def _schema_faults(
    frame: pd.DataFrame, covariates: Sequence[Feature], target: TargetSettings
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
        target.name: number([pa.Check(np.isfinite, error="is not finite"), *_bounds(target)]),
        f"{target.name}_sd": number(
            pa.Check.in_range(0, np.inf, include_max=False, error="is no standard deviation"),
            nullable=True,
        ),
    }
    for feature in covariates:
        columns[feature.name] = number(_value_checks(feature), nullable=True)
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


def _bounds(target: TargetSettings) -> list[Any]:
    """Return the checks that the target can be what a cell says; infinities are told elsewhere."""
    low = -np.inf if target.minimum is None else target.minimum
    high = np.inf if target.maximum is None else target.maximum

    def within(values: pd.Series) -> pd.Series:
        slack = [_ROUNDING * abs(bound) if np.isfinite(bound) else 0.0 for bound in (low, high)]
        beyond: pd.Series = (values < low - slack[0]) | (values > high + slack[1])
        return ~(beyond & (values.abs() < np.inf))

    shown = ["…" if not np.isfinite(bound) else f"{bound:g}" for bound in (low, high)]
    text = f"lies outside {shown[0]} to {shown[1]} {target.unit}, the target's minimum and maximum"
    checks = [pa.Check(within, error=text)]
    if target.transform == "log":
        checks.append(pa.Check(lambda values: values > 0, error="has no logarithm"))
    return checks


def _value_checks(feature: Feature) -> list[Any]:
    if feature.levels is not None:
        told = f"is none of the levels {feature.levels}"
        return [pa.Check.isin(list(map(float, feature.levels)), error=told)]
    most = float(np.finfo(np.float32).max)
    told = "looks like a code for a missing value, far from all others: leave the cell empty"
    return [
        pa.Check(lambda values: values.abs() <= most, error="is not finite as float32"),
        pa.Check(lambda values: ~_fill_values(values), error=told),
    ]


def _fill_values(values: pd.Series) -> pd.Series:
    """Say which values are known codes, and farther from all others than these spread."""
    with np.errstate(over="ignore"):  # what no float32 can hold is told elsewhere
        known = values.astype(np.float32).isin(_FILL_VALUES)
    others = values[~known & np.isfinite(values)]
    if others.empty:
        return known
    spread = others.max() - others.min()
    far: pd.Series = (values < others.min() - spread) | (values > others.max() + spread)
    return known & far


def _reason(case: Any, reasons: dict[str, str]) -> str:
    value = "" if case.check == "not_nullable" else f"{case.failure_case!r} "
    return value + reasons.get(case.check, str(case.check))


def _told(path: Path, faults: Sequence[tuple[int, str, str]]) -> str:
    # Spreadsheets count the header as row 1.
    lines = [f"  row {row + 2}, column {column}: {reason}" for row, column, reason in faults]
    left = len(lines) - FAULTS_SHOWN
    more = [f"  and {left} more"] if left > 0 else []
    heading = f"{path} has {counted(len(lines), 'fault')} (the header is row 1):"
    return "\n".join([heading, *lines[:FAULTS_SHOWN], *more])


def _repeated(names: Sequence[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}
