"""Where water goes on a surface: depressions filled, flow accumulated.

Heights in metres; the outlets are the cells of the grid's border.
"""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

# The eight neighbours as (row, col) steps; the first four are the sides.
STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, -1), (-1, 1))


def fill_depressions(
    elevation: np.ndarray, gradient_m_px: float = 1e-3
) -> tuple[np.ndarray, np.ndarray]:
    """Raise every depression to its spill level, with a slight fall towards the outlet.

    Parameters
    ----------
    elevation : (rows, cols) metres
    gradient_m_px : fall in metres from pixel to pixel over what was filled

    Returns
    -------
    level : (rows, cols) the lowest height from which water gets off the grid
    drained : (rows, cols) the same with the fall added: every inner cell has a lower neighbour

    Notes
    -----
    The spill level of a cell is the least, over all paths to the border, of the highest point
    on the path; the path that attains it lies on a minimum spanning tree of the graph whose
    edges weigh the higher of their two ends (Hu 1961). Running maxima along the tree's paths
    come by pointer doubling. Paths go through the sides of cells.
    """
    rows, cols = elevation.shape
    n = rows * cols
    height = elevation.ravel().astype(np.float64)
    index = np.arange(n).reshape(rows, cols)
    border = np.unique(np.r_[index[0], index[-1], index[:, 0], index[:, -1]])
    outlet = n
    start = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel(), border])
    end = np.concatenate([index[:, 1:].ravel(), index[1:].ravel(), np.full(border.size, outlet)])
    base = height.min()  # the weights must be positive: scipy takes 0 for no edge
    weight = np.maximum(height[start], np.r_[height, -np.inf][end]) - base + 1.0
    graph = sparse.coo_matrix((weight, (start, end)), shape=(n + 1, n + 1)).tocsr()
    tree = csgraph.minimum_spanning_tree(graph)
    _, ancestor = csgraph.breadth_first_order(tree, outlet, directed=False)
    ancestor[outlet] = outlet

    depth = np.ones(n + 1, dtype=np.int64)
    depth[outlet] = 0
    jump = ancestor.copy()
    while np.any(jump != outlet):
        depth += depth[jump]
        jump = jump[jump]
    level = np.r_[height, -np.inf]
    drained = np.r_[height - gradient_m_px * depth[:-1], -np.inf]
    jump = ancestor.copy()
    while True:
        np.maximum(level, level[jump], out=level)
        np.maximum(drained, drained[jump], out=drained)
        if np.all(jump == outlet):
            break
        jump = jump[jump]
    drained[:-1] += gradient_m_px * depth[:-1]
    return level[:-1].reshape(rows, cols), drained[:-1].reshape(rows, cols)


def step_lengths_m(height_m: float, width_m: np.ndarray) -> list[np.ndarray]:
    """Return, for each of STEPS, the distance to that neighbour in metres, by row (rows, 1)."""
    return [np.hypot(row * height_m, col * width_m) for row, col in STEPS]


def _neighbour(values: np.ndarray, step: tuple[int, int], outside: float) -> np.ndarray:
    """Return each cell's neighbour in direction `step`, `outside` beyond the border."""
    rows, cols = values.shape
    padded = np.pad(values, 1, constant_values=outside)
    return padded[1 + step[0] : 1 + step[0] + rows, 1 + step[1] : 1 + step[1] + cols]


def steepest_receivers(
    drained: np.ndarray, height_m: float, width_m: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat index of the steepest lower neighbour (D8) and the distance to it (m).

    Border cells receive from others and give to themselves (O'Callaghan and Mark 1984).
    """
    rows, cols = drained.shape
    steepest = np.zeros((rows, cols))
    receiver = np.arange(rows * cols).reshape(rows, cols).copy()
    own = receiver.copy()
    distance = np.ones((rows, cols))
    for step, length in zip(STEPS, step_lengths_m(height_m, width_m), strict=True):
        fall = (drained - _neighbour(drained, step, np.inf)) / length
        better = fall > steepest
        steepest = np.where(better, fall, steepest)
        receiver = np.where(better, own + step[0] * cols + step[1], receiver)
        distance = np.where(better, length, distance)
    for edge in (np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1]):
        receiver[edge] = own[edge]
    return receiver.ravel(), distance.ravel()


def levels_of(receiver: np.ndarray) -> list[np.ndarray]:
    """Return the cells by their number of steps to an outlet, from the outlets upward."""
    depth = (receiver != np.arange(receiver.size)).astype(np.int64)
    jump = receiver.copy()
    while True:
        further = depth + depth[jump]
        if np.array_equal(further, depth):
            break
        depth, jump = further, jump[jump]
    order = np.argsort(depth, kind="stable")
    return np.split(order, np.cumsum(np.bincount(depth))[:-1])


def accumulate_single_flow(
    receiver: np.ndarray, levels: list[np.ndarray], area: np.ndarray
) -> np.ndarray:
    """Return the area (flat, as `area`) that drains through each cell, its own included."""
    total = area.ravel().astype(np.float64).copy()
    for cells in reversed(levels[1:]):
        np.add.at(total, receiver[cells], total[cells])
    return total


def accumulate_multiple_flow(
    drained: np.ndarray,
    area: np.ndarray,
    height_m: float,
    width_m: np.ndarray,
    exponent: float = 1.1,
) -> np.ndarray:
    """Return the upslope area (m²) of each cell, its own included, by multiple-flow routing.

    Each cell gives to all lower neighbours in shares that go as slope^1.1 (Freeman 1991), in
    an order that leaves no giver behind; border cells give to nobody, so that all area that
    falls on the grid arrives on its border.

    Parameters
    ----------
    drained : (rows, cols) metres, without depressions
    area : (rows, cols) m², what falls on each cell
    """
    rows, cols = drained.shape
    n = rows * cols
    inner = np.zeros((rows, cols), dtype=bool)
    inner[1:-1, 1:-1] = True
    share = np.zeros((n, len(STEPS)))
    for d, (step, length) in enumerate(zip(STEPS, step_lengths_m(height_m, width_m), strict=True)):
        fall = np.maximum((drained - _neighbour(drained, step, np.inf)) / length, 0.0)
        share[:, d] = np.where(inner, fall**exponent, 0.0).ravel()
    total_share = share.sum(axis=1)
    share /= np.where(total_share > 0, total_share, 1.0)[:, None]
    offsets = [row * cols + col for row, col in STEPS]
    givers = np.zeros(n, dtype=np.int64)
    for d, offset in enumerate(offsets):
        givers[np.flatnonzero(share[:, d] > 0) + offset] += 1

    total = area.ravel().astype(np.float64).copy()
    front = np.flatnonzero(givers == 0)
    while front.size:
        ready = []
        amount = total[front]
        for d, offset in enumerate(offsets):
            part = share[front, d]
            gives = part > 0
            target = front[gives] + offset  # distinct within one direction
            total[target] += part[gives] * amount[gives]
            givers[target] -= 1
            ready.append(target[givers[target] == 0])
        front = np.concatenate(ready)
    return total.reshape(rows, cols)
