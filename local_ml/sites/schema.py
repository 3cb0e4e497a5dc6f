"""Physical ranges and admitted words, checked by pandera on all rows at once.

In: the typed rows of a field table. Out: every cell that breaks the schema. Also the schema of
the screened sites, which guards what is handed to sampling, and says how their file is read.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa

from local_ml.sites.columns import Column

METHODS = ("ring", "gpr", "other")
SPLITS = ("train", "test")


def _check(column: Column) -> list[Any]:
    if column.minimum is None and column.maximum is None:
        return []
    strict = column.exclusive
    checks = []
    if column.minimum is not None:
        checks.append((pa.Check.gt if strict else pa.Check.ge)(column.minimum))
    if column.maximum is not None:
        checks.append((pa.Check.lt if strict else pa.Check.le)(column.maximum))
    return checks


def out_of_range(rows: pd.DataFrame, columns: list[Column]) -> list[tuple[int, str, str]]:
    """Return the cells outside the range of their column: position, column, the range in words.

    Parameters
    ----------
    rows : typed rows with a plain index, numbers in the units of the schema, NaN where missing
    columns : the number columns to check
    """
    bounded = {column.name: column for column in columns if _check(column)}
    checked = pa.DataFrameSchema(
        {name: pa.Column(float, _check(column), nullable=True) for name, column in bounded.items()}
    )
    try:
        checked.validate(rows, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases[["index", "column"]].drop_duplicates()
        cells = sorted((int(at), str(name)) for at, name in cases.to_numpy())
        return [(at, name, _range(bounded[name])) for at, name in cells]
    return []


def _range(column: Column) -> str:
    unit = "" if column.unit in ("", "1") else f" {column.unit}"
    if column.maximum is None:
        relation = "above" if column.exclusive else "at least"
        return f"{relation} {column.minimum:g}{unit}"
    return f"between {column.minimum:g} and {column.maximum:g}{unit}"


def sites_schema() -> Any:
    """Return the schema of screened sites: what sampling, training and the report may rely on."""
    number = pa.Column(float, nullable=True)
    text = pa.Column(str)
    return pa.DataFrameSchema(
        {
            "site_id": pa.Column(str, pa.Check.str_length(min_value=1), unique=True),
            "longitude": pa.Column(float, pa.Check.in_range(-180, 180)),
            "latitude": pa.Column(float, pa.Check.in_range(-90, 90)),
            "row": pa.Column("int64", pa.Check.ge(0)),
            "col": pa.Column("int64", pa.Check.ge(0)),
            "method": pa.Column(str, pa.Check.isin(METHODS)),
            "campaign": text,
            "group": pa.Column(str, pa.Check.str_length(min_value=1)),
            "split": pa.Column(str, pa.Check.isin(SPLITS)),
            "target": pa.Column(float),
            "target_sd": pa.Column(float, pa.Check.gt(0), nullable=True),
            "depth_top_m": number,
            "depth_bottom_m": number,
            "support_m": pa.Column(float, pa.Check.gt(0), nullable=True),
            "thaw_depth_m": number,
            "year": number,
            "elevation_m": number,
            "n_rows": pa.Column("int64", pa.Check.ge(1)),
            "file_row": pa.Column("int64", pa.Check.ge(1)),
        },
        strict=True,
        ordered=True,
    )


def read_screened(path: Path) -> pd.DataFrame:
    """Return the table that ``screened.csv`` holds, as `sites_schema` has its columns.

    Numbers are those that were written: pandas' own parser, before 3.1, is a last digit off in
    one of three. Only an empty cell is missing, since a site may be called "NA".
    """
    sites = pd.read_csv(path, dtype=str, keep_default_na=False)
    kinds = {name: str(column.dtype) for name, column in sites_schema().columns.items()}
    numbers = {name: kinds[name] for name in sites if kinds.get(name) in ("float64", "int64")}
    typed: pd.DataFrame = sites.replace(dict.fromkeys(numbers, ""), "nan").astype(numbers)
    return typed
