"""Soil through the real client: means over depths, sources, units, gaps."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pydantic import ValidationError
from scipy import ndimage

from gee.grid import PLATEAU_PIXEL_DEG
from gee.scope import Scope
from gee.soil.covariates import covariates
from gee.soil.images import images
from gee.soil.settings import STANDARD_BOUNDARIES_CM, STANDARD_NAMES, SoilSettings
from gee.soil.sources import openlandmap, soilgrids

Array = np.ndarray[Any, Any]
COARSE_DEG = 1 / 400
SOILGRIDS = ("clay", "sand", "silt", "soc", "bdod", "cfvo", "phh2o")
TYPICAL = {"clay": 180, "sand": 520, "silt": 300, "soc": 250, "bdod": 120, "cfvo": 210, "phh2o": 78}
"""As SoilGrids stores them: 18 %, 52 %, 30 %, 25 g kg-1, 1.2 g cm-3, 21 %, pH 7.8."""


@pytest.fixture(scope="module")
def coarse(geobox: GeoBox) -> GeoBox:
    """Pixels of some 280 m that don't line up with the grid."""
    box = geobox.geographic_extent.boundingbox
    west, north = (int(edge / COARSE_DEG) * COARSE_DEG for edge in (box.left, box.top))
    transform = Affine(COARSE_DEG, 0, west - 3 * COARSE_DEG, 0, -COARSE_DEG, north + 4 * COARSE_DEG)
    return GeoBox((13, 12), transform, "EPSG:4326")


@pytest.fixture(scope="module")
def stored(coarse: GeoBox) -> dict[str, list[Array]]:
    """Six layers of each property in SoilGrids' whole numbers; one pixel of all is missing."""
    generator = np.random.default_rng(5)
    layers = {}
    for name in SOILGRIDS:
        spread = generator.integers(-15, 16, (6, *coarse.shape))
        layers[name] = list((TYPICAL[name] + spread).astype(np.int16))
        for layer in layers[name]:
            layer[6, 5] = -32768
    return layers


@pytest.fixture(scope="module")
def world(new_scenes: Any, coarse: GeoBox, stored: dict[str, list[Array]]) -> Any:
    """SoilGrids, OpenLandMap, a thickness of the active layer, and layers of one's own."""
    scenes = new_scenes()
    for name, layers in stored.items():
        bands = {
            f"{name}_{depth}_mean": layer
            for depth, layer in zip(STANDARD_NAMES, layers, strict=True)
        }
        scenes.image(f"projects/soilgrids-isric/{name}_mean", bands, coarse, nodata=-32768)
    for name, soil in openlandmap().properties.items():
        (image,) = {image for image, _ in soil.bands}
        value = {"clay": 18, "sand": 52, "organic_carbon": 5, "bulk_density": 120, "ph": 78}[name]
        bands = {
            str(band): np.full(coarse.shape, value + place, np.int16)
            for place, (_, band) in enumerate(soil.bands)
        }
        scenes.image(image, bands, coarse)
    thickness = np.full(coarse.shape, 1.5, np.float32)
    thickness[:, :4] = 0.1
    thickness[0:3] = np.nan
    scenes.image("projects/me/assets/alt", {"alt": thickness}, coarse)
    for place, depth in enumerate(STANDARD_NAMES):
        scenes.image(
            f"projects/me/assets/csdl/porosity_{depth}",
            {"b1": np.full(coarse.shape, 45.0 + place, np.float32)},
            coarse,
        )
    return scenes


def asked(names: tuple[str, ...], scope: Scope, settings: SoilSettings) -> ee.Image:
    stack = images(names, scope, settings)
    return ee.Image.cat([stack[name].toFloat().rename(name) for name in names])


def bilinear(array: Array, own: GeoBox, geobox: GeoBox) -> Array:
    """Between the four neighbours; where one is missing, the pixel's own value."""
    rows, cols = np.indices(geobox.shape) + 0.5
    east, north = (
        geobox.transform.c + cols * PLATEAU_PIXEL_DEG,
        geobox.transform.f - rows * PLATEAU_PIXEL_DEG,
    )
    place = [(own.transform.f - north) / COARSE_DEG, (east - own.transform.c) / COARSE_DEG]
    smooth = ndimage.map_coordinates(array, [place[0] - 0.5, place[1] - 0.5], order=1)
    nearest = array[np.floor(place[0]).astype(int), np.floor(place[1]).astype(int)]
    return np.asarray(np.where(np.isnan(smooth), nearest, smooth))


def overlap(top: float, bottom: float) -> Array:
    edges = np.array(STANDARD_BOUNDARIES_CM)
    return np.asarray(np.clip(np.minimum(edges[1:], bottom) - np.maximum(edges[:-1], top), 0, None))


