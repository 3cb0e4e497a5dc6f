"""Terrain through the real client: surfaces of known shape, and numpy from the same heights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pydantic import ValidationError
from scipy import ndimage

from export.plateau.terrain import radiation_index as plateau_radiation_index
from gee.scope import Scope
from gee.terrain import surface
from gee.terrain.covariates import covariates
from gee.terrain.images import images
from gee.terrain.radiation import northward_share
from gee.terrain.settings import TerrainSettings

Array = np.ndarray[Any, Any]
SETTINGS = TerrainSettings()
NAMES = tuple(entry.name for entry in covariates(SETTINGS))
MERIT_SECONDS = 3


@pytest.fixture(scope="module")
def made(new_scenes: Any, ground: Any) -> Callable[[Array], Any]:
    """`made(heights)`: a folder with an elevation model and an upslope area that grows eastward."""

    def make(heights: Array, dtype: str = "float64") -> Any:
        scenes = new_scenes()
        scenes.image(
            "USGS/SRTMGL1_003", {"elevation": heights.astype(dtype)}, ground.geobox, nodata=-32768
        )
        scenes.image("MERIT/Hydro/v1_0_1", {"upa": area_km2(ground)}, merit(ground))
        return scenes

    return make


def merit(ground: Any) -> GeoBox:
    """Three seconds, with edges on whole ones less a half of three."""
    rows, cols = ground.geobox.shape.yx
    transform = ground.geobox.transform * Affine.scale(MERIT_SECONDS)
    return GeoBox((rows // MERIT_SECONDS, cols // MERIT_SECONDS), transform, "EPSG:4326")


def area_km2(ground: Any) -> Array:
    rows, cols = merit(ground).shape.yx
    return np.asarray(0.01 * 1.05 ** np.arange(cols)[None, :] * np.ones((rows, 1)))


@pytest.fixture(scope="module")
def hills(made: Any, ground: Any) -> Any:
    """Rough hills, and their heights in whole metres as SRTM's."""
    generator = np.random.default_rng(11)
    rough = ndimage.gaussian_filter(generator.normal(0, 400, ground.east_m.shape), 8)
    heights = 4700 + 0.08 * ground.north_m + 40 * np.sin(ground.east_m / 400) + 3 * rough
    heights = np.rint(heights)
    return made(heights, "int16"), heights


@pytest.fixture(scope="module")
def found(hills: Any, scope: Scope) -> dict[str, Array]:
    """Filled by the first test that asks."""
    return {}


@pytest.fixture
def layers(found: Any, hills: Any, scope: Scope, connected: Any, bands_of: Any) -> dict[str, Array]:
    """Every covariate of the hills."""
    connected(hills[0])
    if not found:
        found.update(bands_of(whole(scope), scope.geobox))
    return found


def whole(scope: Scope, settings: TerrainSettings = SETTINGS) -> ee.Image:
    stack = images(NAMES, scope, settings)
    return ee.Image.cat([stack[name].toFloat().rename(name) for name in NAMES])


def one(name: str, scope: Scope, **changed: Any) -> ee.Image:
    return images([name], scope, TerrainSettings(**changed))[name]


def horn(heights: Array, ground: Any) -> tuple[Array, Array]:
    """Rise eastward and northward, NaN at the border, by explicit neighbours."""
    padded = np.pad(heights.astype(float), 1, constant_values=np.nan)
    north, south = padded[:-2], padded[2:]
    middle = padded[1:-1]
    east = (
        (north[:, 2:] + 2 * middle[:, 2:] + south[:, 2:])
        - (north[:, :-2] + 2 * middle[:, :-2] + south[:, :-2])
    ) / (8 * ground.width_m)
    northward = (
        (north[:, 2:] + 2 * north[:, 1:-1] + north[:, :-2])
        - (south[:, 2:] + 2 * south[:, 1:-1] + south[:, :-2])
    ) / (8 * ground.height_m)
    return east, northward


