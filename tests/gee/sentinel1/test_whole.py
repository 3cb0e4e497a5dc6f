"""All radar covariates together: tiles, windows, the graph, the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from gee.covariate import Covariate
from gee.datasets import DATASETS
from gee.local import registry
from gee.scope import Scope
from gee.sentinel1.covariates import covariates
from gee.sentinel1.settings import Sentinel1Settings
from gee.stack import graph

SETTINGS = Sentinel1Settings(
    scale_m=30.0, look_from="angle", look_scale_m=200.0, change_detection={"minimum_scenes": 2}
)
NAMES = [entry.name for entry in covariates(SETTINGS)]


def entries(settings: Sentinel1Settings = SETTINGS) -> dict[str, Covariate]:
    """The room's covariates by name."""
    return {entry.name: entry for entry in covariates(settings)}


def stack_of(images: dict[str, ee.Image]) -> ee.Image:
    """All of them as one image."""
    return ee.Image.cat([image.toFloat().rename(name) for name, image in images.items()])


@pytest.fixture(scope="module")
def askew(new_scenes: Any, lab: Any) -> Any:
    """Scenes in UTM that end within the grid, over hills, with the frost line across them."""
    scenes = new_scenes()
    generator = np.random.default_rng(5)
    utm = GeoBox((60, 80), Affine(20, 0, 434_500, 0, -20, 3_976_200), "EPSG:32646")
    row, col = np.indices(utm.shape)
    weather = GeoBox((6, 6), Affine(0.1, 0, 92.0, 0, -0.1, 36.2), "EPSG:4326")
    scenes.collection("COPERNICUS/S1_GRD_FLOAT")
    scenes.collection("ECMWF/ERA5_LAND/HOURLY")
    for number in range(24):
        season = "frozen" if number % 3 == 2 else "thaw"
        side, orbit = [("ASCENDING", 70), ("DESCENDING", 77), ("ASCENDING", 143)][number // 3 % 3]
        hour = "12" if side == "ASCENDING" else "00"
        year = 2015 + number // 4
        day = f"{year}-01-{2 + number:02d}" if season == "frozen" else f"{year}-09-{2 + number:02d}"
        power = generator.gamma(4, 0.02, (2, *utm.shape)).astype(np.float32)
        power[:, :, : generator.integers(0, 30)] = np.nan
        slant = col if side == "ASCENDING" else utm.shape[1] - col
        angle = (33 + 0.05 * slant + 0.004 * row).astype(np.float32)
        scenes.scene(
            "COPERNICUS/S1_GRD_FLOAT",
            f"S{number:02d}",
            {"VV": power[0], "VH": power[1] / 5, "angle": angle},
            utm,
            f"{day}T{hour}:10:00",
            {
                "instrumentMode": "IW",
                "orbitProperties_pass": side,
                "relativeOrbitNumber_start": orbit,
                "resolution_meters": 10,
                "transmitterReceiverPolarisation": ["VV", "VH"],
            },
        )
        # 3 K a cell, and 274.15 K (or 270 K) at the middle of the grid give or take 0.1 degrees.
        soil = np.full(weather.shape, (270.0 if season == "frozen" else 274.15) - 6.96)
        soil += 3.0 * np.arange(6)[None, :] + generator.uniform(-0.1, 0.1)
        scenes.scene(
            "ECMWF/ERA5_LAND/HOURLY",
            f"H{number:02d}",
            {
                "soil_temperature_level_1": soil.astype(np.float32),
                "snow_depth": np.zeros(weather.shape, np.float32),
            },
            weather,
            f"{day}T{hour}:00:00",
        )
    second = 1 / 3600
    srtm = GeoBox((90, 110), Affine(second, 0, 92.26, 0, -second, 35.935), "EPSG:4326")
    y, x = np.indices(srtm.shape)
    heights = 4700 + 60 * np.sin(x / 6) * np.cos(y / 5) + 2 * x
    scenes.image("USGS/SRTMGL1_003", {"elevation": np.rint(heights).astype(np.int16)}, srtm)
    return scenes


@pytest.fixture
def images(askew: Any, connected: Any, lab: Any) -> Iterator[dict[str, ee.Image]]:
    """Every covariate of the room over the scenes askew."""
    connected(askew)
    return lab.radar(*NAMES, settings=SETTINGS)


def test_quarters_equal_one_request(images: dict[str, ee.Image], bands_of: Any, lab: Any) -> None:
    """A value that depended on the window would leave seams in the map."""
    stacked = stack_of(images)
    whole = bands_of(stacked, lab.GRID)
    assert len(np.unique(whole["observations_thaw_ascending"])) > 3  # the frost line crosses
    rows, cols = lab.GRID.shape.yx
    assert [name for name in NAMES if np.isfinite(whole[name]).sum() < rows * cols / 4] == []
    for upper, left in ((0, 0), (0, 5), (2, 0), (2, 5)):
        part = (
            slice(upper, 2 if upper == 0 else rows),
            slice(left, 5 if left == 0 else cols),
        )
        quarter = bands_of(stacked, lab.GRID[part])
        for name in NAMES:
            np.testing.assert_array_equal(quarter[name], whole[name][part], err_msg=name)


def test_a_narrow_window_changes_nothing(
    images: dict[str, ee.Image], bands_of: Any, lab: Any
) -> None:
    """Scenes that don't touch a tile must not matter to it."""
    tile = lab.GRID[1:4, 2:6]
    narrow = lab.radar(*NAMES, settings=SETTINGS, scope=Scope(lab.GRID, lab.YEARS, window=tile))
    wide, found = (bands_of(stack_of(each), tile) for each in (images, narrow))
    for name in NAMES:
        np.testing.assert_array_equal(found[name], wide[name], err_msg=name)


def test_values_lie_in_the_catalogue_s_range(
    images: dict[str, ee.Image], bands_of: Any, lab: Any
) -> None:
    """What lies outside counts as missing: a range too narrow would empty the map."""
    found = bands_of(stack_of(images), lab.GRID)
    for name, entry in entries().items():
        assert np.nanmin(found[name]) >= entry.minimum, name
        assert np.nanmax(found[name]) <= entry.maximum, name


def test_only_what_is_asked_for_enters_the_graph(images: dict[str, ee.Image], lab: Any) -> None:
    """One covariate must not cost what all do."""
    alone = graph(lab.radar("vv_thaw_ascending", settings=SETTINGS)["vv_thaw_ascending"])
    assert b"DESCENDING" not in alone
    assert b"-12-01" not in alone
    for name, image in images.items():
        assert (b"percentile" in graph(image)) == (name == "moisture_index_change"), name


def test_no_scene_costs_an_aggregation(lab: Any) -> None:
    """The service ends a request of some dozens ("Too many concurrent aggregations")."""
    for look_from, expected in (("heading", False), ("angle", True)):
        made = lab.radar(*NAMES, settings=Sentinel1Settings(look_from=look_from))
        assert (b"reduceRegion" in graph(stack_of(made))) == expected
    assert Sentinel1Settings().look_from == "heading"


def test_the_graph_is_the_same_twice_and_small(lab: Any, askew: Any, connected: Any) -> None:
    """The graph is the fingerprint of a tile; 10 MB is the service's limit for all rooms."""
    connected(askew)
    every = Sentinel1Settings(water_cloud={"use": True})
    names = [entry.name for entry in covariates(every)]
    scope = Scope(lab.GRID, (2009, 2024))
    stacks = [
        graph(ee.Image.cat(list(lab.radar(*names, settings=every, scope=scope).values())))
        for _ in range(2)
    ]
    assert stacks[0] == stacks[1]
    assert len(stacks[0]) < 150_000
    known = set(registry.implemented())
    used = {
        node["functionInvocationValue"]["functionName"]
        for node in json.loads(stacks[0])["values"].values()
        if "functionInvocationValue" in node
    }
    assert used <= known


class TestCatalogue:
    """What the room says of its covariates."""

    def test_names_and_presets(self) -> None:
        """Names are columns of tables: a changed one breaks every model."""
        of_pass = {
            "vv_thaw": True,
            "vv_frozen": False,
            "vv_difference": False,
            "vh_thaw": True,
            "vh_frozen": False,
            "vh_difference": False,
            "cross_ratio_thaw": False,
            "observations_thaw": False,
            "observations_frozen": False,
        }
        expected = {
            f"{quantity}_{side}": published
            for side in ("ascending", "descending")
            for quantity, published in of_pass.items()
        }
        expected |= {"moisture_index_difference": True, "moisture_index_change": False}
        assert {name: "published" in entry.presets for name, entry in entries().items()} == expected
        assert all("extended" in entry.presets for entry in entries().values())
        assert all(entry.missing == "native" for entry in entries().values())

    def test_the_water_cloud_model_is_switched_on(self) -> None:
        """Its constants are of elsewhere: nobody should get it unasked."""
        assert "vwc_water_cloud" not in entries()
        assert "vwc_water_cloud" in entries(Sentinel1Settings(water_cloud={"use": True}))

    def test_datasets_are_known(self) -> None:
        """Licences are shown by these ids."""
        with_model = Sentinel1Settings(water_cloud={"use": True})
        for entry in entries(with_model).values():
            assert set(entry.datasets) <= set(DATASETS)
        flat = entries(Sentinel1Settings(slope_model="none"))
        assert all("USGS/SRTMGL1_003" not in entry.datasets for entry in flat.values())

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("thaw_start", "09-31"),
            ("thaw_start", "Sept"),
            ("border_angles_deg", (46.0, 30.0)),
            ("index_wet_db", 0.0),
            ("slope_model", "cone"),
            ("speckle", 3),
        ],
    )
    def test_wrong_settings_are_refused(self, key: str, value: Any) -> None:
        """A wrong day would be met by the service only, hours later."""
        with pytest.raises(ValueError, match=key):
            Sentinel1Settings.model_validate({key: value})

    def test_settings_do_not_need_earth_engine(self) -> None:
        """`alm90 check` and the catalogue must be quick: ee takes seconds to import."""
        room = Path(__file__).parents[3] / "gee" / "sentinel1"
        for name in ("settings.py", "covariates.py", "__init__.py"):
            assert "import ee" not in (room / name).read_text("utf-8")
