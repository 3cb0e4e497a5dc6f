"""Moisture indices against numpy: change detection and the water-cloud model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gee.optical.settings import OpticalSettings
from gee.sentinel1.settings import ChangeDetectionSettings, WaterCloudSettings

HAZEN = 1e-3
"""Of the index, where numpy takes percentiles by the rule that the local service takes."""
OTHER_RULE = 0.1
"""Of the index, where it takes them by its own: what the real service's rule may cost."""


def series(lab: Any, count: int, seed: int) -> list[np.ndarray[Any, Any]]:
    """Scenes of one place: 6 dB between dry and wet years, some speckle, some pixels missing."""
    generator = np.random.default_rng(seed)
    shape = lab.LATTICE.shape
    scenes = []
    for _ in range(count):
        level = 0.05 * 10 ** (generator.uniform(0, 6, shape[0])[:, None] / 10)
        power = (level * generator.gamma(20.0, 1 / 20, shape)).astype(np.float32)
        power[generator.random(shape) < 0.05] = np.nan
        scenes.append(power)
    return scenes


def mean_place(lab: Any, scenes: list[np.ndarray[Any, Any]], method: str) -> Any:
    """The index of one relative orbit: each scene on the grid first, then decibels."""
    values = np.stack([lab.decibels(lab.grid_mean(scene)) for scene in scenes])
    dry, wet = np.percentile(values, [5, 95], axis=0, method=method)
    return np.clip((values - dry) / (wet - dry), 0, 1).mean(axis=0)


class TestChangeDetection:
    """TU Wien's index."""

    def test_it_is_the_mean_place_between_dry_and_wet(
        self, world: Any, asked: Any, lab: Any
    ) -> None:
        """References over all orbits would mix their angles; one of 3 scenes has no references."""
        first, second = series(lab, 11, 1), series(lab, 9, 2)
        times = [f"20{15 + number % 6}-09-{2 + number:02d}T12:10:00" for number in range(20)]
        world(
            *(lab.Scene(times[k], orbit=10, vv=vv) for k, vv in enumerate(first)),
            *(lab.Scene(times[k], orbit=85, vv=2 * vv) for k, vv in enumerate(second)),
            *(lab.Scene(times[15 + k], orbit=99, vv=v) for k, v in enumerate(series(lab, 3, 3))),
            # Frozen ground looks dry: as a reference it would make every thawed scene wet.
            lab.Scene("2018-10-10T12:10:00", orbit=10, vv=0.001, soil_k=lab.FROZEN_K),
        )
        found = asked("moisture_index_change")
        by_rule = {
            method: (mean_place(lab, first, method) + mean_place(lab, second, method)) / 2
            for method in ("hazen", "linear")
        }
        np.testing.assert_allclose(found, by_rule["hazen"], atol=HAZEN, rtol=0)
        np.testing.assert_allclose(found, by_rule["linear"], atol=OTHER_RULE, rtol=0)
        assert np.ptp(found) > 0.1

    def test_passes_weigh_alike(self, world: Any, asked: Any, lab: Any) -> None:
        """Relative orbits count within their pass."""
        up, down = series(lab, 8, 4), series(lab, 8, 5)
        days = [f"2019-09-{2 + number:02d}" for number in range(16)]
        world(
            *(lab.Scene(f"{days[k]}T12:10:00", orbit=10, vv=vv) for k, vv in enumerate(up)),
            *(lab.Scene(f"{days[8 + k]}T12:10:00", orbit=20, vv=vv) for k, vv in enumerate(up)),
            *(
                lab.Scene(f"{days[k]}T00:10:00", "descending", 10, vv=vv)
                for k, vv in enumerate(down)
            ),
        )
        expected = (mean_place(lab, up, "hazen") + mean_place(lab, down, "hazen")) / 2
        np.testing.assert_allclose(asked("moisture_index_change"), expected, atol=HAZEN, rtol=0)

    def test_without_contrast_there_is_no_index(self, world: Any, asked: Any, lab: Any) -> None:
        """A quotient by 0 is 0 on the service: rock would count as dry soil."""
        rock = [np.full(lab.LATTICE.shape, 0.1, np.float32) for _ in range(8)]
        world(*(lab.Scene(f"2019-09-{2 + k:02d}T12:10:00", vv=vv) for k, vv in enumerate(rock)))
        assert np.isnan(asked("moisture_index_change")).all()

    def test_settings_decide(self, world: Any, asked: Any, lab: Any) -> None:
        """Percentiles and the least number of scenes are the study's."""
        scenes = series(lab, 5, 6)
        world(*(lab.Scene(f"2019-09-{2 + k:02d}T12:10:00", vv=vv) for k, vv in enumerate(scenes)))
        assert np.isnan(asked("moisture_index_change")).all()
        change = ChangeDetectionSettings(dry_percentile=0, wet_percentile=100, minimum_scenes=5)
        settings = lab.PLAIN.model_copy(update={"change_detection": change})
        values = np.stack([lab.decibels(lab.grid_mean(scene)) for scene in scenes])
        dry, wet = values.min(axis=0), values.max(axis=0)
        expected = ((values - dry) / (wet - dry)).mean(axis=0)
        found = asked("moisture_index_change", settings=settings)
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


def forward(moisture: Any, angle_deg: float, ndvi: Any, model: WaterCloudSettings) -> Any:
    """Sigma nought in power by the water-cloud model."""
    sparse = model.vegetation_sparse[0] * ndvi**2 + model.vegetation_sparse[1] * ndvi
    dense = model.vegetation_dense[0] * ndvi + model.vegetation_dense[1]
    water = np.maximum(np.where(ndvi > model.vegetation_break, dense, sparse), 0)
    cosine = np.cos(np.radians(angle_deg))
    transmitted = np.exp(-2 * model.canopy_b * water / cosine)
    soil = 10 ** ((model.soil_intercept_db + model.soil_slope_db * moisture) / 10)
    canopy = model.canopy_a * water**model.canopy_exponent * cosine
    return canopy * (1 - transmitted) + transmitted * soil