class TestAgainstNumpy:
    def test_slope_aspect_elevation(
        self, layers: Any, hills: Any, ground: Any, geobox: GeoBox, mean_on: Any
    ) -> None:
        """Catches pixels of the grid in place of native ones, degrees taken for metres, axes."""
        east, north = horn(hills[1], ground)
        steep = np.hypot(east, north)
        expected = {
            "elevation": hills[1].astype(float),
            "slope": np.degrees(np.arctan(steep)),
            "aspect_sine": -east / np.where(steep == 0, 1, steep),
            "aspect_cosine": -north / np.where(steep == 0, 1, steep),
        }
        for name, native in expected.items():
            oracle = mean_on(np.nan_to_num(native), ground.geobox, geobox)
            np.testing.assert_allclose(layers[name], oracle, rtol=2e-6, atol=2e-6, err_msg=name)

    def test_curvature_and_roughness(
        self, layers: Any, hills: Any, ground: Any, geobox: GeoBox, mean_on: Any
    ) -> None:
        """Catches a wrong sign or side of the second difference, a window of another size."""
        height = hills[1].astype(float)
        bend = np.zeros_like(height)
        bend[1:-1, 1:-1] = (height[1:-1, 2:] - 2 * height[1:-1, 1:-1] + height[1:-1, :-2]) / (
            ground.width_m[1:-1] ** 2
        ) + (height[2:, 1:-1] - 2 * height[1:-1, 1:-1] + height[:-2, 1:-1]) / (
            ground.height_m[1:-1] ** 2
        )
        oracle = mean_on(-bend, ground.geobox, geobox)
        np.testing.assert_allclose(layers["curvature"], oracle, rtol=1e-5, atol=1e-9)
        residual = height - ndimage.uniform_filter(height, 5)
        windows = np.lib.stride_tricks.sliding_window_view(residual, (5, 5))
        spread = np.pad(windows.std(axis=(2, 3)), 2)
        oracle = mean_on(spread, ground.geobox, geobox)
        np.testing.assert_allclose(layers["roughness"], oracle, rtol=1e-5)

    def test_wetness(
        self, layers: Any, hills: Any, ground: Any, geobox: GeoBox, mean_on: Any
    ) -> None:
        """Catches km2 for m2, a tangent of degrees, or a width of the grid's pixel."""
        lattice = merit(ground)
        steep = np.nan_to_num(np.hypot(*horn(hills[1], ground)))
        steep = mean_on(steep, ground.geobox, lattice)
        rows = slice(1, MERIT_SECONDS * lattice.shape.y, MERIT_SECONDS)
        width = MERIT_SECONDS * np.sqrt(ground.width_m * ground.height_m)[rows]
        native = np.log(1e6 * area_km2(ground) / width / np.maximum(steep, 0.001))
        places = [
            (np.arange(count) + 0.5) / MERIT_SECONDS - 0.5 for count in ground.geobox.shape.yx
        ]
        native = ndimage.map_coordinates(native, np.meshgrid(*places, indexing="ij"), order=1)
        oracle = mean_on(native, ground.geobox, geobox)
        np.testing.assert_allclose(layers["twi"], oracle, rtol=2e-6)

    def test_radiation_is_that_of_the_example_plateau(
        self, layers: Any, hills: Any, ground: Any, geobox: GeoBox, mean_on: Any
    ) -> None:
        """Catches another definition than that which the example plateau is made by."""
        east, north = (np.nan_to_num(part) for part in horn(hills[1], ground))
        slope = np.degrees(np.arctan(np.hypot(east, north)))
        aspect = np.degrees(np.arctan2(-east, -north)) % 360
        native = plateau_radiation_index(slope, aspect, ground.latitude)
        oracle = mean_on(native, ground.geobox, geobox)
        np.testing.assert_allclose(layers["radiation_index"], oracle, atol=3e-6)
        assert np.ptp(oracle) > 0.1

    @pytest.mark.parametrize(("radius", "tolerance"), [(300, 0.3), (900, 0.5), (2700, 0.5)])
    def test_position(
        self,
        layers: Any,
        hills: Any,
        ground: Any,
        geobox: GeoBox,
        mean_on: Any,
        radius: int,
        tolerance: float,
    ) -> None:
        """Catches a circle in degrees, a radius in pixels, or a mean that is off its centre.

        Against the mean of all native pixels within the circle about each pixel of the grid, in
        metres: the coarser lattice costs some decimetres in hills of some 100 m.
        """
        height = hills[1].astype(float)
        longitude = ground.geobox.transform.c + (np.arange(height.shape[1]) + 0.5) / 3600
        oracle = np.empty(geobox.shape)
        for row, col in np.ndindex(*geobox.shape.yx):
            east, north = geobox.transform * (col + 0.5, row + 0.5)
            line = int(np.argmin(np.abs(ground.latitude - north)))
            distance = np.hypot(
                (longitude - east)[None, :] * ground.width_m[line, 0] * 3600,
                (ground.latitude - north)[:, None] * ground.height_m[line, 0] * 3600,
            )
            oracle[row, col] = height[distance <= radius].mean()
        oracle = mean_on(height, ground.geobox, geobox) - oracle
        error = layers[f"tpi_{radius}m"] - oracle
        assert np.ptp(oracle) > 15
        assert np.sqrt(np.mean(error**2)) < tolerance
        assert np.abs(error).max() < 4 * tolerance


