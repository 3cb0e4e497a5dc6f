"""Slope correction against the paper's formulas, and its sign on a cone seen from all sides."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest

from gee.sentinel1.covariates import covariates
from gee.sentinel1.slope_correction import downhill, towards_sensor

SEASON = "2019-09-10T12:10:00"
LOOK_AZIMUTH_DEG = 80.0
"""From the sensor to the ground, as of an ascending pass."""


def corrected(lab: Any, model: str = "surface", **changes: Any) -> Any:
    """Settings with a slope model."""
    return lab.PLAIN.model_copy(update={"slope_model": model, **changes})


def cone(lab: Any, slope_deg: float) -> np.ndarray[Any, Any]:
    """Heights of a cone with its top in the middle."""
    east, north = lab.metres()
    return 5000.0 - np.tan(np.radians(slope_deg)) * np.hypot(east, north)


def plane(lab: Any, slope_deg: float, aspect_deg: float) -> np.ndarray[Any, Any]:
    """Heights of a plane that falls towards an azimuth."""
    east, north = lab.metres()
    aspect = np.radians(aspect_deg)
    return 4500.0 - np.tan(np.radians(slope_deg)) * (east * np.sin(aspect) + north * np.cos(aspect))


def paper(
    angle_deg: Any, slope_deg: Any, aspect_deg: Any, towards_deg: float, model: str
) -> tuple[Any, Any]:
    """Gamma nought over sigma nought, and what is kept, by the equations of Vollrath et al."""
    incidence, slope = np.radians(angle_deg), np.radians(slope_deg)
    relative = np.radians(towards_deg) - np.radians(aspect_deg)
    in_range = np.arctan(np.tan(slope) * np.cos(relative))
    in_azimuth = np.arctan(np.tan(slope) * np.sin(relative))
    ninety = np.pi / 2
    if model == "volume":
        factor = np.tan(ninety - incidence + in_range) / np.tan(ninety - incidence)
    else:
        factor = np.cos(ninety - incidence) / (
            np.cos(in_azimuth) * np.cos(ninety - incidence + in_range)
        )
    kept = (in_range < incidence) & (in_range > -(ninety - incidence))
    return 1 / np.cos(incidence) / factor, kept


@pytest.mark.parametrize("model", ["surface", "volume"])
def test_a_cone_is_darkened_where_it_faces_the_sensor(
    world: Any, asked: Any, lab: Any, model: str
) -> None:
    """With the aspect mirrored, or multiplied instead of divided, slopes come out the other way."""
    world(
        lab.Scene(SEASON, vv=0.1, angle=lab.away_from_sensor(LOOK_AZIMUTH_DEG)),
        elevation=cone(lab, 15.0),
    )
    level = asked("vv_thaw_ascending", settings=corrected(lab, model))
    east, north = (lab.grid_mean(part) for part in lab.metres())
    towards = np.radians(LOOK_AZIMUTH_DEG + 180)
    # The cone falls away from its top: a place east of it faces east.
    facing = (east * np.sin(towards) + north * np.cos(towards)) / np.hypot(east, north)
    flat = lab.decibels(0.1 / np.cos(np.radians(lab.grid_mean(lab.away_from_sensor(80.0)))))
    change = level - flat
    clear = np.abs(facing) > 0.3
    assert (np.sign(change)[clear] == -np.sign(facing)[clear]).all()
    assert np.corrcoef(change.ravel(), facing.ravel())[0, 1] < -0.95
    assert change.min() < -1.5
    assert change.max() > 1.0


@pytest.mark.parametrize("model", ["surface", "volume"])
@pytest.mark.parametrize(
    ("slope_deg", "aspect_deg"),
    [(0.0, 0.0), (25.0, 0.0), (25.0, 75.0), (10.0, 170.0), (25.0, 305.0)],
)
def test_a_plane_follows_the_equations(
    world: Any, asked: Any, lab: Any, model: str, aspect_deg: float, slope_deg: float
) -> None:
    """All but the paper's own factor would be another radiometry."""
    angle = lab.away_from_sensor(LOOK_AZIMUTH_DEG)
    heading = {"platformHeading": LOOK_AZIMUTH_DEG - 90.0}
    world(
        lab.Scene(SEASON, vv=0.1, angle=angle, properties=heading),
        elevation=plane(lab, slope_deg, aspect_deg),
    )
    ratio, kept = paper(angle.astype(float), slope_deg, aspect_deg, LOOK_AZIMUTH_DEG + 180, model)
    assert kept.all()
    expected = lab.decibels(lab.grid_mean(0.1 * ratio))
    found = asked("vv_thaw_ascending", settings=corrected(lab, model, look_from="heading"))
    np.testing.assert_allclose(found, expected, atol=5e-4, rtol=0)