class TestWaterCloud:
    """Moisture below vegetation."""

    MODEL = WaterCloudSettings(use=True, canopy_a=0.02, canopy_b=0.2, canopy_exponent=0.8)
    RED = np.array([2000, 1500, 1200, 900, 700, 600, 500, 400])
    """Reflectance x 10,000 by column of the grid; near infrared is 3000."""

    def landsat(self, lab: Any, scenes: Any) -> Any:
        """Write one clear Landsat scene, and return the NDVI of each column."""
        scale, offset = 2.75e-5, -0.2
        red = np.repeat(self.RED / 1e4, 3)
        cut = (lab.LATTICE.shape[1] - red.size) // 2
        counts = {
            "SR_B4": np.rint((np.pad(red, cut, mode="edge") - offset) / scale),
            "SR_B5": np.full(lab.LATTICE.shape[1], np.rint((0.3 - offset) / scale)),
        }
        bands = {
            f"SR_B{number}": np.broadcast_to(
                counts.get(f"SR_B{number}", np.array(12000)), lab.LATTICE.shape
            ).astype(np.uint16)
            for number in range(1, 8)
        }
        bands["QA_PIXEL"] = np.full(lab.LATTICE.shape, 1 << 6, np.uint16)
        bands["QA_RADSAT"] = np.zeros(lab.LATTICE.shape, np.uint16)
        scenes.scene("LANDSAT/LC08/C02/T1_L2", "L0", bands, lab.LATTICE, "2019-09-12T04:30:00")
        low, high = (counts[band] * scale + offset for band in ("SR_B4", "SR_B5"))
        return ((high - low) / (high + low))[cut:-cut:3]

    def test_the_model_inverts_what_it_says(
        self, new_scenes: Any, connected: Any, pixels_of: Any, lab: Any
    ) -> None:
        """Vegetation must be taken off before the soil is read, in power and not in decibels."""
        scenes = new_scenes()
        ndvi = self.landsat(lab, scenes)
        assert ndvi.min() < 0.25
        assert ndvi.max() > 0.7
        rows = lab.GRID.shape.y
        moisture = np.linspace(0.05, 0.5, rows)[:, None] * np.ones(ndvi.size)
        sigma = forward(moisture, 38.0, ndvi[None, :], self.MODEL)
        cut = (lab.LATTICE.shape[1] - 3 * ndvi.size) // 2
        power = np.pad(np.kron(sigma, np.ones((3, 3))), cut, mode="edge")
        angle = np.full(lab.LATTICE.shape, 38.0, np.float32)
        world = [
            lab.Scene("2019-09-10T12:10:00", vv=power * 0.5, angle=angle),
            lab.Scene("2019-09-11T00:10:00", "descending", vv=power * 1.5, angle=angle),
        ]
        lab.write_world(scenes, world)
        connected(scenes)
        settings = lab.PLAIN.model_copy(
            update={"water_cloud": self.MODEL, "normalisation": "linear"}
        )
        optical = OpticalSettings(sensors=("landsat8",))
        image = lab.radar("vwc_water_cloud", settings=settings, optical=optical)["vwc_water_cloud"]
        np.testing.assert_allclose(pixels_of(image, lab.GRID), moisture, atol=2e-5, rtol=0)

    def test_more_canopy_than_echo_is_missing_and_extremes_are_held(
        self, new_scenes: Any, connected: Any, pixels_of: Any, lab: Any
    ) -> None:
        """A logarithm of less than nothing has no value; the bounds are the study's."""
        scenes = new_scenes()
        self.landsat(lab, scenes)
        power = np.full(lab.LATTICE.shape, 1e-4, np.float32)
        power[: power.shape[0] // 2] = 10.0
        lab.write_world(scenes, [lab.Scene("2019-09-10T12:10:00", vv=power)])
        connected(scenes)
        model = self.MODEL.model_copy(update={"minimum": 0.02, "maximum": 0.55})
        settings = lab.PLAIN.model_copy(update={"water_cloud": model})
        optical = OpticalSettings(sensors=("landsat8",))
        image = lab.radar("vwc_water_cloud", settings=settings, optical=optical)["vwc_water_cloud"]
        found = pixels_of(image, lab.GRID)
        assert found[0] == pytest.approx(0.55)
        assert np.isnan(found[-1, -1])  # dense vegetation
        assert found[-1, 0] == pytest.approx(0.02)  # hardly any

    def test_with_slope_correction_the_model_still_gets_sigma_nought(
        self, new_scenes: Any, connected: Any, pixels_of: Any, lab: Any
    ) -> None:
        """Gamma nought is a full decibel higher at an incidence angle of 38 degrees."""
        scenes = new_scenes()
        self.landsat(lab, scenes)
        lab.write_world(scenes, [lab.Scene("2019-09-10T12:10:00", vv=0.05)])
        connected(scenes)
        optical = OpticalSettings(sensors=("landsat8",))
        maps = []
        for slope_model in ("none", "surface"):
            update = {"water_cloud": self.MODEL, "slope_model": slope_model}
            settings = lab.PLAIN.model_copy(update=update)
            image = lab.radar("vwc_water_cloud", settings=settings, optical=optical)
            maps.append(pixels_of(image["vwc_water_cloud"], lab.GRID))
        np.testing.assert_allclose(maps[0], maps[1], atol=1e-4, rtol=0)