SCALES = {
    "clay": ("clay", 10), "sand": ("sand", 10), "silt": ("silt", 10), "organic_carbon": ("soc", 10),
    "bulk_density": ("bdod", 100), "coarse_fragments": ("cfvo", 10), "ph": ("phh2o", 10),
}  # fmt: skip


@pytest.mark.parametrize(("top", "bottom"), [(0, 200), (0, 30), (10, 45), (2, 3)])
def test_thickness_weighs(
    world: Any, stored: Any, coarse: GeoBox, geobox: GeoBox, scope: Scope, connected: Any,
    bands_of: Any, top: float, bottom: float,
) -> None:  # fmt: skip
    """Catches a plain mean of layers, a wrong divisor, or a cut layer counted whole."""
    connected(world)
    found = bands_of(asked(tuple(SCALES), scope, SoilSettings(depth_cm=(top, bottom))), geobox)
    weights = overlap(top, bottom)
    for name, (theirs, divisor) in SCALES.items():
        profile = np.stack(stored[theirs]).astype(float)
        profile[profile == -32768] = np.nan
        mean = np.tensordot(weights, profile, 1) / weights.sum() / divisor
        np.testing.assert_allclose(found[name], bilinear(mean, coarse, geobox), rtol=1e-6)


def test_a_gap_is_no_wider_than_its_pixel(
    world: Any, stored: Any, coarse: GeoBox, geobox: GeoBox, scope: Scope, connected: Any,
    pixels_of: Any,
) -> None:  # fmt: skip
    """Catches a lake in the soil map that grows by a coarse pixel on every side."""
    connected(world)
    found = pixels_of(asked(("clay",), scope, SoilSettings()), geobox)
    gap = np.zeros(coarse.shape)
    gap[6, 5] = np.nan
    expected = np.isnan(bilinear(gap, coarse, geobox))
    assert 0 < expected.sum() < 14
    np.testing.assert_array_equal(np.isnan(found), expected)


def test_porosity_follows_from_density(
    world: Any, geobox: GeoBox, scope: Scope, connected: Any, bands_of: Any
) -> None:
    """Catches another particle density, or the share of the solid."""
    connected(world)
    found = bands_of(asked(("bulk_density", "porosity"), scope, SoilSettings()), geobox)
    np.testing.assert_allclose(found["porosity"], 1 - found["bulk_density"] / 2.65, rtol=1e-6)
    other = SoilSettings(particle_density_g_cm3=2.4)
    changed = bands_of(asked(("porosity",), scope, other), geobox)["porosity"]
    np.testing.assert_allclose(changed, 1 - found["bulk_density"] / 2.4, rtol=1e-6)


@pytest.mark.parametrize("deepest", [200.0, 50.0])
def test_down_to_the_active_layer_s_bottom(
    world: Any, stored: Any, coarse: GeoBox, geobox: GeoBox, scope: Scope, connected: Any,
    pixels_of: Any, deepest: float,
) -> None:  # fmt: skip
    """Catches metres taken for centimetres, or a thickness that is not used or not required."""
    connected(world)
    settings = SoilSettings(active_layer_asset="projects/me/assets/alt", depth_cm=(0, deepest))
    found = pixels_of(asked(("clay",), scope, settings), geobox)
    profile = np.stack(stored["clay"]).astype(float)
    profile[profile == -32768] = np.nan
    mean = np.empty(coarse.shape)
    for col, thickness in ((slice(0, 4), 10), (slice(4, None), 150)):
        weights = overlap(0, min(thickness, deepest))
        mean[:, col] = (np.tensordot(weights, profile, 1) / weights.sum() / 10)[:, col]
    mean[0:3] = np.nan
    np.testing.assert_allclose(found, bilinear(mean, coarse, geobox), rtol=1e-6)


@pytest.mark.parametrize(("top", "bottom"), [(0.0, 200.0), (0.0, 45.0), (5.0, 80.0), (12.0, 20.0)])
def test_openlandmap_is_joined_by_lines(
    world: Any, geobox: GeoBox, scope: Scope, connected: Any, bands_of: Any, top: float,
    bottom: float,
) -> None:  # fmt: skip
    """Catches depths taken for layers, and OpenLandMap's units."""
    connected(world)
    settings = SoilSettings(source="openlandmap", depth_cm=(top, bottom))
    found = bands_of(
        asked(("clay", "organic_carbon", "bulk_density", "ph", "silt"), scope, settings), geobox
    )
    depth = np.linspace(top, bottom, 20_001)
    line = np.interp((depth[1:] + depth[:-1]) / 2, (0, 10, 30, 60, 100, 200), range(6)).mean()
    np.testing.assert_allclose(found["clay"], 18 + line, rtol=1e-5)
    np.testing.assert_allclose(found["organic_carbon"], 5 * (5 + line), rtol=1e-5)
    np.testing.assert_allclose(found["bulk_density"], (120 + line) / 100, rtol=1e-5)
    np.testing.assert_allclose(found["ph"], (78 + line) / 10, rtol=1e-5)
    np.testing.assert_allclose(found["silt"], 100 - (18 + line) - (52 + line), rtol=1e-5)


