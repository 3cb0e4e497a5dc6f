"""Windows of the grid that a service is asked for: they hold all that counts, and are few.

Faults caught: a pixel of the region in no window or in two, a window larger than a request may
be, a tile that is not told of a window, requests for what nobody needs, a whole request for each
cut tile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from export.covariates.region import Extent, extent_of
from export.covariates.windows import windows_of
from gee.grid import geobox_of_region, tiles_of
from gee.pixels import BUDGET_BYTES, most_pixels, windows_within_budget

Array = np.ndarray[Any, Any]


def grid_of(rows: int, cols: int) -> GeoBox:
    return geobox_of_region(0, 0, cols, rows, "EPSG:32646", 1.0)


def extents_of(inside: Array, tile_px: int) -> list[Extent]:
    extents = []
    for tile in tiles_of(grid_of(*inside.shape), tile_px):
        row, col, height, width = tile.window
        extents.append(extent_of(tile, inside[row : row + height, col : col + width]))
    return [extent for extent in extents if extent.pixels]


SIDE_PX = 16_000
WIDTH_OF = {"whole": None, "disc": 1.0, "ellipse": 0.5}
"""Of the region, as a share of the square's side; None: the square itself."""


@pytest.fixture(scope="module", params=WIDTH_OF)
def large(request: pytest.FixtureRequest) -> list[Extent]:
    """A region in a square of 16,000 pixels a side, in tiles of 512."""
    width = WIDTH_OF[request.param]
    extents = []
    for tile in tiles_of(grid_of(SIDE_PX, SIDE_PX), 512):
        inside = np.ones(tile.shape, bool)
        if width is not None:
            row_start, col_start, _, _ = tile.window
            row, col = np.ogrid[: tile.shape[0], : tile.shape[1]]
            up = (2 * (row_start + row) + 1) / SIDE_PX - 1
            right = ((2 * (col_start + col) + 1) / SIDE_PX - 1) / width
            inside = up**2 + right**2 < 1
        extents.append(extent_of(tile, inside))
    return [extent for extent in extents if extent.pixels]


@given(
    rows=st.integers(1, 70),
    cols=st.integers(1, 70),
    tile_px=st.integers(1, 40),
    most_px=st.integers(1, 3000),
    share=st.sampled_from([0.0, 0.02, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_every_pixel_lies_in_one_window_that_its_tile_is_told_of(
    rows: int, cols: int, tile_px: int, most_px: int, share: float, seed: int
) -> None:
    inside = np.random.default_rng(seed).random((rows, cols)) < share
    extents = extents_of(inside, tile_px)
    asked, served = np.zeros((2, rows, cols), int)
    for window in windows_of(extents, most_px):
        assert 1 <= window.pixels <= most_px
        part = np.zeros((rows, cols), bool)
        part[slice(*window.rows), slice(*window.cols)] = True
        asked += part
        for tile in window.tiles:
            row, col, height, width = tile.window
            assert part[row : row + height, col : col + width].any()
            served[row : row + height, col : col + width] += part[
                row : row + height, col : col + width
            ]
    assert asked.max(initial=0) <= 1
    assert (asked[inside] == 1).all()
    assert (served[inside] == 1).all()
    assert windows_of(extents[::-1], most_px) == windows_of(extents, most_px)


def test_a_tile_that_needs_nothing_is_not_asked_for() -> None:
    """As after a run that was stopped: only the tiles that are not whole."""
    extents = extents_of(np.ones((64, 320), bool), 64)
    left = [extents[0], extents[1], extents[4]]
    windows = windows_of(left, 64 * 96)
    assert [window.cols for window in windows] == [(0, 96), (96, 128), (256, 320)]
    assert [[tile.col for tile in window.tiles] for window in windows] == [[0, 1], [1], [4]]


def test_the_same_whatever_the_order_and_none_for_nothing() -> None:
    assert windows_of([], 1000) == []


@pytest.mark.parametrize("bands", [4, 8, 11, 20, 32, 52])
def test_16_000_pixels_square_take_hardly_more_requests_than_their_bytes(
    large: list[Extent], bands: int
) -> None:
    windows = windows_of(large, most_pixels(bands))
    requests = sum(len(windows_within_budget(window.shape, bands)) for window in windows)
    ideal = sum(extent.pixels for extent in large) * bands * 5 / BUDGET_BYTES
    assert ideal <= requests <= 1.15 * ideal


def test_speckles_take_more() -> None:
    """What the docs say: a request for every lonely tile."""
    inside = np.zeros((1024, 1024), bool)
    inside[::256, ::256] = True
    assert len(windows_of(extents_of(inside, 128), most_pixels(11))) > 1
