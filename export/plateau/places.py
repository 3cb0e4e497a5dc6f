"""Roads, camps and lines on foot: how field sites come to lie where they lie."""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from export.plateau.grid import PixelGrid

_CELL_PX = 8


def least_cost_road(slope_deg: np.ndarray, lake: np.ndarray) -> np.ndarray:
    """Return a road from the south to the north edge as (n, 2) rows and columns of pixels.

    The cheapest path over cells of eight pixels, where a cell costs 1 + (slope / 3°)² and a
    lake a hundredfold (Dijkstra 1959).
    """
    rows, cols = (n // _CELL_PX for n in slope_deg.shape)
    blocks = (slice(rows * _CELL_PX), slice(cols * _CELL_PX))

    def coarse(values: np.ndarray) -> np.ndarray:
        blocked = values[blocks].reshape(rows, _CELL_PX, cols, _CELL_PX)
        return np.asarray(blocked.mean(axis=(1, 3)))

    cost = 1.0 + (coarse(slope_deg) / 3.0) ** 2 + 100.0 * coarse(lake.astype(float))
    index = np.arange(rows * cols).reshape(rows, cols)
    steps = (
        (np.s_[:, :-1], np.s_[:, 1:], 1.0),
        (np.s_[:-1, :], np.s_[1:, :], 1.0),
        (np.s_[:-1, :-1], np.s_[1:, 1:], 2**0.5),
        (np.s_[:-1, 1:], np.s_[1:, :-1], 2**0.5),
    )
    start = np.concatenate([index[a].ravel() for a, _, _ in steps])
    end = np.concatenate([index[b].ravel() for _, b, _ in steps])
    weight = np.concatenate([(length * (cost[a] + cost[b]) / 2).ravel() for a, b, length in steps])
    graph = sparse.coo_matrix((weight, (start, end)), shape=(index.size, index.size)).tocsr()
    south, north = int(index[-1, round(0.3 * (cols - 1))]), int(index[0, round(0.7 * (cols - 1))])
    _, before = csgraph.dijkstra(graph, directed=False, indices=south, return_predecessors=True)
    path = [north]
    while path[-1] != south:
        path.append(int(before[path[-1]]))
    cells = np.array(path[::-1])
    return np.stack([cells // cols, cells % cols], axis=1) * _CELL_PX + _CELL_PX // 2


def camps_beside(
    road: np.ndarray,
    fit: np.ndarray,
    n: int,
    generator: np.random.Generator,
) -> list[tuple[int, int]]:
    """Return `n` pixels of `fit`: half of them within some km of the road, the rest anywhere."""
    candidates = np.argwhere(fit)
    if len(candidates) < 10 * n:
        raise ValueError("the region has too few pixels fit for field sites; make it larger")
    camps: list[tuple[int, int]] = []
    beside = round(0.5 * n)
    along = np.linspace(0.03, 0.97, max(beside, 1)) * (len(road) - 1)
    for place in along[:beside]:
        near = road[round(float(np.clip(place + generator.normal(0.0, 1.0), 0, len(road) - 1)))]
        camps.append(_nearest_fit(near + generator.normal(0.0, 12.0, 2), candidates))
    for _ in range(n - beside):
        row, col = candidates[generator.integers(len(candidates))]
        camps.append((int(row), int(col)))
    return camps


def _nearest_fit(place: np.ndarray, candidates: np.ndarray) -> tuple[int, int]:
    row, col = candidates[np.argmin(((candidates - place) ** 2).sum(axis=1))]
    return int(row), int(col)


def choose_near(
    centre: tuple[int, int],
    n: int,
    sd_m: float,
    grid: PixelGrid,
    fit: np.ndarray,
    generator: np.random.Generator,
) -> list[tuple[int, int]]:
    """Choose `n` pixels of `fit` scattered about `centre`, and take them out of `fit`."""
    sd_px = np.array([sd_m / grid.height_m, sd_m / grid.mean_width_m])
    chosen: list[tuple[int, int]] = []
    while len(chosen) < n:
        place = np.array(centre) + sd_px * generator.normal(size=2)
        row, col = _nearest_fit_around(place, fit)
        fit[row, col] = False
        chosen.append((row, col))
    return chosen


def walk_line(
    start: tuple[int, int],
    n: int,
    grid: PixelGrid,
    fit: np.ndarray,
    generator: np.random.Generator,
) -> list[tuple[int, int]]:
    """Choose `n` pixels of `fit` some 250 m apart on a line from `start`, and take them out.

    The line keeps its course but for a few degrees from point to point, and turns back from
    the region's edge; a point that falls on unfit ground moves to the nearest that is fit.
    """
    course = generator.uniform(0.0, 2 * np.pi)
    place = np.array(start, dtype=float)
    chosen: list[tuple[int, int]] = []
    while len(chosen) < n:
        row, col = _nearest_fit_around(place, fit)
        fit[row, col] = False
        chosen.append((row, col))
        course += generator.normal(0.0, 0.12)
        step_m = generator.uniform(180.0, 320.0)
        step = np.array(
            [-np.cos(course) * step_m / grid.height_m, np.sin(course) * step_m / grid.mean_width_m]
        )
        if not np.all((place + step > 0) & (place + step < np.array(fit.shape) - 1)):
            course += np.pi * 0.8
            step = -step
        place = place + step
    return chosen


def _nearest_fit_around(place: np.ndarray, fit: np.ndarray) -> tuple[int, int]:
    """Return the nearest pixel of `fit`, looked for in a window that grows."""
    row, col = np.clip(np.round(place).astype(int), 0, np.array(fit.shape) - 1)
    reach = 4
    while reach < 2 * max(fit.shape):
        top, left = max(row - reach, 0), max(col - reach, 0)
        found = np.argwhere(fit[top : row + reach + 1, left : col + reach + 1])
        if len(found):
            return _nearest_fit(place, found + np.array([top, left]))
        reach *= 2
    raise ValueError("the region has too few pixels fit for field sites; make it larger")
