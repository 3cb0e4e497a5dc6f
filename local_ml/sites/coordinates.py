"""Positions that cannot be right, or that look as if something else were written.

In: longitude and latitude in degrees (n,), whether each lies in the region. Out: a reason for
each position that cannot be used, and warnings about the table as a whole.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from local_ml.sites.cells import line_numbers

MISSING = "coordinates missing"
ZERO = "coordinates are zero"
DEGREES_MINUTES = "coordinates look like degrees and minutes"
SWAPPED = "longitude and latitude look swapped"
IMPOSSIBLE = "coordinates out of range"
OUT_OF_REGION = "out of the region"
FEW_DECIMALS = "too few decimals"

# Positions in this many cells of 0.1 deg, on both sides of a whole degree, are a sign that minutes
# were written as decimals: 10 fractions all lie below 0.60 by chance with probability 0.6 %.
_LEAST_CELLS, _LEAST_DEGREES = 10, 2


def suspicious(
    longitude: float, latitude: float, in_region: bool, in_region_swapped: bool, beyond: str
) -> tuple[str, str] | None:
    """Return reason and detail where a position cannot be used, else None.

    Parameters
    ----------
    beyond : said of a position that is not in the region: "lies outside the region (…)"
    """
    if np.isnan(longitude) or np.isnan(latitude):
        lacking = [n for n, v in (("longitude", longitude), ("latitude", latitude)) if np.isnan(v)]
        return MISSING, f"no {' and no '.join(lacking)}"
    place = f"({longitude:g}, {latitude:g})"
    if longitude == 0 and latitude == 0:
        return ZERO, "(0, 0) stands for a position that was never entered"
    if abs(latitude) > 90 or abs(longitude) > 180:
        if abs(latitude) <= 180 and abs(longitude) <= 90:
            return SWAPPED, f"{place}: a latitude cannot be {latitude:g}; exchanged, it can"
        packed = _unpack(longitude, 180), _unpack(latitude, 90)
        if None not in packed:
            return DEGREES_MINUTES, f"{place} may stand for {packed[0]} and {packed[1]}"
        return IMPOSSIBLE, f"{place} is no longitude and latitude in degrees"
    if not in_region:
        if in_region_swapped:
            return SWAPPED, f"{place} {beyond}; exchanged, it lies inside"
        return OUT_OF_REGION, f"{place} {beyond}"
    return None


def _unpack(value: float, limit: int) -> str | None:
    """3512.5 as 35°12.5′, as loggers pack degrees and minutes; None where it cannot be that."""
    degrees, minutes = divmod(abs(value), 100)
    if value == int(value) and abs(value) <= limit:
        return f"{value:g}°"
    if degrees > limit or minutes >= 60 or abs(value) < 100:
        return None
    return f"{'-' if value < 0 else ''}{degrees:g}°{minutes:.6g}′"


def warn_of_minutes(longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> list[str]:
    """Warn where no fraction of a degree in a large table reaches 0.60: minutes as decimals.

    A table within one degree tells nothing: its region may end below 0.60.
    """
    warnings = []
    for name, values in (("longitude", longitude), ("latitude", latitude)):
        finite = np.abs(values[np.isfinite(values)])
        fractional = finite[np.floor(finite) != finite]
        cells, degrees = np.unique(np.floor(fractional * 10)), np.unique(np.floor(fractional))
        if len(cells) < _LEAST_CELLS or len(degrees) < _LEAST_DEGREES:
            continue
        if np.all(np.round(fractional % 1, 9) < 0.60):
            warnings.append(
                f"no {name} has a fraction of 0.60 or more, though they fall into {len(cells)} "
                f"tenths of {len(degrees)} different degrees (by chance {0.6 ** len(cells):.1g}, "
                "were the tenths independent): they may be degrees and minutes (35.12 for 35°12′, "
                "92.57823 for 92°57.823′)"
            )
    return warnings


@dataclass(frozen=True)
class ElevationFinding:
    """A site whose stated elevation disagrees with the terrain at its position.

    Parameters
    ----------
    site_id, file_row : the site, and the line of the file where it begins
    stated_m, terrain_m : elevations, m
    text : a sentence for the report
    """

    site_id: str
    file_row: int
    stated_m: float
    terrain_m: float
    text: str


def flag_elevation(
    sites: pd.DataFrame, terrain_elevation_m: NDArray[np.float64], tolerance_m: float = 300.0
) -> list[ElevationFinding]:
    """List the sites whose stated elevation is further than `tolerance_m` from the terrain's.

    A wrong position is the usual cause. Sites without a stated elevation, and those where the
    terrain is unknown (NaN), cannot be checked and are not listed.

    Parameters
    ----------
    sites : screened sites, n lines, with `elevation_m`
    terrain_elevation_m : (n,) float, m, sampled at the sites

    Raises
    ------
    ValueError
        where the two are not of one length.
    """
    terrain = np.asarray(terrain_elevation_m, float)
    if terrain.shape != (len(sites),):
        raise ValueError(f"{len(sites)} sites, but terrain elevations of shape {terrain.shape}")
    stated = sites["elevation_m"].to_numpy(float)
    findings = []
    for i in np.flatnonzero(np.abs(stated - terrain) > tolerance_m):
        name, row = str(sites["site_id"].iloc[i]), int(sites["file_row"].iloc[i])
        findings.append(
            ElevationFinding(
                name, row, float(stated[i]), float(terrain[i]),
                f"'{name}' ({line_numbers([row])}): the table says {stated[i]:.0f} m, the terrain "
                f"lies at {terrain[i]:.0f} m; check its position",
            )
        )  # fmt: skip
    return findings