class TestKnownShapes:
    @pytest.mark.parametrize(
        ("downhill", "sine", "cosine"),
        [
            ((1, 0), 0, 1),
            ((1, 1), 0.5**0.5, 0.5**0.5),
            ((0, 1), 1, 0),
            ((-1, 0), 0, -1),
            ((0, -1), -1, 0),
        ],
    )
    def test_a_plane_faces_downhill(
        self,
        made: Any,
        ground: Any,
        scope: Scope,
        connected: Any,
        bands_of: Any,
        downhill: tuple[int, int],
        sine: float,
        cosine: float,
    ) -> None:
        """Catches exchanged axes, a flipped north, uphill for downhill, radians for degrees."""
        north, east = np.array(downhill) / np.hypot(*downhill)
        connected(made(4800 - 0.2 * (north * ground.north_m + east * ground.east_m)))
        names = ("slope", "aspect_sine", "aspect_cosine", "curvature", "roughness", "tpi_900m")
        stack = images(names, scope, SETTINGS)
        found = bands_of(ee.Image.cat([stack[name].rename(name) for name in names]), scope.geobox)
        # The plane bends a little where meridians converge.
        np.testing.assert_allclose(found["slope"], np.degrees(np.arctan(0.2)), rtol=2e-3)
        np.testing.assert_allclose(found["aspect_sine"], sine, atol=2e-3)
        np.testing.assert_allclose(found["aspect_cosine"], cosine, atol=2e-3)
        np.testing.assert_allclose(found["curvature"], 0, atol=1e-6)
        assert found["roughness"].max() < 1e-3
        assert np.abs(found["tpi_900m"]).max() < 0.05

    def test_a_cone_faces_outward_all_round(
        self, made: Any, ground: Any, geobox: GeoBox, scope: Scope, connected: Any, bands_of: Any,
        mean_on: Any,
    ) -> None:  # fmt: skip
        """Catches what only shows off the axes; the summit stands out."""
        distance = np.hypot(ground.east_m, ground.north_m)
        connected(made(5000 - 0.3 * distance))
        names = ("slope", "aspect_sine", "aspect_cosine", "curvature", "tpi_300m")
        stack = images(names, scope, SETTINGS)
        found = bands_of(ee.Image.cat([stack[name].rename(name) for name in names]), geobox)
        away = mean_on(distance, ground.geobox, geobox) > 200
        east, north = (
            mean_on(part, ground.geobox, geobox) for part in (ground.east_m, ground.north_m)
        )
        outward = np.arctan2(east, north)
        off = np.arctan2(found["aspect_sine"], found["aspect_cosine"]) - outward
        off = np.degrees((off + np.pi) % (2 * np.pi) - np.pi)
        assert np.abs(off[away]).max() < 0.5
        np.testing.assert_allclose(found["slope"][away], np.degrees(np.arctan(0.3)), atol=0.1)
        assert set(np.sign(outward[away]).astype(int)) == {-1, 1}
        assert found["curvature"][away].min() > 0
        top = np.unravel_index(np.argmax(found["tpi_300m"]), geobox.shape)
        assert distance_at(top, east, north) < 130
        assert found["tpi_300m"].max() > 30

    @pytest.mark.parametrize("sign", [1, -1])
    def test_a_bowl_and_a_dome(
        self, made: Any, ground: Any, scope: Scope, connected: Any, bands_of: Any, sign: int
    ) -> None:
        """Catches hollows called ridges, and a curvature per pixel in place of per metre."""
        bowl = (ground.north_m**2 + ground.east_m**2) / 2 / 5000
        connected(made(4700 + sign * bowl))
        stack = images(["curvature", "tpi_300m", "tpi_2700m"], scope, SETTINGS)
        found = bands_of(
            ee.Image.cat([image.rename(name) for name, image in stack.items()]), scope.geobox
        )
        np.testing.assert_allclose(found["curvature"], -sign * 2 / 5000, rtol=2e-3)
        # The mean of r^2 / 2R within a radius lies radius^2 / 4R above the middle.
        for radius, tolerance in ((300, 0.06), (2700, 0.02)):
            expected = -sign * radius**2 / 4 / 5000
            np.testing.assert_allclose(found[f"tpi_{radius}m"], expected, rtol=tolerance)

    def test_level_ground_faces_nowhere(
        self, made: Any, ground: Any, scope: Scope, connected: Any, bands_of: Any, mean_on: Any
    ) -> None:
        """Catches north for level ground, a division by 0, and an infinite wetness."""
        connected(made(np.full(ground.east_m.shape, 4700.0)))
        found = bands_of(whole(scope), scope.geobox)
        for name in ("slope", "aspect_sine", "aspect_cosine", "curvature", "roughness"):
            np.testing.assert_array_equal(found[name], 0, err_msg=name)
        np.testing.assert_allclose(found["radiation_index"], 1, rtol=1e-6)
        lattice = merit(ground)
        width = MERIT_SECONDS * np.sqrt(ground.width_m * ground.height_m).mean()
        area = mean_on(np.log(1e6 * area_km2(ground)), lattice, scope.geobox)
        np.testing.assert_allclose(found["twi"], area - np.log(width * 0.001), atol=0.01)
        assert np.abs(found["tpi_2700m"]).max() < 1e-3


