"""Composites of a pass against numpy, from scenes whose every pixel is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

TOLERANCE_DB = 1e-4


def speckle(shape: tuple[int, int], seed: int, level: float = 0.1) -> np.ndarray[Any, Any]:
    """Power with speckle of some four looks, a tenth of the pixels missing."""
    generator = np.random.default_rng(seed)
    power = generator.gamma(4.0, level / 4, shape).astype(np.float32)
    power[generator.random(shape) < 0.1] = np.nan
    return power


def test_power_is_averaged_and_decibels_come_last(world: Any, asked: Any, lab: Any) -> None:
    """A mean of decibels lies some 0.6 dB lower with speckle of four looks."""
    first, second = speckle(lab.LATTICE.shape, 1), speckle(lab.LATTICE.shape, 2)
    world(
        lab.Scene("2016-09-10T12:10:00", vv=first),
        lab.Scene("2018-09-10T12:10:00", vv=second),
    )
    power = lab.scene_mean(first, second)
    expected = lab.decibels(lab.grid_mean(power))
    np.testing.assert_allclose(asked("vv_thaw_ascending"), expected, atol=TOLERANCE_DB, rtol=0)
    of_decibels = lab.grid_mean(lab.scene_mean(lab.decibels(first), lab.decibels(second)))
    assert np.abs(expected - of_decibels).min() > 0.1


def test_a_relative_orbit_with_many_scenes_weighs_like_one_with_few(
    world: Any, asked: Any, lab: Any
) -> None:
    """A mean over all scenes would follow the orbit that was flown more often."""
    bright, dark = speckle(lab.LATTICE.shape, 3, 0.3), speckle(lab.LATTICE.shape, 4, 0.03)
    darker = speckle(lab.LATTICE.shape, 5, 0.02)
    world(
        lab.Scene("2016-09-10T12:10:00", orbit=70, vv=bright),
        lab.Scene("2016-09-12T12:10:00", orbit=143, vv=dark),
        lab.Scene("2017-09-12T12:10:00", orbit=143, vv=darker),
    )
    known = lab.scene_mean(dark, darker)
    power = lab.scene_mean(bright, known)
    np.testing.assert_allclose(
        asked("vv_thaw_ascending"),
        lab.decibels(lab.grid_mean(power)),
        atol=TOLERANCE_DB,
        rtol=0,
    )


def test_passes_stay_apart(world: Any, asked: Any, lab: Any) -> None:
    """Morning and evening see other slopes and other ground, even in one relative orbit."""
    world(
        lab.Scene("2016-09-10T12:10:00", "ascending", 10, vv=0.1, vh=0.01),
        lab.Scene("2016-09-11T00:10:00", "descending", 10, vv=0.4, vh=0.02),
    )
    assert asked("vv_thaw_ascending") == pytest.approx(-10.0, abs=TOLERANCE_DB)
    assert asked("vv_thaw_descending") == pytest.approx(lab.decibels(0.4), abs=TOLERANCE_DB)
    assert asked("vh_thaw_descending") == pytest.approx(lab.decibels(0.02), abs=TOLERANCE_DB)
    assert asked("observations_thaw_descending") == pytest.approx(1.0, abs=0)


class TestScreening:
    """Which scenes enter, by the weather of their own hour."""

    def test_frozen_and_snowy_scenes_of_september_stay_out(
        self, world: Any, asked: Any, lab: Any
    ) -> None:
        """A frozen morning is 3 to 5 dB darker: it would dry the map."""
        world(
            lab.Scene("2016-09-10T12:10:00", vv=0.1),
            lab.Scene("2016-09-22T12:10:00", vv=0.9, soil_k=274.1),
            lab.Scene("2016-10-04T12:10:00", vv=0.9, snow_m=0.02),
            lab.Scene("2016-10-15T12:10:00", vv=0.3, soil_k=274.2, snow_m=0.009),
        )
        assert asked("vv_thaw_ascending") == pytest.approx(lab.decibels(0.2), abs=TOLERANCE_DB)
        assert asked("observations_thaw_ascending") == pytest.approx(2.0, abs=0)

    def test_thawed_scenes_of_winter_stay_out_and_snow_may_lie(
        self, world: Any, asked: Any, lab: Any
    ) -> None:
        """The frozen reference must be frozen; dry snow is transparent at C band."""
        world(
            lab.Scene("2016-01-10T12:10:00", vv=0.05, soil_k=269.9, snow_m=0.3),
            lab.Scene("2016-01-22T12:10:00", vv=0.9, soil_k=270.1),
        )
        assert asked("vv_frozen_ascending") == pytest.approx(lab.decibels(0.05), abs=TOLERANCE_DB)
        assert asked("observations_frozen_ascending") == pytest.approx(1.0, abs=0)

    def test_a_scene_without_its_hour_is_left_out(self, world: Any, asked: Any, lab: Any) -> None:
        """Kept, it would be unscreened."""
        world(
            lab.Scene("2016-09-10T12:10:00", vv=0.1),
            lab.Scene("2016-09-22T12:10:00", vv=0.9, soil_k=None),
        )
        assert asked("observations_thaw_ascending") == pytest.approx(1.0, abs=0)
        assert asked("vv_thaw_ascending") == pytest.approx(-10.0, abs=TOLERANCE_DB)

    def test_the_hour_nearest_to_the_overpass_decides(
        self, world: Any, asked: Any, lab: Any
    ) -> None:
        """An hour before or after may have another state, at dawn above all."""
        descending = {"side": "descending", "orbit": 99}
        world(
            lab.Scene("2016-09-10T00:25:00", vv=0.1, **descending),
            # an hour that belongs to no scene of this pass: thawed only at one o'clock
            lab.Scene("2016-09-22T00:25:00", vv=0.9, soil_k=lab.FROZEN_K, **descending),
            lab.Scene("2016-09-22T01:00:00", side="ascending", soil_k=lab.THAWED_K),
        )
        assert asked("observations_thaw_descending") == pytest.approx(1.0, abs=0)

    def test_the_frost_line_runs_between_the_weather_s_cells(
        self, world: Any, asked: Any, lab: Any
    ) -> None:
        """Taken from the nearest cell of 9 km, it would be a staircase in the map."""
        side = abs(lab.LATTICE.transform.a)
        longitude = lab.LATTICE.transform.c + side * (np.arange(lab.LATTICE.shape.x) + 0.5)
        middle = longitude.mean()
        cells = 92.15 + 0.1 * np.arange(5)  # centres of the weather's columns
        soil_k = 274.15 + 20.0 * (cells - middle)
        world(
            lab.Scene("2016-09-10T12:10:00"),
            lab.Scene("2016-09-22T12:10:00", soil_k=soil_k.astype(np.float32)),
        )
        thawed = np.broadcast_to(longitude > middle, lab.LATTICE.shape)
        found = asked("observations_thaw_ascending")
        np.testing.assert_allclose(found, 1.0 + lab.grid_mean(thawed), atol=1e-6)
        assert found.min() == 1.0
        assert found.max() == 2.0

    def test_without_any_scene_pixels_are_masked_and_counts_are_zero(
        self, world: Any, asked: Any, lab: Any
    ) -> None:
        """An empty collection has no bands, which would fail the whole stack."""
        world()
        for name in ("vv_thaw_ascending", "vh_difference_descending", "moisture_index_change"):
            assert np.isnan(asked(name)).all()
        assert asked("observations_frozen_descending") == pytest.approx(0.0, abs=0)


class TestSeasons:
    """Which days of which years."""

    def test_first_and_last_day_are_in_and_their_neighbours_out(
        self, world: Any, asked: Any, lab: Any
    ) -> None:
        """Days of the year shift in leap years, 2016 and 2020 among them."""
        inside = ["2016-09-01T00:00:00", "2016-10-15T23:59:00", "2020-09-01T12:00:00"]
        outside = ["2016-08-31T23:50:00", "2016-10-16T00:00:00", "2014-09-10T12:00:00"]
        world(*(lab.Scene(time) for time in inside + outside))
        assert asked("observations_thaw_ascending") == pytest.approx(3.0, abs=0)

    def test_winter_runs_over_the_turn_of_the_year(self, world: Any, asked: Any, lab: Any) -> None:
        """December to February; the years given cut the first and the last winter."""
        inside = ["2015-01-05", "2015-12-01", "2016-02-29", "2017-02-28", "2020-12-31"]
        outside = ["2014-12-31", "2015-03-01", "2015-11-30", "2021-01-01"]
        world(*(lab.Scene(f"{day}T12:00:00", soil_k=lab.FROZEN_K) for day in inside + outside))
        assert asked("observations_frozen_ascending") == pytest.approx(5.0, abs=0)

    def test_years_before_sentinel_1_are_an_error(self, world: Any, lab: Any) -> None:
        """Else every radar covariate would be empty without a word."""
        from gee.errors import CatalogueError
        from gee.scope import Scope

        world()
        with pytest.raises(CatalogueError, match="2014"):
            lab.radar("vv_thaw_ascending", scope=Scope(lab.GRID, (2009, 2012)))


@pytest.mark.parametrize(
    "properties",
    [
        {"instrumentMode": "EW"},
        {"transmitterReceiverPolarisation": ["VV"]},
        {"transmitterReceiverPolarisation": ["HH", "HV"]},
        {"resolution_meters": 40},
    ],
)
def test_other_products_stay_out(
    world: Any, asked: Any, lab: Any, properties: dict[str, Any]
) -> None:
    """Another mode or polarisation is another quantity."""
    world(
        lab.Scene("2016-09-10T12:10:00"),
        lab.Scene("2016-09-22T12:10:00", properties=properties),
    )
    assert asked("observations_thaw_ascending") == pytest.approx(1.0, abs=0)


def test_counts_are_exact_where_scenes_end(world: Any, asked: Any, lab: Any) -> None:
    """A pixel that half of a scene covers counts half of it, and one without a scene counts 0."""
    west = np.full(lab.LATTICE.shape, 0.1, np.float32)
    west[:, west.shape[1] // 2 + 1 :] = np.nan
    nothing = np.full(lab.LATTICE.shape, 0.1, np.float32)
    nothing[:, :16] = np.nan
    world(
        lab.Scene("2016-09-10T12:10:00", vv=west),
        lab.Scene("2017-09-10T12:10:00", vv=nothing),
        lab.Scene("2018-09-10T12:10:00", vv=nothing),
    )
    count = 1.0 * np.isfinite(west) + 2.0 * np.isfinite(nothing)
    expected = lab.grid_mean(count)
    assert set(np.unique(expected.round(6))) >= {1.0, 2.0, 3.0}
    np.testing.assert_allclose(asked("observations_thaw_ascending"), expected, atol=1e-6)


def test_cross_ratio_is_vh_over_vv(world: Any, asked: Any, lab: Any) -> None:
    """Turned around, or of other pixels each, it would be another quantity."""
    vv, vh = speckle(lab.LATTICE.shape, 6), speckle(lab.LATTICE.shape, 7, 0.02)
    world(lab.Scene("2016-09-10T12:10:00", vv=vv, vh=vh))
    both = np.isfinite(vv) & np.isfinite(vh)
    expected = lab.decibels(lab.grid_mean(np.where(both, vh, np.nan))) - lab.decibels(
        lab.grid_mean(np.where(both, vv, np.nan))
    )
    found = asked("cross_ratio_thaw_ascending")
    np.testing.assert_allclose(found, expected, atol=2 * TOLERANCE_DB, rtol=0)
    assert found.mean() < -5


class TestDifference:
    """Thawed minus frozen."""

    def test_both_seasons_come_from_the_same_relative_orbits(
        self, world: Any, asked: Any, lab: Any
    ) -> None:
        """An orbit with one season only would put its angle into the difference."""
        thaw, frozen = speckle(lab.LATTICE.shape, 8, 0.2), speckle(lab.LATTICE.shape, 9, 0.05)
        world(
            lab.Scene("2016-09-10T12:10:00", orbit=10, vv=thaw),
            lab.Scene("2016-09-11T12:10:00", orbit=20, vv=3.0),
            lab.Scene("2016-01-10T12:10:00", orbit=10, vv=frozen, soil_k=lab.FROZEN_K),
            lab.Scene("2016-01-11T12:10:00", orbit=30, vv=0.001, soil_k=lab.FROZEN_K),
        )
        both = np.isfinite(thaw) & np.isfinite(frozen)
        expected = lab.decibels(lab.grid_mean(np.where(both, thaw, np.nan))) - lab.decibels(
            lab.grid_mean(np.where(both, frozen, np.nan))
        )
        found = asked("vv_difference_ascending")
        np.testing.assert_allclose(found, expected, atol=2 * TOLERANCE_DB, rtol=0)
        assert found.min() > 0

    def test_the_index_is_the_mean_of_the_passes_that_there_are(
        self, world: Any, asked: Any, lab: Any
    ) -> None:
        """Where one pass is missing the other stands alone; else half the plateau has no index."""
        half = np.full(lab.LATTICE.shape, 0.2, np.float32)
        half[:, : half.shape[1] // 2] = np.nan
        frozen = {"soil_k": lab.FROZEN_K}
        world(
            lab.Scene("2016-09-10T12:10:00", vv=0.1),
            lab.Scene("2016-01-10T12:10:00", vv=0.05, **frozen),
            lab.Scene("2016-09-11T00:10:00", "descending", 20, vv=half),
            lab.Scene("2016-01-11T00:10:00", "descending", 20, vv=0.05, **frozen),
        )
        settings = lab.PLAIN.model_copy(update={"index_dry_db": 1.0, "index_wet_db": 5.0})
        alone, other = lab.decibels(2.0), lab.decibels(4.0)
        found = asked("moisture_index_difference", settings=settings)
        assert found[:, 0] == pytest.approx((alone - 1) / 4, abs=1e-4)
        assert found[:, -1] == pytest.approx(((alone + other) / 2 - 1) / 4, abs=1e-4)


class TestBorderNoise:
    """Masks of old scenes' borders."""

    @pytest.mark.parametrize(
        ("day", "kept"), [("2018-03-12", False), ("2018-03-13", True), ("2018-09-20", True)]
    )
    def test_the_angle_mask_ends_with_the_noise(
        self, world: Any, asked: Any, lab: Any, day: str, kept: bool
    ) -> None:
        """Applied to all, it would take away near and far range for ever."""
        angle = np.full(lab.LATTICE.shape, 30.0, np.float32)
        angle[:, angle.shape[1] // 2 :] = 46.0
        angle[-15:] = 40.0
        season = {"thaw_start": "03-01", "thaw_end": "09-30"}
        world(lab.Scene(f"{day}T12:10:00", angle=angle))
        settings = lab.PLAIN.model_copy(update=season)
        found = asked("vv_thaw_ascending", settings=settings)
        assert np.isfinite(found[-1]).all()
        assert np.isfinite(found[:3]).all() == kept
        assert np.isnan(found[:3]).all() != kept

    @pytest.mark.parametrize(("day", "kept"), [("2017-09-10", False), ("2018-09-10", True)])
    def test_dark_pixels_of_old_scenes_are_noise(
        self, world: Any, asked: Any, lab: Any, day: str, kept: bool
    ) -> None:
        """Later dark pixels are calm water or dry sand, which a map must not lose."""
        power = np.full(lab.LATTICE.shape, 0.0009, np.float32)
        power[:, power.shape[1] // 2 :] = 0.0011
        world(lab.Scene(f"{day}T12:10:00", vv=power))
        found = asked("vv_thaw_ascending")
        assert found[:, -1] == pytest.approx(lab.decibels(0.0011), abs=TOLERANCE_DB)
        assert np.isfinite(found[:, 0]).all() == kept


class TestNormalisation:
    """Backscatter at the reference angle."""

    @pytest.mark.parametrize("rule", ["linear", "cosine"])
    def test_a_known_fall_with_the_angle_is_taken_out(
        self, world: Any, asked: Any, lab: Any, rule: str
    ) -> None:
        """With the sign turned around, the trend across the swath would double."""
        angle = lab.away_from_sensor(90.0, middle_deg=35.0)
        if rule == "linear":
            power = 10 ** ((-12.0 - 0.15 * (angle - 40.0)) / 10)
        else:
            power = 0.08 * (np.cos(np.radians(angle)) / np.cos(np.radians(40.0))) ** 1.5
        world(lab.Scene("2019-09-10T12:10:00", vv=power, angle=angle))
        settings = lab.PLAIN.model_copy(
            update={
                "normalisation": rule,
                "reference_angle_deg": 40.0,
                "normalisation_db_per_deg": -0.15,
                "normalisation_exponent": 1.5,
            }
        )
        level = -12.0 if rule == "linear" else lab.decibels(0.08)
        found = asked("vv_thaw_ascending", settings=settings)
        assert found == pytest.approx(level, abs=TOLERANCE_DB)
        assert np.ptp(asked("vv_thaw_ascending")) > 0.05
