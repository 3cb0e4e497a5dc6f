"""Field campaigns on the example plateau: who went where, what they measured and wrote down.

In: the plateau. Out: a table as people deliver it (own column names, cm and %, one row a
depth interval of a pit or a radar point), with the errors of the two methods and a few
blemishes, and the `[sites]` section that reads it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from export.plateau.places import camps_beside, choose_near, least_cost_road, walk_line
from export.plateau.world import Plateau
from local_ml.randomness import stream

RING_SD = 0.02
VELOCITY_SD_SHARE = 0.05
POROSITY_SD = 0.03
RING_SHARE = 120 / 342
SITES_PER_CLUSTER, POINTS_PER_TRANSECT = 6, 15
# Extra entries that a screening has to find; none of them belongs to the good sites.
BLEMISHES = ("entered twice", "missing code", "swapped coordinates", "outside the region")

# CRIM with the constants of Du et al. (2020); solids and air as usual.
_EXPONENT, _WATER, _SOLID, _AIR = 0.26, 86.0, 5.0, 1.0
_LIGHT_M_NS = 0.299792458

COLUMNS = {
    "site_id": "Point",
    "longitude": "Lon_E",
    "latitude": "Lat_N",
    "date": "Date",
    "method": "Method",
    "depth_top_m": "From_cm",
    "depth_bottom_m": "To_cm",
    "vwc": "VWC_%",
    "velocity_m_ns": "v_m_ns",
    "porosity": "Porosity_%",
    "thaw_depth_m": "Thaw_cm",
    "campaign": "Campaign",
    "transect": "Line",
    "elevation_m": "Alt_m",
}
SITES_SETTINGS: dict[str, Any] = {
    "file": "sites.csv",
    "missing_codes": [-999],
    "columns": COLUMNS,
    "units": {
        "depth_top_m": "cm",
        "depth_bottom_m": "cm",
        "vwc": "%",
        "porosity": "%",
        "thaw_depth_m": "cm",
    },
    "method_values": {"cutting ring": "ring", "GPR": "gpr"},
}


@dataclass(frozen=True)
class Visit:
    """A pixel where someone measured: its index, the method, and whose campaign it was."""

    row: int
    col: int
    name: str
    method: str
    campaign: str
    line: str
    date: str


def velocity_m_ns(vwc: np.ndarray, porosity: np.ndarray) -> np.ndarray:
    """Return the radar velocity (m ns⁻¹) of soil of this water content: CRIM, forward.

    ε^α = θ ε_w^α + (1 - φ) ε_s^α + (φ - θ) ε_a^α and v = c / ε^0.5, with α = 0.26 and
    ε_w = 86 (Du et al. 2020).
    """
    mixed = (
        vwc * _WATER**_EXPONENT
        + (1.0 - porosity) * _SOLID**_EXPONENT
        + (porosity - vwc) * _AIR**_EXPONENT
    )
    return np.asarray(_LIGHT_M_NS / np.sqrt(mixed ** (1.0 / _EXPONENT)))


def plan_visits(plateau: Plateau, n_sites: int) -> list[Visit]:
    """Choose distinct pixels: clusters of pits along a road and at camps, lines of radar points.

    All lie in the permafrost, off slopes above 15° and at least eight pixels from lakes, so
    that every covariate that is required is present.

    Raises
    ------
    ValueError
        where the region has no room for so many.
    """
    generator = stream(plateau.seed, "plateau", "fieldwork")
    grid = plateau.grid
    fit = plateau.active_layer & (plateau.terrain.slope_deg < 15.0)
    if plateau.terrain.lake.any():
        fit &= ndimage.distance_transform_edt(~plateau.terrain.lake) > 8
    fit[:3] = fit[-3:] = fit[:, :3] = fit[:, -3:] = False
    road = least_cost_road(plateau.terrain.slope_deg, plateau.terrain.lake)
    n_ring = round(RING_SHARE * n_sites)
    n_gpr = n_sites - n_ring
    visits: list[Visit] = []

    def date() -> str:
        year = int(generator.integers(2009, 2025))
        day = int(generator.integers(0, 30))
        return f"{year}-{9 + (day + 15) // 30:02d}-{(day + 15) % 30 + 1:02d}"

    n_clusters = max(3, round(n_ring / SITES_PER_CLUSTER))
    shares = np.array_split(np.arange(n_ring), n_clusters)
    centres = camps_beside(road, fit, n_clusters, generator)
    for i, (centre, share) in enumerate(zip(centres, shares, strict=True), start=1):
        day = date()
        for j, (row, col) in enumerate(
            choose_near(centre, len(share), 600.0, grid, fit, generator), start=1
        ):
            visits.append(
                Visit(row, col, f"C{i:02d}-{j}", "cutting ring", f"{day[:4]} C{i:02d}", "", day)
            )
    n_lines = max(2, round(n_gpr / POINTS_PER_TRANSECT))
    starts = camps_beside(road, fit, n_lines, generator)
    for i, (start, share) in enumerate(
        zip(starts, np.array_split(np.arange(n_gpr), n_lines), strict=True), start=1
    ):
        day = date()
        for j, (row, col) in enumerate(walk_line(start, len(share), grid, fit, generator), start=1):
            line = f"L{i:02d}"
            visits.append(Visit(row, col, f"{line}-{j:02d}", "GPR", f"{day[:4]} {line}", line, day))
    return visits


def field_table(plateau: Plateau, visits: list[Visit]) -> pd.DataFrame:
    """Return what was written down at `visits`, as text, with the blemishes at their places."""
    generator = stream(plateau.seed, "plateau", "measurements")
    rows: list[dict[str, str]] = []
    for visit in visits:
        rows += _measure(plateau, visit, generator)
    return _blemish(pd.DataFrame(rows, columns=list(COLUMNS.values())), generator)


def _measure(
    plateau: Plateau, visit: Visit, generator: np.random.Generator
) -> list[dict[str, str]]:
    grid, place = plateau.grid, (visit.row, visit.col)
    vwc = float(plateau.moisture.truth[place])
    porosity = float(plateau.surface.porosity[place])
    thaw_m = float(plateau.surface.thaw_depth_m[place]) * (1.0 + 0.05 * generator.normal())
    jitter = generator.uniform(-0.4, 0.4, 2) * grid.pixel_deg
    common = {
        "Point": visit.name,
        "Lon_E": f"{grid.longitude_deg[visit.col] + jitter[0]:.5f}",
        "Lat_N": f"{grid.latitude_deg[visit.row] + jitter[1]:.5f}",
        "Date": visit.date,
        "Method": visit.method,
        "VWC_%": "",
        "v_m_ns": "",
        "Porosity_%": "",
        "Thaw_cm": f"{100 * thaw_m:.0f}",
        "Campaign": visit.campaign,
        "Line": visit.line,
        "Alt_m": f"{float(plateau.terrain.elevation_m[place]) + 5.0 * generator.normal():.0f}",
    }
    if visit.method == "GPR":
        velocity, stated = _reading(vwc, porosity, generator)
        return [
            common
            | {
                "From_cm": "0",
                "To_cm": common["Thaw_cm"],
                "v_m_ns": f"{velocity:.4f}",
                "Porosity_%": f"{100 * stated:.1f}",
            }
        ]
    mean = min(max(vwc + RING_SD * generator.normal(), 0.01), porosity)
    edges_cm = np.array([0, 10, 30, 60, 100, 150, 200])
    deepest_cm = min(100.0 * thaw_m, generator.uniform(80.0, 200.0))
    edges_cm = np.r_[edges_cm[edges_cm < deepest_cm - 5.0], round(deepest_cm)]
    profile = _profile(mean, porosity, np.diff(edges_cm), generator)
    return [
        common | {"From_cm": str(top), "To_cm": str(bottom), "VWC_%": f"{100 * value:.1f}"}
        for top, bottom, value in zip(edges_cm[:-1], edges_cm[1:], profile, strict=True)
    ]


def _reading(vwc: float, porosity: float, generator: np.random.Generator) -> tuple[float, float]:
    """Return velocity and stated porosity with their errors; what makes no sense is repeated.

    A velocity that no water content between 0 and the stated porosity explains makes none.
    """
    exact = float(velocity_m_ns(np.array(vwc), np.array(porosity)))
    for _ in range(1000):
        velocity = round(exact * (1.0 + VELOCITY_SD_SHARE * generator.normal()), 4)
        stated = round(porosity + POROSITY_SD * generator.normal(), 3)
        fastest, slowest = velocity_m_ns(np.array([0.005, stated]), np.array([stated, stated]))
        if slowest < velocity < fastest:
            return velocity, stated
    raise ValueError(f"no reading of {vwc:.3f} m3 m-3 fits a porosity of {porosity:.3f}")


def _profile(
    mean: float, porosity: float, thickness: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Return a value for each layer, wetter downward, whose thickness-weighted mean is `mean`."""
    middle = np.cumsum(thickness) - thickness / 2
    deviation = 0.06 * middle / middle[-1] + 0.02 * generator.normal(size=thickness.size)
    deviation -= np.sum(deviation * thickness) / thickness.sum()
    room = np.where(deviation > 0, porosity - mean, mean - 0.005)
    fits = np.min(room / np.maximum(np.abs(deviation), 1e-9))
    return np.asarray(mean + deviation * min(1.0, max(float(fits), 0.0)))


def _blemish(table: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """Add the entries named in BLEMISHES, each a copy of some pit or point, among the others."""
    pits = table.loc[table["Method"] == "cutting ring", "Point"].unique()
    points = table.loc[table["Method"] == "GPR", "Point"].unique()
    pit = table[table["Point"] == generator.choice(pits)]
    extra = [pit.assign(Point=pit["Point"] + " again")]
    missing, swapped, outside = (
        table[table["Point"] == name] for name in generator.choice(points, 3, replace=False)
    )
    extra.append(missing.assign(**{"Point": "P901", "VWC_%": "-999", "v_m_ns": "-999"}))
    extra.append(swapped.assign(Point="P902", Lon_E=swapped["Lat_N"], Lat_N=swapped["Lon_E"]))
    extra.append(outside.assign(Point="P903", Lon_E="94.90512", Lat_N="36.41078", Alt_m="2810"))
    pieces = [table]
    for rows in extra:
        last = pieces.pop()
        # Between two sites, never inside a pit.
        starts = np.flatnonzero((last["Point"] != last["Point"].shift()).to_numpy())
        cut = int(generator.choice(starts))
        pieces += [pd.concat([last.iloc[:cut], rows, last.iloc[cut:]], ignore_index=True)]
    return pieces[0]