def distance_at(pixel: Any, east: Array, north: Array) -> float:
    return float(np.hypot(east[pixel], north[pixel]))


class TestTurnedKernels:
    def test_the_gradient_does_not_depend_on_how_a_kernel_is_applied(
        self, made: Any, ground: Any, scope: Scope, connected: Any, pixels_of: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """Catches an aspect that would be mirrored by a service that turns kernels around."""
        connected(made(4800 - 0.1 * ground.north_m - 0.2 * ground.east_m))
        before = pixels_of(one("aspect_sine", scope), scope.geobox)
        monkeypatch.setattr(surface, "EASTWARD", np.flip(surface.EASTWARD).tolist())
        monkeypatch.setattr(surface, "SOUTHWARD", np.flip(surface.SOUTHWARD).tolist())
        np.testing.assert_array_equal(pixels_of(one("aspect_sine", scope), scope.geobox), before)
        assert before.min() > 0.8


class TestTiles:
    @pytest.mark.parametrize("name", NAMES)
    def test_four_quarters_are_one_request(
        self, layers: Any, hills: Any, scope: Scope, connected: Any, name: str,
        pixels_in_quarters: Any,
    ) -> None:  # fmt: skip
        """Catches a neighbourhood that ends at a tile's edge."""
        connected(hills[0])
        np.testing.assert_array_equal(
            pixels_in_quarters(one(name, scope), scope.geobox), layers[name]
        )

    def test_the_window_changes_no_value(
        self, layers: Any, hills: Any, scope: Scope, connected: Any, bands_of: Any
    ) -> None:
        """Catches latitudes or kernels that depend on the part that is asked for."""
        connected(hills[0])
        part = np.s_[3:9, 2:7]
        narrow = Scope(scope.geobox, scope.years, window=scope.geobox[part])
        found = bands_of(whole(narrow), scope.geobox[part])
        for name in NAMES:
            np.testing.assert_array_equal(found[name], layers[name][part], err_msg=name)


def test_circles_are_round_at_every_latitude(
    new_scenes: Any, further_north: Any, connected: Any, pixels_of: Any
) -> None:
    """Catches a kernel of one latitude for all: ridges from north to south tell its width."""
    place, ground = further_north
    scenes = new_scenes()
    ridge = 4700 - ground.east_m**2 / 2 / 5000
    scenes.image("USGS/SRTMGL1_003", {"elevation": ridge}, ground.geobox)
    connected(scenes)
    for radius, tolerance in ((900, 0.01), (2700, 0.01)):
        found = pixels_of(one(f"tpi_{radius}m", Scope(place, (2019, 2020))), place)
        # The mean of x^2 within a circle is radius^2 / 4.
        np.testing.assert_allclose(found, radius**2 / 8 / 5000, rtol=tolerance)


class TestMissing:
    def test_a_hole_masks_what_needs_it_and_no_more(
        self, made: Any, ground: Any, geobox: GeoBox, scope: Scope, connected: Any, bands_of: Any
    ) -> None:
        """Catches a hole taken for a height of 0 m, or neighbours lost for one hole."""
        heights = np.full(ground.east_m.shape, 4700.0)
        col, row = (
            int(number) for number in ~ground.geobox.transform * (geobox.transform * (7.5, 6.5))
        )
        heights[row - 4 : row + 5, col - 4 : col + 5] = np.nan
        connected(made(heights))
        found = bands_of(whole(scope), geobox)
        assert np.isnan(found["elevation"][6, 7])
        for name in NAMES:
            missing = np.isnan(found[name])
            assert missing[6, 7], name
            assert missing.sum() <= 36, name
        for name in ("slope", "curvature", "roughness", "tpi_300m", "tpi_900m", "tpi_2700m"):
            np.testing.assert_allclose(found[name][~np.isnan(found[name])], 0, atol=1e-3)


class TestRadiation:
    @pytest.mark.parametrize("months", [tuple(range(1, 13)), (9, 10), (6,)])
    def test_against_a_sum_over_hours(self, months: tuple[int, ...]) -> None:
        """Catches a sign or a weight wrong in the closed form, and months left out."""
        latitude = 33.0
        hour = np.deg2rad(np.arange(-180, 180, 0.02))
        phi = np.deg2rad(latitude)
        up_sum = north_sum = 0.0
        for month in months:
            day = 15.5 + 30.44 * (month - 1)
            declination = np.deg2rad(23.45) * np.sin(2 * np.pi * (284 + day) / 365.25)
            up = np.sin(phi) * np.sin(declination)
            up = up + np.cos(phi) * np.cos(declination) * np.cos(hour)
            north = np.cos(phi) * np.sin(declination)
            north = north - np.sin(phi) * np.cos(declination) * np.cos(hour)
            up_sum += up[up > 0].sum()
            north_sum += north[up > 0].sum()
        share = northward_share(latitude, months)
        np.testing.assert_allclose(share, north_sum / up_sum, rtol=1e-3)

    def test_months_are_taken(
        self, hills: Any, scope: Scope, connected: Any, pixels_of: Any, layers: Any
    ) -> None:
        """Catches a setting without effect: autumn's low sun sets slopes further apart."""
        connected(hills[0])
        autumn = pixels_of(one("radiation_index", scope, radiation_months=(9, 10)), scope.geobox)
        assert autumn.std() > 1.1 * layers["radiation_index"].std()

    def test_polar_night_and_day(self) -> None:
        """Catches an arccosine out of its range."""
        assert np.isfinite(northward_share(np.array([-89.5, 80.0, 89.5]), (6,))).all()


class TestSettings:
    @pytest.mark.parametrize("months", [(), (0,), (13,), (9, 9)])
    def test_months_that_are_none(self, months: tuple[int, ...]) -> None:
        """Catches an index of no month, or of one counted twice."""
        with pytest.raises(ValidationError, match=r"month|at least 1"):
            TerrainSettings(radiation_months=months)
