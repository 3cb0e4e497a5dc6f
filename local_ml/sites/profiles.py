"""Depth intervals of one visit to one site become one value: the mean over the sampled depth.

In: usable rows of a field table. Out: one line a site and visit, with the support (the
thickness sampled, m) and, where intervals overlap or leave gaps, a sentence that says so.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from local_ml.names import counted
from local_ml.sites.cells import line_numbers

Array = NDArray[np.float64]

INCOMPLETE = "profile incomplete"
NO_INTERVAL = "depth interval missing in a profile"


@dataclass(frozen=True)
class DepthMean:
    """Mean over the sampled depth of one profile.

    Parameters
    ----------
    value, sd : in the target's unit; sd is NaN where that of any interval is unknown
    top_m, bottom_m : the uppermost and lowest depth sampled
    support_m : thickness sampled, without gaps and without counting overlaps twice
    gap_m, overlap_m : thickness between top and bottom in no interval, and in more than one
    """

    value: float
    sd: float
    top_m: float
    bottom_m: float
    support_m: float
    gap_m: float
    overlap_m: float


def mean_over_depth(
    top_m: Array, bottom_m: Array, value: Array, sd: Array, correlation: float = 0.0
) -> DepthMean:
    """Return the thickness-weighted mean of depth intervals, θ̄ = Σ θ_j·h_j / Σ h_j.

    Where intervals overlap, the depth that they share counts once, with their plain mean.

    Parameters
    ----------
    top_m, bottom_m, value, sd : (n,) float; top < bottom
    correlation : of the errors of two intervals, 0 to 1
    """
    edges = np.unique(np.concatenate([top_m, bottom_m]))
    middle, thickness = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    covers = (top_m[:, None] < middle) & (middle < bottom_m[:, None])  # (n, segments)
    times = covers.sum(axis=0)
    support = float(thickness[times > 0].sum())
    share = np.divide(thickness, times, out=np.zeros_like(thickness), where=times > 0)
    weight = (covers * share).sum(axis=1) / support
    return DepthMean(
        value=float(weight @ value),
        sd=float(
            np.sqrt(
                (1 - correlation) * np.sum((weight * sd) ** 2) + correlation * (weight @ sd) ** 2
            )
        ),
        top_m=float(edges[0]),
        bottom_m=float(edges[-1]),
        support_m=support,
        gap_m=float(thickness[times == 0].sum()),
        overlap_m=float(thickness[times > 1].sum()),
    )


def integrate_profiles(
    rows: pd.DataFrame, lost: pd.DataFrame, maximum_gap_share: float, correlation: float
) -> tuple[pd.DataFrame, dict[int, tuple[str, str]], list[str], list[str]]:
    """Merge the depth intervals of each profile.

    A profile is what bears one `site_id`, one position, one date, year and method, in two or more
    rows with a depth interval.

    Parameters
    ----------
    rows : usable rows of a field table, with `file_row` (line of the file) and pixel columns
    lost : rows left out already; one that belongs to a profile leaves a gap in it
    maximum_gap_share : profiles that lack a larger share of their depth are left out
    correlation : of the errors of two intervals

    Returns
    -------
    sites : `rows` with one line a profile; `support_m`, `n_rows` and `file_rows` (tuple) added
    excluded : line of the file → (reason, detail)
    warnings, notes
    """
    known = rows["depth_top_m"].notna() & rows["depth_bottom_m"].notna()
    excluded: dict[int, tuple[str, str]] = {}
    kept: list[dict[Any, Any]] = []
    overlapping, gappy, profiles = [], [], 0
    records = rows.to_dict("records")
    deep = lost[lost["depth_top_m"] < lost["depth_bottom_m"]]
    deep_visits = _visits(deep)
    for visit, members in _visits(rows).items():
        if len(members) == 1 and visit not in deep_visits:
            kept.append(_single(records[members[0]]))
            continue
        block = rows.iloc[members]
        layers = block[known[block.index]]
        missing = deep.iloc[deep_visits.get(visit, [])]
        if len(layers) == 0 or len(layers) + len(missing) < 2:
            kept += [_single(records[i]) for i in members]
            continue
        for row in block.loc[~known[block.index], "file_row"]:
            excluded[int(row)] = (NO_INTERVAL, "other rows of the profile state their depth")
        top_m, bottom_m, value, sd = (
            layers[name].to_numpy(float)
            for name in ("depth_top_m", "depth_bottom_m", "target", "target_sd")
        )
        mean = mean_over_depth(top_m, bottom_m, value, sd, correlation)
        top = float(min([mean.top_m, *missing["depth_top_m"]]))
        bottom = float(max([mean.bottom_m, *missing["depth_bottom_m"]]))
        file_rows = tuple(int(row) for row in layers["file_row"])
        text = f"'{block['site_id'].iloc[0]}' ({line_numbers(file_rows)})"
        share = 1 - mean.support_m / (bottom - top)
        if share > maximum_gap_share:
            detail = f"{share:.0%} of {top:g}–{bottom:g} m has no value"
            excluded.update((row, (INCOMPLETE, detail)) for row in file_rows)
            continue
        if share > 1e-9:
            gappy.append(f"{text}, {share:.0%} of {top:g}–{bottom:g} m")
        if mean.overlap_m > 1e-9:
            overlapping.append(f"{text}, over {mean.overlap_m:g} m")
        profiles += 1
        kept.append(
            {
                **layers.iloc[0].to_dict(),
                **_means(layers, mean),
                "support_m": mean.support_m,
                "n_rows": len(layers),
                "file_rows": file_rows,
            }
        )
    warnings = []
    if overlapping:
        warnings.append(f"depth intervals overlap; shared depth counts once: {_list(overlapping)}")
    if gappy:
        warnings.append(f"profiles with gaps; the mean is that of the rest: {_list(gappy)}")
    notes = []
    if profiles:
        of = "its" if profiles == 1 else "their"
        notes.append(f"{counted(profiles, 'profile')} became {of} thickness-weighted mean")
    columns = [*rows.columns, "support_m", "n_rows", "file_rows"]
    return pd.DataFrame(kept, columns=columns), excluded, warnings, notes


def _single(row: dict[Any, Any]) -> dict[Any, Any]:
    support = row["depth_bottom_m"] - row["depth_top_m"]
    return {**row, "support_m": support, "n_rows": 1, "file_rows": (int(row["file_row"]),)}


def _means(layers: pd.DataFrame, mean: DepthMean) -> dict[str, float]:
    others = {name: float(layers[name].mean()) for name in ("thaw_depth_m", "elevation_m")}
    return {
        **others,
        "depth_top_m": mean.top_m,
        "depth_bottom_m": mean.bottom_m,
        "target": mean.value,
        "target_sd": mean.sd,
    }


def _visits(rows: pd.DataFrame) -> dict[tuple[object, ...], list[int]]:
    """Positions of the rows of each visit, by what its rows have in common."""
    keys = rows[["site_id", "longitude", "latitude", "date", "year", "method", "split"]]
    visits: dict[tuple[object, ...], list[int]] = {}
    for i, key in enumerate(keys.fillna({"year": -1.0}).itertuples(index=False, name=None)):
        visits.setdefault(key, []).append(i)
    return visits


def _list(texts: list[str], most: int = 10) -> str:
    more = "" if len(texts) <= most else f"; and {len(texts) - most} more"
    return "; ".join(texts[:most]) + more
