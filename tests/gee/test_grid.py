"""The pixel grid: exact numbers of the published map, and no pixel lost or painted twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gee.errors import GridError
from gee.grid import (
    PLATEAU_PIXEL_DEG,
    centres,
    geobox_of_region,
    grid_from_json,
    grid_to_json,
    plateau_geobox,
    positions,
    relative_area,
    tiles_of,
)


def test_plateau_grid_is_the_published_one():
    """A pixel size rounded to seven digits would move the east edge by 0.9 px."""
    grid = plateau_geobox()
    assert tuple(grid.shape.yx) == (17_307, 45_343)
    assert grid.transform.c == 68.02420623772346
    assert grid.transform.f == 39.80569771226217
    assert grid.transform.a == -grid.transform.e == 0.0008084837557075693
    # The record's edges, which are rounded to a second.
    assert grid.boundingbox.right == pytest.approx(104.6825, abs=PLATEAU_PIXEL_DEG)
    assert grid.boundingbox.bottom == pytest.approx(25.81389, abs=PLATEAU_PIXEL_DEG)


def test_a_region_whose_edges_lie_on_pixel_edges_is_not_enlarged():
    """Rounding in west / pixel_size would add a row or a column."""
    box = plateau_geobox().boundingbox
    grid = geobox_of_region(
        box.left, box.bottom, box.right, box.top, "EPSG:4326", PLATEAU_PIXEL_DEG
    )
    assert grid == plateau_geobox()


@given(
    col=st.integers(84_138, 129_000),
    row=st.integers(32_000, 49_000),
    width=st.integers(1, 400),
    height=st.integers(1, 400),
)
def test_edges_that_are_whole_multiples_keep_their_number_of_pixels(col, row, width, height):
    size = PLATEAU_PIXEL_DEG
    west, south = col * size, row * size
    grid = geobox_of_region(
        west, south, west + width * size, south + height * size, "EPSG:4326", size
    )
    assert tuple(grid.shape.yx) == (height, width)


@given(
    west=st.floats(70, 100),
    south=st.floats(26, 38),
    width=st.floats(0.001, 1),
    height=st.floats(0.001, 1),
)
def test_every_region_lies_within_its_grid_and_on_the_plateaus_lattice(west, south, width, height):
    grid = geobox_of_region(
        west, south, west + width, south + height, "EPSG:4326", PLATEAU_PIXEL_DEG
    )
    slack = 1e-6 * PLATEAU_PIXEL_DEG * 1.001
    box = grid.boundingbox
    assert box.left <= west + slack
    assert box.right >= west + width - slack
    assert box.bottom <= south + slack
    assert box.top >= south + height - slack
    assert grid.shape.x * PLATEAU_PIXEL_DEG < width + 2 * PLATEAU_PIXEL_DEG + slack
    col, row = ~plateau_geobox().transform * (box.left, box.top)
    assert abs(col - round(col)) < 1e-6
    assert abs(row - round(row)) < 1e-6


@pytest.mark.parametrize(("shape_px", "tile_px"), [((100, 130), 32), ((64, 64), 64), ((5, 7), 512)])
def test_a_counter_painted_over_all_tiles_is_one_everywhere(shape_px, tile_px):
    height, width = shape_px
    grid = geobox_of_region(0, 0, width, height, "EPSG:32646", 1)
    counter = np.zeros(shape_px, int)
    for tile in tiles_of(grid, tile_px):
        row, col, tile_height, tile_width = tile.window
        counter[row : row + tile_height, col : col + tile_width] += 1
        assert tuple(tile.geobox.shape.yx) == tile.shape == (tile_height, tile_width)
        assert tile.geobox.transform * (0, 0) == grid.transform * (col, row)
    assert (counter == 1).all()


def test_plateau_tiles_paint_it_once():
    tiles = tiles_of(plateau_geobox())
    assert len(tiles) == 34 * 89
    assert sum(tile.shape[0] * tile.shape[1] for tile in tiles) == 17_307 * 45_343
    assert len({tile.name for tile in tiles}) == len(tiles)
    assert tiles[-1].name == "tile_r0033_c0088"
    assert tiles[90].window == (512, 512, 512, 512)
    east_edge = tiles[88].geobox.boundingbox.right
    assert east_edge == pytest.approx(plateau_geobox().boundingbox.right, abs=1e-12)


@given(row=st.integers(0, 17_306), col=st.integers(0, 45_342))
def test_centres_and_north_western_corners_lie_in_their_pixel(row, col):
    grid = plateau_geobox()
    longitude, latitude = centres(grid, row, col)
    assert [int(a[0]) for a in positions(grid, longitude, latitude)] == [row, col, 1]
    corner = grid.transform * (col, row)
    assert [int(a[0]) for a in positions(grid, *corner)] == [row, col, 1]


def test_outside_positions_count_on_and_edges_belong_to_the_south_east():
    grid = geobox_of_region(90, 30, 91, 31, "EPSG:4326", 0.25)
    rows, cols, inside = positions(grid, [90, 91, 89.9, 90.5], [31, 30.5, 31.3, 30])
    assert rows.tolist() == [0, 2, -2, 4]
    assert cols.tolist() == [0, 4, -1, 2]
    assert inside.tolist() == [True, False, False, False]


def test_positions_in_another_crs():
    """pyproj's own axis order would exchange longitude and latitude."""
    grid = geobox_of_region(400_000, 3_800_000, 500_000, 3_900_000, "EPSG:32646", 90)
    # 93°E is the central meridian of zone 46: easting 500,000 exactly.
    rows, cols, inside = positions(grid, [92.9999], [34.8])
    assert inside.all()
    assert cols[0] == grid.shape.x - 1
    longitude, latitude = centres(grid, rows, cols)
    assert abs(longitude[0] - 92.9999) < 90 / 91_000
    assert abs(latitude[0] - 34.8) < 90 / 111_000


