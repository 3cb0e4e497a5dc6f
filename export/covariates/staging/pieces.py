"""What each batch export computes: the covariates of one group on one window of the grid.

In: tiles, each with the covariates to be read for it. Out: pieces. One changed setting touches one
group, and a window is small enough that little is computed outside of the region.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gee.grid import Tile

MOST_DIVISIONS = 3
"""How often a piece that is too heavy is divided before it is given up."""

Span = tuple[int, int, int, int]
"""row_start, col_start, height, width in pixels of the study's grid."""


@dataclass(frozen=True)
class Piece:
    """Covariates of one group on one window.

    Parameters
    ----------
    group : of the catalogue, such as radar
    names : covariates, in the order of the catalogue
    window : in pixels of the study's grid
    divided : how often it was divided
    """

    group: str
    names: tuple[str, ...]
    window: Span
    divided: int = 0

    def __str__(self) -> str:
        row, col, height, width = self.window
        return f"{self.group} on {height} x {width} pixels from row {row}, column {col}"

    def holds(self, names: Sequence[str]) -> bool:
        return set(names) <= set(self.names)


def pieces_of(
    asked: Sequence[tuple[Tile, Sequence[str]]],
    group_of: Mapping[str, str],
    tile_px: int,
    side_px: int,
) -> list[Piece]:
    """Divide what tiles ask for among exports.

    Parameters
    ----------
    asked : all tiles that touch the region, those that ask for nothing as well
    group_of : covariate → group, for those that are to be exported; others are left out
    tile_px : side of a tile
    side_px : side of a piece's window, rounded down to whole tiles, but at least one

    Returns
    -------
    list of Piece
        window by window from the north-west; a window is cropped to the tiles that touch the
        region, whatever these ask for, so that it is the same in each run.
    """
    side = max(1, side_px // tile_px) * tile_px
    cells: dict[tuple[int, int], list[tuple[Tile, Sequence[str]]]] = {}
    for tile, names in asked:
        row, col = tile.window[:2]
        cells.setdefault((row // side, col // side), []).append((tile, names))
    pieces = []
    for _, within in sorted(cells.items()):
        window = _around([tile.window for tile, _ in within])
        # In the order of the catalogue, whichever tile asks first.
        wanted = {name for _, names in within for name in names}
        for group in dict.fromkeys(group_of.values()):
            names = tuple(name for name in group_of if name in wanted and group_of[name] == group)
            if names:
                pieces.append(Piece(group, names, window))
    return pieces


def quartered(piece: Piece, tiles: Sequence[Tile]) -> list[Piece]:
    """Return the quarters of a piece that touch tiles; none where it was divided often enough."""
    row, col, height, width = piece.window
    if piece.divided == MOST_DIVISIONS or height * width == 1:
        return []
    spans = [
        (first_row, first_col, rows, cols)
        for first_row, rows in _halves(row, height)
        for first_col, cols in _halves(col, width)
    ]
    return [
        replace(piece, window=span, divided=piece.divided + 1)
        for span in spans
        if any(overlap(span, tile.window) for tile in tiles)
    ]


def overlap(one: Span, other: Span) -> Span | None:
    """Return the window that two share, or None."""
    top, left = max(one[0], other[0]), max(one[1], other[1])
    height = min(one[0] + one[2], other[0] + other[2]) - top
    width = min(one[1] + one[3], other[1] + other[3]) - left
    return (top, left, height, width) if height > 0 and width > 0 else None


def _around(windows: Sequence[Span]) -> Span:
    top = min(window[0] for window in windows)
    left = min(window[1] for window in windows)
    bottom = max(window[0] + window[2] for window in windows)
    right = max(window[1] + window[3] for window in windows)
    return top, left, bottom - top, right - left


def _halves(start: int, length: int) -> list[tuple[int, int]]:
    half = (length + 1) // 2
    return [(start, half), *([(start + half, length - half)] if length > half else [])]
