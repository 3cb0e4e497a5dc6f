"""A field table, located on the map's grid, to the sites that a model may learn from.

In: a FieldTable, and for each of its rows the pixel and whether it lies in the region. Out:
the sites kept, one line each with its group; every row left out, with one reason; warnings.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from local_ml.errors import SiteTableError
from local_ml.names import counted
from local_ml.settings import TargetSettings
from local_ml.sites import coordinates
from local_ml.sites.cells import SUSPECTED_CODE, Fault, line_numbers
from local_ml.sites.column_reader import REPEATED_LINE, WRONG_FIELDS
from local_ml.sites.columns import VELOCITY_COLUMNS
from local_ml.sites.duplicates import merge_within_pixels
from local_ml.sites.groups import group_sites
from local_ml.sites.losses import warn_of_losses, warn_of_percent
from local_ml.sites.plausible import warn_of_oddities
from local_ml.sites.profiles import integrate_profiles
from local_ml.sites.reading import FieldTable
from local_ml.sites.schema import sites_schema
from local_ml.sites.settings import SiteTableSettings

TARGET_MISSING = "target missing"
TARGET_OUT_OF_BOUNDS = "target out of physical bounds"
INTERVAL_REVERSED = "depth interval empty or reversed"
SPLIT_MISSING = "split missing"

_POSITION = ("longitude", "latitude", "x", "y")


@dataclass(frozen=True)
class ScreenedSites:
    """What screening kept, left out, and has to say.

    Parameters
    ----------
    sites : one line a site: site_id, longitude and latitude (degrees), row and col (pixel), method,
        campaign, group, split, target and target_sd (target's unit), depth_top_m, depth_bottom_m,
        support_m, thaw_depth_m, year, elevation_m, n_rows (rows of the file that went into it),
        file_row (line of the file where the first of them begins). NaN where unknown
    excluded : one line a row left out: row (line of the file), site_id, reason, detail
    merged : one line a row that was averaged with others of its pixel: row, site_id, into
    warnings : what a user should look into
    notes : what was done
    summary : counts
    """

    sites: pd.DataFrame
    excluded: pd.DataFrame
    merged: pd.DataFrame
    warnings: list[str]
    notes: list[str]
    summary: dict[str, Any]


def screen(
    table: FieldTable,
    settings: SiteTableSettings,
    target: TargetSettings,
    located: pd.DataFrame,
    region_text: str,
    mask_text: str = "its mask",
) -> ScreenedSites:
    """Leave out unfit rows, integrate profiles, merge within pixels, and group the sites.

    Parameters
    ----------
    located : one line for each line of `table.rows`, in its order: `row`, `col` (pixel; anything
        where unknown), `in_region` (bool), and where it is known `in_region_swapped` (bool):
        whether the position would lie in the region with longitude and latitude exchanged, and
        `in_grid` (bool): whether it lies within the region's edges, mask or not
    region_text : the region in words, for the reasons: "the region (68.0–104.7°E, 25.8–39.8°N)"
    mask_text : what leaves pixels within the edges out, in words: "its mask (permafrost.tif)"

    Raises
    ------
    SiteTableError
        where fewer than `settings.screening.minimum_sites` sites are left; the text counts the
        reasons and gives their rows.
    ValueError
        where `located` has not one line for each row.
    """
    if len(located) != len(table.rows):
        raise ValueError(f"{len(table.rows)} rows, but {len(located)} located positions")
    rows = table.rows.rename(columns={"row": "file_row"}).reset_index(drop=True)
    nowhere = pd.Series(np.zeros(len(rows), bool))
    swapped = located.get("in_region_swapped", nowhere)
    rows = rows.assign(
        row=located["row"].to_numpy(),
        col=located["col"].to_numpy(),
        in_region=located["in_region"].to_numpy(bool),
        in_region_swapped=swapped.to_numpy(bool),
        in_grid=located.get("in_grid", nowhere).to_numpy(bool),
    )
    masked = f"lies within the edges of {region_text}, but {mask_text} leaves it out"
    faults: dict[int, list[Fault]] = {}
    for fault in table.faults:
        faults.setdefault(fault.row, []).append(fault)
    excluded: dict[int, tuple[str, str]] = {}
    few: list[int] = []
    for record in rows.to_dict("records"):
        line = int(record["file_row"])
        beyond = masked if record["in_grid"] else f"lies outside {region_text}"
        reasons = _reasons(record, faults.get(line, []), settings, target, beyond)
        if reasons:
            reason, detail = reasons[0]
            others = [other for other, _ in reasons[1:] if other != reason]
            excluded[line] = (reason, "; also ".join([detail, *dict.fromkeys(others)]))
        elif record["coordinate_decimals"] < settings.screening.minimum_decimals:
            few.append(line)
    warnings, notes = list(table.warnings), list(table.notes)
    warnings += _unused_cells(table.faults, set(excluded))
    warnings += coordinates.warn_of_minutes(
        rows["longitude"].to_numpy(float), rows["latitude"].to_numpy(float)
    )
    rounded = []
    if few:
        rounded.append(
            f"positions with fewer than {settings.screening.minimum_decimals} decimals may miss "
            f"their pixel: {line_numbers(few)}"
        )
    warnings += rounded
    fit = ~rows["file_row"].isin(list(excluded))
    warnings += warn_of_oddities(rows[fit], target)
    sites, incomplete, more_warnings, more_notes = integrate_profiles(
        rows[fit],
        rows[~fit],
        settings.screening.maximum_gap_share,
        settings.screening.error_correlation,
    )
    excluded.update(incomplete)
    warnings, notes = warnings + more_warnings, notes + more_notes
    sites, merged, more_warnings, more_notes = merge_within_pixels(
        sites, settings.screening.merge_methods, settings.screening.error_correlation
    )
    warnings, notes = warnings + more_warnings, notes + more_notes
    left_out = _excluded_table(rows, excluded)
    percent = warn_of_percent(rows, settings, target)
    _require_enough(table, sites, left_out, merged, settings, [*rounded, *percent])
    warnings += percent
    warnings += warn_of_losses(rows, left_out, (TARGET_MISSING, coordinates.OUT_OF_REGION))
    sites, group_notes = _group(sites, settings)
    notes += group_notes
    summary = {
        "rows": len(rows),
        "excluded": len(left_out),
        "reasons": dict(sorted(Counter(left_out["reason"]).items())),
        "sites": len(sites),
        "merged_rows": len(merged),
        "groups": int(sites["group"].nunique()),
        "methods": dict(sorted(Counter(sites["method"]).items())),
        "splits": dict(sorted(Counter(sites["split"]).items())),
    }
    return ScreenedSites(sites_schema().validate(sites), left_out, merged, warnings, notes, summary)


def _reasons(
    record: dict[Any, Any],
    faults: list[Fault],
    settings: SiteTableSettings,
    target: TargetSettings,
    beyond: str,
) -> list[tuple[str, str]]:
    """All reasons against a row, the gravest first; `beyond`: why it is not in the region."""
    reasons = [(f.reason, f.detail) for f in faults if f.reason in (WRONG_FIELDS, REPEATED_LINE)]
    if any(f.reason == WRONG_FIELDS for f in faults):
        return reasons  # its cells may stand in the wrong columns

    def of(*names: str) -> list[tuple[str, str]]:
        return [(f.reason, f"{f.column}: {f.detail}") for f in faults if f.name in names]

    position = of(*_POSITION)
    if not position:
        wrong = coordinates.suspicious(
            record["longitude"], record["latitude"], record["in_region"],
            record["in_region_swapped"], beyond,
        )  # fmt: skip
        position = [wrong] if wrong else []
    reasons += position
    decimals = record["coordinate_decimals"]
    if (
        settings.screening.few_decimals == "exclude"
        and decimals < settings.screening.minimum_decimals
    ):
        reasons.append((coordinates.FEW_DECIMALS, f"{decimals:g} decimals of a degree"))
    value = record["target"]
    own = of(target.name)
    if own:  # a suspected code is never used, nor is a velocity in its place
        reasons += own
    elif np.isnan(value):
        needed = of(*VELOCITY_COLUMNS)
        reasons += needed or [(TARGET_MISSING, f"no {target.name}")]
    elif (target.minimum is not None and value < target.minimum) or (
        target.maximum is not None and value > target.maximum
    ):
        low = "…" if target.minimum is None else f"{target.minimum:g}"
        high = "…" if target.maximum is None else f"{target.maximum:g}"
        detail = f"{target.name} {value:.6g} lies outside {low} to {high} {target.unit}"
        reasons.append((TARGET_OUT_OF_BOUNDS, detail))
    elif target.transform == "log" and value <= 0:
        detail = f"{target.name} {value:.6g} has no logarithm"
        reasons.append((TARGET_OUT_OF_BOUNDS, detail))
    reasons += of("depth_top_m", "depth_bottom_m")
    if record["depth_top_m"] >= record["depth_bottom_m"]:
        detail = f"from {record['depth_top_m']:g} to {record['depth_bottom_m']:g} m"
        reasons.append((INTERVAL_REVERSED, detail))
    if record["split"] == "":
        reasons.append((SPLIT_MISSING, "neither to train on nor to test"))
    return reasons


def _unused_cells(faults: tuple[Fault, ...], excluded: set[int]) -> list[str]:
    """A warning for each column and reason where a row was kept without one of its cells."""
    by_kind: dict[tuple[str, str], list[Fault]] = {}
    for fault in faults:
        if fault.row not in excluded:
            by_kind.setdefault((fault.column, fault.reason), []).append(fault)
    warnings = []
    for (column, reason), kind in by_kind.items():
        values = ", ".join(f"'{v}'" for v in list(dict.fromkeys(f.value for f in kind))[:4])
        hint = "; declare it in missing_codes" if reason == SUSPECTED_CODE else ""
        warnings.append(
            f"'{column}': {reason}, taken as missing: {values} "
            f"({line_numbers(f.row for f in kind)}){hint}"
        )
    return warnings


def _excluded_table(rows: pd.DataFrame, excluded: dict[int, tuple[str, str]]) -> pd.DataFrame:
    names = dict(zip(rows["file_row"], rows["site_id"], strict=True))
    lines = [
        {"row": row, "site_id": names[row], "reason": reason, "detail": detail}
        for row, (reason, detail) in sorted(excluded.items())
    ]
    table = pd.DataFrame(lines, columns=["row", "site_id", "reason", "detail"])
    return table.astype({"row": "int64", "site_id": "str", "reason": "str", "detail": "str"})


def _require_enough(
    table: FieldTable,
    sites: pd.DataFrame,
    left_out: pd.DataFrame,
    merged: pd.DataFrame,
    settings: SiteTableSettings,
    hints: list[str],
) -> None:
    to_train = int((sites["split"] == "train").sum())
    least = settings.screening.minimum_sites
    if to_train >= least:
        return
    to_test = len(sites) - to_train
    became = [f"{len(left_out)} left out"]
    if len(merged):
        pixels = merged["into"].nunique()
        became.append(f"{len(merged)} averaged into {counted(pixels, 'pixel')}")
    if to_test:
        became.append(f"{counted(to_test, 'site')} kept for the test")
    lines = [
        f"{table.file}: {counted(to_train, 'site')} to train on, at least {least} are needed "
        f"({counted(len(table.rows), 'row')}: {', '.join(became)})"
    ]
    for reason, block in left_out.groupby("reason"):
        lines.append(
            f"  {len(block)} × {reason}: {line_numbers(block['row'])}; "
            f"first: {block['detail'].iloc[0]}"
        )
    if to_test:
        column = settings.columns.get("split") or "split"
        lines.append(
            f"  '{column}' keeps {counted(to_test, 'site')} for the test, which nothing is learned "
            "from (test_values in [sites]; columns.split = '' leaves the column out)"
        )
    lines += [f"  {hint}" for hint in hints]
    raise SiteTableError("\n".join(lines))


def _group(sites: pd.DataFrame, settings: SiteTableSettings) -> tuple[pd.DataFrame, list[str]]:
    by = settings.groups.by_label
    labels = [
        frozenset(f"{name}: {text}" for name in by for text in site[name])
        for site in sites[["campaign", "transect"]].to_dict("records")
    ]
    pixels = list(zip(sites["row"].astype(int), sites["col"].astype(int), strict=True))
    names, notes = group_sites(
        sites["longitude"].to_numpy(float),
        sites["latitude"].to_numpy(float),
        pixels,
        labels,
        (sites["split"] == "train").to_numpy(bool),
        settings.groups,
    )
    campaign = ["; ".join(sorted(names_of)) for names_of in sites["campaign"]]
    sites = sites.assign(
        group=names, campaign=campaign, file_row=[min(rows) for rows in sites["file_rows"]]
    )
    columns = list(sites_schema().columns)
    text = ("site_id", "method", "campaign", "group", "split")
    whole = ("row", "col", "n_rows", "file_row")
    kinds = {
        name: "str" if name in text else "int64" if name in whole else "float64" for name in columns
    }
    return sites[columns].astype(kinds).reset_index(drop=True), notes
