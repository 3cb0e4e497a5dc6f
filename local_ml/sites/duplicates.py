"""Sites that fall into one pixel of the map become one, since they share all covariates.

In: sites after depth integration, with their pixel. Out: one line a pixel (and method, and
split), and which rows were merged.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from local_ml.names import counted
from local_ml.sites.cells import line_numbers

Array = NDArray[np.float64]

_NAMED = 5
_AVERAGED = (
    "longitude", "latitude", "depth_top_m", "depth_bottom_m", "support_m", "thaw_depth_m",
    "year", "elevation_m",
)  # fmt: skip


def combine(value: Array, sd: Array, correlation: float) -> tuple[float, float]:
    """Return the mean of repeated measurements and its standard deviation.

    Weighted by inverse variance where every sd is known, else the plain mean with unknown (NaN)
    sd. The share `correlation` of each variance is common to all and does not average out. Where
    the values scatter more than the rest explains, that is enlarged by the ratio of Birge (1932),
    √(χ²/(n−1)), so that differences within the pixel are not lost.

    Parameters
    ----------
    value, sd : (n,) float
    correlation : of the errors of two rows, 0 ≤ correlation < 1
    """
    if np.isnan(sd).any():
        return float(value.mean()), float("nan")
    weight = sd**-2 / np.sum(sd**-2)
    mean = float(weight @ value)
    chi_square = float(np.sum((value - mean) ** 2 / ((1 - correlation) * sd**2)))
    birge_squared = max(1.0, chi_square / max(1, len(value) - 1))
    own = birge_squared * (1 - correlation) / np.sum(sd**-2)
    common = correlation * (weight @ sd) ** 2
    return mean, float(np.sqrt(own + common))


def merge_within_pixels(
    sites: pd.DataFrame, merge_methods: bool, correlation: float
) -> tuple[pd.DataFrame, pd.DataFrame, list[str], list[str]]:
    """Average the sites of each pixel; different methods only where `merge_methods` says so.

    Sites to train on and sites kept for the test are never merged. Of the other columns, positions,
    depths, thaw depth, year and elevation are averaged; the name is that of the first row, with
    method or split behind it where sites of one name stay apart.

    Returns
    -------
    sites : with `campaign` and `transect` as sets of names
    merged : `row`, `site_id`, `into` (the name it goes by now), one line a row of the file
    warnings, notes
    """
    key = ["row", "col", "split"] if merge_methods else ["row", "col", "split", "method"]
    kept: list[dict[Any, Any]] = []
    apart: list[str] = []
    spread = float(sites["target"].std()) if len(sites) > 1 else float("nan")
    merged_into: list[tuple[int, Any, Any]] = []  # position in `kept`, line of the file, own name
    pixels = 0
    for _, block in sites.groupby(key, sort=False):
        site: dict[Any, Any] = block.iloc[0].to_dict()
        for name in ("campaign", "transect"):
            site[name] = frozenset(text for text in block[name] if text)
        if len(block) > 1:
            pixels += 1
            site["target"], site["target_sd"] = combine(
                block["target"].to_numpy(float), block["target_sd"].to_numpy(float), correlation
            )
            apart += _far_apart(block, spread)
            site.update({name: float(block[name].mean()) for name in _AVERAGED})
            site["n_rows"] = int(block["n_rows"].sum())
            methods = sorted(set(block["method"]))
            site["method"] = methods[0] if len(methods) == 1 else "other"
            site["file_rows"] = tuple(sorted(r for rows in block["file_rows"] for r in rows))
            merged_into += [
                (len(kept), row, name)
                for name, rows in zip(block["site_id"], block["file_rows"], strict=True)
                for row in rows
            ]
        kept.append(site)
    out, notes = _tell_apart(pd.DataFrame(kept, columns=list(sites.columns)))
    names = out["site_id"].to_list()
    merged = [
        {"row": row, "site_id": name, "into": names[position]}
        for position, row, name in merged_into
    ]
    if merged:
        rows = [line["row"] for line in merged]
        notes.append(
            f"{counted(len(rows), 'row')} fell into {counted(pixels, 'pixel')} together with "
            "others and were averaged, weighted by inverse variance where all have an sd, else "
            f"plainly ({line_numbers(rows)})"
        )
    warnings = _shared(out)
    if apart:
        more = f"; and {len(apart) - _NAMED} more" if len(apart) > _NAMED else ""
        warnings.append(
            "values within one pixel that lie farther apart than the sites spread (standard "
            f"deviation {spread:.3g}) were averaged all the same: {'; '.join(apart[:_NAMED])}{more}"
        )
    return out, pd.DataFrame(merged, columns=["row", "site_id", "into"]), warnings, notes


def _far_apart(block: pd.DataFrame, spread: float) -> list[str]:
    """Name the least and the greatest value of a pixel that differ by more than `spread`."""
    rows = sorted(block.to_dict("records"), key=lambda row: float(row["target"]))
    if not rows[-1]["target"] - rows[0]["target"] > spread:
        return []
    ends = [
        f"'{one['site_id']}' {one['target']:.3g} ({line_numbers(one['file_rows'])})"
        for one in (rows[0], rows[-1])
    ]
    return [" and ".join(ends)]


def _tell_apart(sites: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Name sites apart that bear one name in one pixel: by their method, then by their split."""
    names = sites["site_id"].to_list()
    taken = set(names)
    renamed = []
    shared = sites[sites.duplicated("site_id", keep=False)]
    for name, block in shared.groupby("site_id", sort=False):
        differing = [column for column in ("method", "split") if block[column].nunique() > 1]
        given = []
        for position, site in zip(block.index, block.to_dict("records"), strict=True):
            unique = "_".join([str(name), *(site[column] for column in differing)])
            while unique in taken:  # another site bears that very name
                unique += "_"
            taken.add(unique)
            names[position] = unique
            given.append(f"'{unique}'")
        renamed.append(", ".join(given))
    if not renamed:
        return sites, []
    listed = "; ".join(renamed[:5]) + (
        "" if len(renamed) <= 5 else f"; and {len(renamed) - 5} more"
    )
    return sites.assign(site_id=pd.Series(names, index=sites.index, dtype="str")), [
        f"sites of one name in one pixel that stay apart are named by method or split: {listed}"
    ]


def _shared(sites: pd.DataFrame) -> list[str]:
    """Warn of pixels that hold sites which were not merged."""
    warnings = []
    pixels = sites.groupby(["row", "col"])
    for column, text in (
        ("split", "a site to train on and one kept for the test: the test is not independent"),
        ("method", "sites of different methods, which stay apart (they share a group)"),
    ):
        number = int((pixels[column].nunique() > 1).sum())
        if number:
            verb = "holds" if number == 1 else "hold"
            warnings.append(f"{counted(number, 'pixel')} {verb} {text}")
    return warnings