def test_the_volume_model_is_the_ratio_of_tangents(world: Any, asked: Any, lab: Any) -> None:
    """tan(t - a) / tan(t) is what geometry asks of a volume, whichever way it is written."""
    angle = lab.away_from_sensor(90.0)
    world(lab.Scene(SEASON, vv=0.1, angle=angle), elevation=plane(lab, 12.0, 270.0))
    incidence = np.radians(angle.astype(float))
    expected = 0.1 / np.cos(incidence) * np.tan(incidence - np.radians(12.0)) / np.tan(incidence)
    found = asked("vv_thaw_ascending", settings=corrected(lab, "volume"))
    np.testing.assert_allclose(found, lab.decibels(lab.grid_mean(expected)), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("slope_deg", "aspect_deg", "seen"),
    [
        (36.0, 260.0, True),
        (40.0, 260.0, False),  # layover: steeper than the incidence angle, towards the sensor
        (50.0, 80.0, True),
        (54.0, 80.0, False),  # shadow: steeper than 90 degrees minus the incidence angle, away
        (54.0, 170.0, True),  # aside
    ],
)
def test_layover_and_shadow_are_masked(
    world: Any, asked: Any, lab: Any, slope_deg: float, aspect_deg: float, seen: bool
) -> None:
    """With the signs turned around, layover would stay in and shadow would take its place."""
    angle = lab.away_from_sensor(LOOK_AZIMUTH_DEG, middle_deg=38.0)
    world(lab.Scene(SEASON, vv=0.1, angle=angle), elevation=plane(lab, slope_deg, aspect_deg))
    found = asked("vv_thaw_ascending", settings=corrected(lab))
    count = asked("observations_thaw_ascending", settings=corrected(lab))
    assert np.isfinite(found).all() == seen
    assert np.isnan(found).all() != seen
    assert count == pytest.approx(float(seen), abs=0)
    entries = {entry.name: entry for entry in covariates(corrected(lab))}
    assert entries["vv_thaw_ascending"].masked_where.endswith("layover or shadow")
    counted = entries["observations_thaw_ascending"].masked_where
    assert counted == "nowhere: without a scene, in layover and in shadow it is 0"


def test_a_margin_widens_layover(world: Any, asked: Any, lab: Any) -> None:
    """Next to layover the factor runs to infinity."""
    angle = lab.away_from_sensor(LOOK_AZIMUTH_DEG)
    world(lab.Scene(SEASON, vv=0.1, angle=angle), elevation=plane(lab, 34.0, 260.0))
    assert np.isfinite(asked("vv_thaw_ascending", settings=corrected(lab))).all()
    wide = corrected(lab, slope_margin_deg=8.0)
    assert np.isnan(asked("vv_thaw_ascending", settings=wide)).all()


