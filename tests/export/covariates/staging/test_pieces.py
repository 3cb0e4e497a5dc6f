"""What batch exports compute: each tile that asks, once, and little besides.

Faults caught: a tile without its pixels, or with those of two pieces; windows that differ from run
to run, so that all is computed anew; exports of what no tile asks for.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from export.covariates.staging.pieces import (
    MOST_DIVISIONS,
    Piece,
    overlap,
    pieces_of,
    quartered,
)
from gee.grid import Tile, geobox_of_region, tiles_of

GRID = geobox_of_region(0.0, 0.0, 0.9, 0.7, "EPSG:4326", 0.01)
"""70 rows, 90 columns."""
GROUPS = {"vv": "radar", "vh": "radar", "ndvi": "optical", "slope": "terrain"}


def tiles(tile_px: int = 16) -> list[Tile]:
    return tiles_of(GRID, tile_px)


def painted(pieces: list[Piece], name: str) -> np.ndarray:
    """How many pieces hold each pixel of a covariate."""
    counts = np.zeros(GRID.shape, int)
    for piece in pieces:
        if name in piece.names:
            row, col, height, width = piece.window
            counts[row : row + height, col : col + width] += 1
    return counts


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_each_tile_is_held_once(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(tiles()), min_size=1, unique_by=lambda t: t.name))
    names = st.lists(st.sampled_from(sorted(GROUPS)), unique=True)
    asked = [(tile, data.draw(names)) for tile in chosen]
    side = data.draw(st.integers(1, 100))
    pieces = pieces_of(asked, GROUPS, 16, side)
    for name in GROUPS:
        counts = painted(pieces, name)
        assert counts.max(initial=0) <= 1, "no pixel twice"
        for tile, wanted in asked:
            if name in wanted:
                row, col, height, width = tile.window
                assert (counts[row : row + height, col : col + width] == 1).all()
    for piece in pieces:
        assert piece.names
        inside = [names for tile, names in asked if overlap(tile.window, piece.window)]
        assert all(any(name in names for names in inside) for name in piece.names)


def test_windows_do_not_depend_on_what_is_done_already() -> None:
    """Fault: after an interruption other windows are exported, and all is computed again."""
    whole = [(tile, ["vv", "slope"]) for tile in tiles()]
    part = [(tile, names if number % 5 == 0 else []) for number, (tile, names) in enumerate(whole)]
    before = set(pieces_of(whole, GROUPS, 16, 48))
    after = pieces_of(part, GROUPS, 16, 48)
    assert after
    assert set(after) <= before


def test_sides_are_whole_tiles() -> None:
    asked = [(tile, ["vv"]) for tile in tiles()]
    sides = {px: pieces_of(asked, GROUPS, 16, px)[0].window[2:] for px in (1, 16, 47, 48, 1000)}
    assert sides == {1: (16, 16), 16: (16, 16), 47: (32, 32), 48: (48, 48), 1000: (70, 90)}


def test_groups_are_apart_and_others_are_left_out() -> None:
    """So that a changed setting of radar leaves the optical composites as they are."""
    asked = [(tile, ["slope", "ndvi", "vh", "vv", "rasters"]) for tile in tiles()[:1]]
    pieces = pieces_of(asked, GROUPS, 16, 16)
    assert [(piece.group, piece.names) for piece in pieces] == [
        ("radar", ("vv", "vh")),
        ("optical", ("ndvi",)),
        ("terrain", ("slope",)),
    ]


def test_a_window_is_cropped_to_the_region() -> None:
    south_east = [tile for tile in tiles() if tile.row >= 2 and tile.col >= 4]
    (piece,) = pieces_of([(tile, ["vv"]) for tile in south_east], GROUPS, 16, 2048)
    assert piece.window == (32, 64, 38, 26)


class TestQuarters:
    def test_they_make_the_piece(self) -> None:
        piece = Piece("radar", ("vv",), (3, 5, 17, 40))
        parts = quartered(piece, tiles())
        counts = painted(parts, "vv")
        assert counts.sum() == 17 * 40
        assert counts.max() == 1
        assert {part.divided for part in parts} == {1}

    def test_parts_without_a_tile_are_left_out(self) -> None:
        piece = Piece("radar", ("vv",), (0, 0, 32, 32))
        corner = [tile for tile in tiles() if (tile.row, tile.col) == (1, 1)]
        (part,) = quartered(piece, corner)
        assert part.window == (16, 16, 16, 16)

    def test_there_is_an_end(self) -> None:
        parts = [Piece("radar", ("vv",), (0, 0, 70, 90))]
        for divided in range(1, MOST_DIVISIONS + 1):
            parts = [one for part in parts for one in quartered(part, tiles())]
            assert len(parts) == 4**divided
        assert quartered(parts[0], tiles()) == []
        assert quartered(Piece("radar", ("vv",), (0, 0, 1, 1)), tiles()) == []

    def test_a_single_row(self) -> None:
        parts = quartered(Piece("radar", ("vv",), (4, 4, 1, 5)), tiles())
        assert [part.window for part in parts] == [(4, 4, 1, 3), (4, 7, 1, 2)]
