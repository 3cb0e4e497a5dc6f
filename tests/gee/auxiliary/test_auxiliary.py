"""Water and glaciers through the real client."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from gee.auxiliary.covariates import covariates
from gee.auxiliary.images import images
from gee.auxiliary.settings import AuxiliarySettings
from gee.grid import PLATEAU_PIXEL_DEG
from gee.scope import Scope

Array = np.ndarray[Any, Any]
PARTS = 3


@pytest.fixture(scope="module")
def occurrence(geobox: GeoBox) -> Array:
    """Percent on thirds of pixels: a lake, a shore, and 0 for what was never water."""
    rows, cols = np.indices((PARTS * 8, PARTS * 12))
    return np.clip(120 - 6 * np.hypot(rows - 10, cols - 14), 0, 100).astype(np.uint8)


def polygon(*corners: tuple[float, float], geobox: GeoBox) -> shapely.Polygon:
    """Corners in columns and rows of the grid."""
    return shapely.Polygon([geobox.transform * corner for corner in corners])


@pytest.fixture(scope="module")
def outlines(geobox: GeoBox) -> list[tuple[str, shapely.Polygon]]:
    ice = polygon((1.2, 1.1), (9.3, 0.7), (10.6, 8.2), (2.4, 9.1), geobox=geobox)
    earlier = polygon((0.1, 4.0), (3.0, 4.0), (3.0, 6.2), (0.1, 6.2), geobox=geobox)
    rock = polygon((5.1, 3.1), (7.2, 3.3), (6.9, 5.4), (4.8, 5.0), geobox=geobox)
    lake = polygon((10.0, 8.5), (12.0, 8.5), (12.0, 10.0), (10.0, 10.0), geobox=geobox)
    return [
        ("glac_bound", ice), ("glac_bound", earlier), ("intrnl_rock", rock), ("pro_lake", lake),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def world(new_scenes: Any, geobox: GeoBox, occurrence: Array, outlines: Any) -> Any:
    """Water covers all but the last two rows of the grid."""
    scenes = new_scenes()
    fine = GeoBox(
        occurrence.shape, geobox.transform * Affine.scale(1 / PARTS), "EPSG:4326"
    )  # fmt: skip
    scenes.image("JRC/GSW1_4/GlobalSurfaceWater", {"occurrence": occurrence}, fine, nodata=0)
    features = [
        {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(shape),
            "properties": {"line_type": kind},
        }
        for kind, shape in outlines
    ]
    scenes.table("GLIMS/current", {"type": "FeatureCollection", "features": features})
    return scenes


def test_water_is_0_where_there_never_was_any(
    world: Any, geobox: GeoBox, scope: Scope, occurrence: Array, connected: Any, pixels_of: Any
) -> None:
    """Catches dry land called missing, shores averaged over water alone, a dataset without end."""
    connected(world)
    found = pixels_of(images(["water_occurrence"], scope)["water_occurrence"], geobox)
    expected = occurrence.reshape(8, PARTS, 12, PARTS).mean(axis=(1, 3))
    np.testing.assert_allclose(found[:8], expected, rtol=1e-6)
    assert (expected == 0).any()
    assert np.isnan(found[8:]).all()


def test_glaciers_are_painted(
    world: Any, geobox: GeoBox, scope: Scope, outlines: Any, connected: Any, pixels_of: Any
) -> None:
    """Catches rock or lakes of the same inventory called ice, and missing values outside."""
    connected(world)
    found = pixels_of(images(["glacier"], scope)["glacier"], geobox)
    rows, cols = np.indices(geobox.shape) + 0.5
    east, north = (
        geobox.transform.c + cols * PLATEAU_PIXEL_DEG,
        geobox.transform.f - rows * PLATEAU_PIXEL_DEG,
    )
    inside = [shapely.contains_xy(shape, east, north) for _, shape in outlines]
    expected = (inside[0] | inside[1]) & ~inside[2]
    np.testing.assert_array_equal(found, expected)
    assert inside[2].sum() > 2
    assert inside[3].sum() > 1
    assert 0.3 < expected.mean() < 0.9


@pytest.mark.parametrize("name", ["water_occurrence", "glacier"])
def test_four_quarters_are_one_request(
    world: Any, geobox: GeoBox, scope: Scope, connected: Any, pixels_of: Any,
    pixels_in_quarters: Any, name: str,
) -> None:  # fmt: skip
    """Catches outlines that are looked up by tile and lost at its edge."""
    connected(world)
    whole = pixels_of(images([name], scope)[name], geobox)
    np.testing.assert_array_equal(pixels_in_quarters(images([name], scope)[name], geobox), whole)
    part = np.s_[6:9, 1:4]
    narrow = Scope(geobox, scope.years, window=geobox[part])
    np.testing.assert_array_equal(
        pixels_of(images([name], narrow)[name], geobox[part]), whole[part]
    )


def test_no_glacier_far_and_wide(
    new_scenes: Any, geobox: GeoBox, scope: Scope, connected: Any, pixels_of: Any
) -> None:
    """Catches an empty inventory that would mask the map."""
    scenes = new_scenes()
    scenes.table("GLIMS/current", {"type": "FeatureCollection", "features": []})
    connected(scenes)
    assert pixels_of(images(["glacier"], scope)["glacier"], geobox).max() == 0


def test_they_are_never_learned_from() -> None:
    """Catches an auxiliary layer among the candidates."""
    assert {entry.role for entry in covariates(AuxiliarySettings())} == {"auxiliary"}
    assert all(not entry.presets for entry in covariates(AuxiliarySettings()))