@pytest.mark.parametrize("azimuth_deg", [80.0, 100.0, 260.0, 282.0, 350.0])
def test_the_sensor_lies_where_angles_decrease(
    world: Any, bands_of: Any, lab: Any, azimuth_deg: float
) -> None:
    """A mean of aspects instead of vectors breaks at north; the wrong end mirrors every slope."""
    world(lab.Scene(SEASON, angle=lab.away_from_sensor(azimuth_deg)))
    scene = ee.Image(ee.ImageCollection("COPERNICUS/S1_GRD_FLOAT").first())
    found = bands_of(towards_sensor(scene, 60.0), lab.GRID)
    towards = np.radians(azimuth_deg + 180)
    assert found["east"] == pytest.approx(np.sin(towards), abs=1e-3)
    assert found["north"] == pytest.approx(np.cos(towards), abs=1e-3)


def test_the_heading_gives_the_same_direction(world: Any, asked: Any, lab: Any) -> None:
    """A radar that looked to the left would have every slope turned around."""
    angle = lab.away_from_sensor(LOOK_AZIMUTH_DEG)
    heading = {"platformHeading": LOOK_AZIMUTH_DEG - 90.0}
    world(lab.Scene(SEASON, vv=0.1, angle=angle, properties=heading), elevation=cone(lab, 20.0))
    by_angle = asked("vv_thaw_ascending", settings=corrected(lab))
    by_heading = asked("vv_thaw_ascending", settings=corrected(lab, look_from="heading"))
    np.testing.assert_allclose(by_heading, by_angle, atol=2e-3, rtol=0)


def test_a_scene_without_heading_is_left_out(world: Any, asked: Any, lab: Any) -> None:
    """A null would fail the request, which holds for all scenes of ten years."""
    world(
        lab.Scene(SEASON, vv=0.9),
        lab.Scene("2019-09-22T12:10:00", vv=0.1, properties={"platformHeading": -10.0}),
    )
    for model, count in (("surface", 1), ("none", 2)):
        settings = corrected(lab, model, look_from="heading")
        assert asked("observations_thaw_ascending", settings=settings) == pytest.approx(count)


def test_a_scene_without_direction_is_masked(world: Any, asked: Any, lab: Any) -> None:
    """A null would fail the request; a direction of 0 would correct against the north."""
    world(
        lab.Scene(SEASON, vv=0.9, angle=np.full(lab.LATTICE.shape, 40.0, np.float32)),
        lab.Scene("2019-09-22T12:10:00", vv=0.1),
    )
    assert asked("observations_thaw_ascending", settings=corrected(lab)) == pytest.approx(1.0)
    coarse = corrected(lab, look_scale_m=20_000.0)
    assert asked("observations_thaw_ascending", settings=coarse) == pytest.approx(0.0)


def test_slopes_are_those_of_the_elevation_s_own_lattice(
    world: Any, bands_of: Any, lab: Any
) -> None:
    """Asked for at 90 m, a slope between pixels of 90 m would be gentler than the ground.

    By the differences of Horn (1981), which the slope that is a covariate has too.
    """
    east, north = lab.metres()
    heights = 4500.0 + 40.0 * np.sin(east / 60.0) * np.cos(north / 80.0)
    world(elevation=heights)
    found = bands_of(downhill(ee.Image("USGS/SRTMGL1_003").select("elevation")), lab.LATTICE)
    heights = heights.astype(np.float32).astype(float)
    inner = (slice(1, -1), slice(1, -1))
    width, height = east[0, 1] - east[0, 0], north[0, 0] - north[1, 0]
    eastward, northward = heights[:, 2:] - heights[:, :-2], heights[:-2] - heights[2:]
    rise_east = (eastward[:-2] + 2 * eastward[1:-1] + eastward[2:]) / (8 * width)
    rise_north = (northward[:, :-2] + 2 * northward[:, 1:-1] + northward[:, 2:]) / (8 * height)
    np.testing.assert_allclose(found["east"][inner], -rise_east, atol=2e-4)
    np.testing.assert_allclose(found["north"][inner], -rise_north, atol=2e-4)