def test_a_position_beyond_the_projection_is_outside_and_not_a_random_integer():
    grid = geobox_of_region(400_000, 3_800_000, 500_000, 3_900_000, "EPSG:32646", 90)
    rows, cols, inside = positions(grid, [93.0], [97.0])
    assert (rows[0], cols[0], inside[0]) == (-1, -1, False)


def test_missing_coordinates_are_refused_with_their_place():
    with pytest.raises(GridError, match="position 1"):
        positions(plateau_geobox(), [90, np.nan], [30, 30])


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        ((104.68, 25, 68.02, 39), "swapped"),
        ((170, 25, -170, 39), "antimeridian"),
        ((68, 39, 104, 25), "south"),
        ((68, 25, 190, 39), "east = 190"),
        ((float("nan"), 25, 90, 39), "west"),
    ],
)
def test_impossible_regions_are_refused(edges, words):
    with pytest.raises(GridError, match=words):
        geobox_of_region(*edges, "EPSG:4326", PLATEAU_PIXEL_DEG)


def test_unknown_crs_and_pixel_size_are_refused():
    with pytest.raises(GridError, match="EPSG:999999"):
        geobox_of_region(0, 0, 1, 1, "EPSG:999999", 0.1)
    with pytest.raises(GridError, match="positive"):
        geobox_of_region(0, 0, 1, 1, "EPSG:4326", 0)


def test_a_grid_survives_json_to_the_bit():
    import json

    grid = plateau_geobox()
    assert grid_from_json(json.loads(json.dumps(grid_to_json(grid)))) == grid
    with pytest.raises(GridError, match="transform"):
        grid_from_json({"crs": "EPSG:4326", "shape": [1, 1]})


def test_area_falls_with_latitude_in_degrees_alone():
    area = relative_area(geobox_of_region(0, 0, 1, 60, "EPSG:4326", 1))
    assert area[0] == pytest.approx(np.cos(np.radians(59.5)))
    assert area[-1] == pytest.approx(np.cos(np.radians(0.5)))
    assert (relative_area(geobox_of_region(0, 0, 3, 3, "EPSG:32646", 1)) == 1).all()
