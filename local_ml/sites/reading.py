"""The field table as found to typed rows in the schema's names and units.

In: a delimited text file and the `[sites]` section of a study. Out: a FieldTable, with one row
for each record of the file; what could not be read is NaN (or '') and listed as a Fault.
Nothing is left out here: that is screening's part, which knows the region.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from local_ml.settings import TargetSettings
from local_ml.sites import cells
from local_ml.sites.cells import Fault, line_numbers
from local_ml.sites.column_reader import ColumnReader
from local_ml.sites.columns import check_settings
from local_ml.sites.inversion import invert_velocity
from local_ml.sites.schema import METHODS, out_of_range
from local_ml.sites.settings import SiteTableSettings
from local_ml.sites.text import read_text_table


@dataclass(frozen=True)
class FieldTable:
    """A field table in the schema's names and units.

    Parameters
    ----------
    file : name of the file, for messages
    rows : one line a record, in the order of the file: `row` (number of the line where the record
        begins, 1-based), `site_id`, `longitude` and `latitude` (degrees), `coordinate_decimals`,
        `date`, `year`, `method`, `depth_top_m`, `depth_bottom_m`, `target` and `target_sd` (in the
        target's unit), `thaw_depth_m`, `campaign`, `transect`, `elevation_m`, `split`, `porosity`,
        and the GPR columns. NaN or '' where missing.
    faults : every cell and record that could not be used, in the order of the file
    warnings : what a user should look into
    notes : what was done
    """

    file: str
    rows: pd.DataFrame
    faults: tuple[Fault, ...]
    warnings: list[str]
    notes: list[str]


def read_field_table(path: Path, settings: SiteTableSettings, target: TargetSettings) -> FieldTable:
    """Read the field table at `path` as the settings say.

    Raises
    ------
    SiteTableError
        where the table as a whole cannot be used: no such file, empty, a mapped column that is
        not there, a key that is not in the schema, words for method or split that are not mapped.
        The text names the file, all culprits, and the nearest names. Single cells that cannot be
        read are no error here: they become faults of the table.
    """
    check_settings(settings, target)
    reader = ColumnReader(read_text_table(path, settings), settings, target, path.name)
    longitude, latitude, decimals = reader.coordinates()
    methods = {**{word: word for word in METHODS}, **settings.method_values}
    splits = {
        **dict.fromkeys(settings.train_values, "train"),
        **dict.fromkeys(settings.test_values, "test"),
    }
    values: dict[str, Any] = {
        "row": np.asarray(reader.text.lines, "int64"),
        "site_id": reader.site_ids(),
        "longitude": longitude,
        "latitude": latitude,
        "coordinate_decimals": decimals,
        "date": reader.dates(),
        "method": reader.mapped_words("method", methods, "method_values"),
        "split": reader.mapped_words("split", splits, "train_values or test_values"),
        "campaign": reader.words("campaign"),
        "transect": reader.words("transect"),
    }
    if not reader.gives("split"):
        values["split"] = ["train"] * len(reader.records)
    for name, column in reader.schema.items():
        if column.kind == "number" and name not in ("x", "y"):
            values[column.name] = reader.numbers(name)
    for name in ("porosity", "thaw_depth_m", "elevation_m"):  # unless the target took the name
        values.setdefault(name, np.full(len(reader.records), np.nan))
    rows = pd.DataFrame(values)
    text_columns = ["site_id", "date", "method", "split", "campaign", "transect"]
    rows = rows.astype(dict.fromkeys(text_columns, "str"))
    rows = _blank_out_of_range(rows, reader)
    years = pd.to_numeric(rows["date"].str.slice(0, 4), errors="coerce").astype(float)
    rows["year"] = rows["year"].fillna(years)
    rows, more_notes, more_warnings = invert_velocity(rows, settings.gpr, target)
    rows["method"] = rows["method"].where(rows["method"] != "", "other")
    rows, id_notes = _unique_ids(rows)
    _note_half_intervals(rows, reader)
    faults = tuple(sorted(reader.faults, key=lambda fault: fault.row))
    return FieldTable(
        path.name,
        rows,
        faults,
        [*reader.warnings, *more_warnings],
        [*reader.notes, *more_notes, *id_notes],
    )


def _blank_out_of_range(rows: pd.DataFrame, reader: ColumnReader) -> pd.DataFrame:
    """Make a fault of each number outside its physical range, and take it out."""
    by_column = {column.name: name for name, column in reader.schema.items()}
    checked = [c for c in reader.schema.values() if c.kind == "number" and c.name in rows]
    rows = rows.copy()
    for at, column, allowed in out_of_range(rows, checked):
        value = f"{float(rows[column].iloc[at]):g}"
        detail = f"{value} is not {allowed}"
        reader.fault(at, by_column[column], value, cells.OUT_OF_RANGE, detail)
        rows.loc[at, column] = np.nan
    return rows


def _unique_ids(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Tell sites apart that bear one name at several positions, by the row where each begins.

    Depth intervals and repeated visits stand at one position and keep their common name.
    """
    ids = rows["site_id"].to_list()
    taken = set(ids)
    repeated = []
    shared = rows[rows.duplicated("site_id", keep=False)]
    for name, block in shared.groupby("site_id", sort=False):
        placed = block.dropna(subset=["longitude", "latitude"])
        places = placed.groupby(["longitude", "latitude"], sort=False)
        if places.ngroups < 2:
            continue
        repeated.append(f"'{name}' ({places.ngroups} positions)")
        for _, place in places:
            unique = f"{name}_{place['row'].iloc[0]}"
            while unique in taken:
                unique += "_"
            taken.add(unique)
            for index in place.index:
                ids[index] = unique
    if not repeated:
        return rows, []
    listed = ", ".join(repeated[:5]) + (
        "" if len(repeated) <= 5 else f" and {len(repeated) - 5} more"
    )
    return rows.assign(site_id=pd.Series(ids, index=rows.index, dtype="str")), [
        f"a name that repeats at several positions is no duplicate; such sites are told apart by "
        f"their row number: {listed}. Where the name is that of a transect, map it as transect, too"
    ]


def _note_half_intervals(rows: pd.DataFrame, reader: ColumnReader) -> None:
    half = rows["depth_top_m"].isna() != rows["depth_bottom_m"].isna()
    if half.any():
        reader.warnings.append(
            "only one of depth_top_m and depth_bottom_m is known, so the depth interval is not: "
            f"{line_numbers(rows.loc[half, 'row'])}"
        )