NOTHING = {"name": "ph", "scale": 0}
OWN = {
    "image": "projects/me/assets/csdl/{property}_{depth}",
    "properties": {"porosity": {"name": "porosity", "scale": 0.01}},
    "licence": "CC BY-NC-SA 4.0",
}


def test_an_asset_of_one_s_own(
    world: Any, geobox: GeoBox, scope: Scope, connected: Any, pixels_of: Any
) -> None:
    """Catches a pattern, a scale or a layer's own porosity that is not used."""
    connected(world)
    settings = SoilSettings.model_validate({"source": "asset", "asset": OWN})
    found = pixels_of(asked(("porosity",), scope, settings), geobox)
    weights = overlap(0, 200)
    expected = (weights * (45 + np.arange(6))).sum() / weights.sum() / 100
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert [entry.name for entry in covariates(settings)] == ["porosity"]


def test_four_quarters_are_one_request(
    world: Any, geobox: GeoBox, scope: Scope, connected: Any, pixels_of: Any,
    pixels_in_quarters: Any,
) -> None:  # fmt: skip
    """Catches interpolation that depends on the tile."""
    connected(world)
    for name in (entry.name for entry in covariates(SoilSettings())):
        image = asked((name,), scope, SoilSettings())
        np.testing.assert_array_equal(pixels_in_quarters(image, geobox), pixels_of(image, geobox))


def test_stored_numbers_fall_into_the_valid_ranges() -> None:
    """Catches a divisor wrong by ten, by which a typical value would leave its range."""
    ranges = {entry.name: entry for entry in covariates(SoilSettings())}
    assert set(ranges) == {*SCALES, "porosity"}
    for name, soil in soilgrids().properties.items():
        value = TYPICAL[SCALES[name][0]] * soil.scale + soil.offset
        assert ranges[name].minimum < value < ranges[name].maximum
    assert soilgrids().properties["bulk_density"].scale * 120 == pytest.approx(1.2)


def test_a_layer_that_does_not_count_may_be_missing(
    new_scenes: Any, coarse: GeoBox, geobox: GeoBox, scope: Scope, connected: Any, pixels_of: Any
) -> None:
    """Catches shallow soil lost where a map has no value at depth, and the other way round."""
    scenes = new_scenes()
    for place, depth in enumerate(STANDARD_NAMES):
        layer = np.full(coarse.shape, np.nan if place == 5 else 40.0 + place, np.float32)
        scenes.image(f"projects/me/assets/csdl/porosity_{depth}", {"b1": layer}, coarse)
    connected(scenes)
    for bottom, missing in ((100, False), (101, True)):
        keys = {"source": "asset", "asset": OWN, "depth_cm": (0, bottom)}
        found = pixels_of(asked(("porosity",), scope, SoilSettings.model_validate(keys)), geobox)
        assert np.isnan(found).all() == missing


def test_openlandmap_has_no_coarse_fragments() -> None:
    """Catches a covariate in the catalogue that its source cannot give."""
    names = {entry.name for entry in covariates(SoilSettings(source="openlandmap"))}
    assert names == {"clay", "sand", "silt", "organic_carbon", "bulk_density", "ph", "porosity"}


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"source": "asset"}, "needs"),
        ({"depth_cm": (30, 0)}, "rise"),
        ({"depth_cm": (-5, 30)}, "rise"),
        ({"depth_cm": (200, 300)}, "below the deepest"),
        ({"source": "asset", "asset": {**OWN, "image": "projects/me/{property}"}}, "depth"),
        ({"source": "asset", "asset": {**OWN, "image": "projects/{x}/{depth}"}}, "braces"),
        ({"source": "asset", "asset": {**OWN, "depths": ("0-5cm",)}}, "names 1 layers"),
        ({"source": "asset", "asset": {**OWN, "properties": {"ph": NOTHING}}}, "same"),
        ({"source": "asset", "asset": {**OWN, "properties": {"mud": {"name": "m"}}}}, "clay"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(keys: dict[str, Any], text: str) -> None:
    """Catches a pattern by which all depths would be read from the same band, and the like."""
    with pytest.raises(ValidationError, match=text):
        SoilSettings.model_validate(keys)
