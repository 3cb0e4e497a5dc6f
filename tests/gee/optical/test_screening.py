"""What a single look gives: masks by bit, floors, bands, seasons, and where there is no look."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pydantic import ValidationError

from gee.optical.images import images
from gee.optical.settings import OpticalSettings
from gee.scope import Scope

Array = np.ndarray[Any, Any]

LINE = GeoBox((1, 16), Affine(0.001, 0, 91, 0, -0.001, 34), "EPSG:4326")
"""Sixteen pixels, on which the scenes lie as well."""
SHAPE = (1, 16)
SCALE_M = 111.0

BITS = {
    "fill": 0,
    "dilated_cloud": 1,
    "cirrus": 2,
    "cloud": 3,
    "cloud_shadow": 4,
    "snow": 5,
    "water": 7,
}


def settings_of(**keys: Any) -> OpticalSettings:
    """Settings whose working lattice is the line itself."""
    return OpticalSettings(scale_m=SCALE_M, **keys)


@pytest.fixture
def values(connected, pixels_of):
    """`values(archive, name, years, **settings)`: a covariate along the line."""

    def get(
        archive: Any,
        name: str = "ndvi_thaw_end",
        years: tuple[int, int] = (2009, 2024),
        **keys: Any,
    ) -> Array:
        connected(archive.scenes)
        image = images([name], Scope(LINE, years), settings_of(**keys))[name]
        return np.asarray(pixels_of(image, LINE)[0])

    return get


@pytest.mark.parametrize("sensor", ["landsat5", "landsat9"])
def test_each_bit_of_qa_pixel(new_archive, clear_scene, values, sensor):
    """A flag that is read from another bit, or a confidence bit that masks."""
    archive = new_archive()
    flags = (1 << np.arange(16))[None, :]
    archive.add(sensor, "2011-09-10T04:00:00", clear_scene(sensor, SHAPE, QA_PIXEL=flags), LINE)
    default = np.isfinite(values(archive))
    np.testing.assert_array_equal(default, ~np.isin(np.arange(16), [0, 1, 2, 3, 4, 5]))
    for name, bit in BITS.items():
        alone = np.isfinite(values(archive, landsat_excluded=(name,)))
        np.testing.assert_array_equal(alone, np.arange(16) != bit, err_msg=name)


def test_saturated_looks_are_left_out(new_archive, clear_scene, values):
    """A saturated band that enters an index."""
    archive = new_archive()
    saturated = (1 << np.arange(16))[None, :] * (np.arange(16) > 0)
    scene = clear_scene("landsat8", SHAPE, QA_RADSAT=saturated)
    archive.add("landsat8", "2015-09-10T04:00:00", scene, LINE)
    np.testing.assert_array_equal(np.isfinite(values(archive)), np.arange(16) == 0)


def test_sentinel2_is_screened_by_cloud_score_and_classes(new_archive, clear_scene, values):
    """The wrong score, a threshold that leaves out its own value, or snow that stays."""
    archive = new_archive()
    score = np.full(SHAPE, 0.9, np.float32)
    score[0, :3] = [0.59, 0.5, 0.61]
    classes = np.arange(16)[None, :].astype(np.uint8)
    classes[0, :3] = 4
    scene = clear_scene("sentinel2", SHAPE, cs_cdf=score, cs=0, SCL=classes)
    archive.add("sentinel2", "2020-09-10T04:00:00", scene, LINE)
    found = np.isfinite(values(archive, sensors=("sentinel2",)))
    np.testing.assert_array_equal(found, ~np.isin(np.arange(16), [0, 1, 11]))
    # Half is a number that float32 holds exactly: the threshold itself is clear enough.
    keys = {"scene_classes_excluded": (), "cloud_score_minimum": 0.5}
    assert np.isfinite(values(archive, sensors=("sentinel2",), **keys)).all()
    keys["cloud_score_minimum"] = 0.55
    strict = np.isfinite(values(archive, sensors=("sentinel2",), **keys))
    np.testing.assert_array_equal(strict, np.arange(16) != 1)
    other = values(archive, sensors=("sentinel2",), cloud_score_band="cs")
    assert np.isnan(other).all()


def test_sentinel2_without_its_score_is_not_clear(new_archive, clear_scene, values):
    """A scene that has no image of Cloud Score+ and passes unscreened, or ends in an error."""
    archive = new_archive()
    with_score = clear_scene("sentinel2", SHAPE, B8=3000)
    archive.add("sentinel2", "2020-09-10T04:00:00", with_score, LINE)
    unscored = clear_scene("sentinel2", SHAPE, B8=9000)
    archive.add("sentinel2", "2020-09-12T04:00:00", unscored, LINE, with_score=False)
    found = values(archive, sensors=("landsat8", "sentinel2"))
    np.testing.assert_allclose(found, (0.3 - 0.15) / (0.3 + 0.15), rtol=1e-6)


def test_negative_reflectance_makes_no_holes(new_archive, clear_scene, values):
    """`normalizedDifference`, which masks where either band is negative."""
    archive = new_archive()
    red = np.linspace(1, 9000, 16).round()[None, :]
    nir = np.linspace(12000, 1, 16).round()[None, :]
    archive.add(
        "landsat8",
        "2015-09-10T04:00:00",
        clear_scene("landsat8", SHAPE, SR_B4=red, SR_B5=nir),
        LINE,
    )
    found = values(archive)
    a, b = (np.maximum(band[0] * 2.75e-5 - 0.2, 0.001) for band in (nir, red))
    assert np.isfinite(found).all()
    assert ((red * 2.75e-5 - 0.2 < 0) & (nir * 2.75e-5 - 0.2 < 0)).any()
    np.testing.assert_allclose(found, (a - b) / (a + b), rtol=1e-6, atol=1e-7)
    assert (np.abs(found) <= 1).all()
    raised = values(archive, reflectance_floor=0.05)
    assert np.abs(raised).max() < np.abs(found).max()


def test_thematic_mapper_is_brought_to_oli_where_asked_for(new_archive, clear_scene, values):
    """Coefficients of another band, or applied to OLI as well."""
    stored = {"red": 12000, "nir": 17000}
    red, nir = (number * 2.75e-5 - 0.2 for number in stored.values())
    tm, oli = new_archive(), new_archive()
    scene = clear_scene("landsat7", SHAPE, SR_B3=stored["red"], SR_B4=stored["nir"])
    tm.add("landsat7", "2010-09-10T04:00:00", scene, LINE)
    scene = clear_scene("landsat8", SHAPE, SR_B4=stored["red"], SR_B5=stored["nir"])
    oli.add("landsat8", "2014-09-10T04:00:00", scene, LINE)
    plain = (nir - red) / (nir + red)
    a, b = 0.8462 * nir + 0.0412, 0.9047 * red + 0.0061
    np.testing.assert_allclose(values(tm), plain, rtol=1e-6)
    np.testing.assert_allclose(values(tm, harmonise=True), (a - b) / (a + b), rtol=1e-6)
    np.testing.assert_allclose(values(oli, harmonise=True), plain, rtol=1e-6)


def test_peak_is_the_median_of_annual_percentiles(new_archive, clear_scene, values):
    """One percentile over all years, in which a year of many scenes outweighs the others."""
    archive = new_archive()
    stored = {2014: [9000, 11000, 13000, 15000, 17000, 19000], 2016: [12000], 2017: [14000, 10000]}
    for year, numbers in stored.items():
        for place, number in enumerate(numbers):
            scene = clear_scene("landsat8", SHAPE, SR_B4=11000, SR_B5=number)
            archive.add("landsat8", f"{year}-07-{place + 1:02d}T04:00:00", scene, LINE)
    found = values(archive, "ndvi_peak")
    ndvi = {
        year: np.array([(n - 11000) / (n + 11000 - 0.4 / 2.75e-5) for n in numbers])
        for year, numbers in stored.items()
    }
    exact = np.median([np.percentile(year, 90, method="hazen") for year in ndvi.values()])
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    # Whatever the service's rule for few values: within the gap of the two values about the rank.
    low, high = (
        np.median([np.percentile(year, 90, method=rule) for year in ndvi.values()])
        for rule in ("lower", "higher")
    )
    assert ((found >= low - 1e-6) & (found <= high + 1e-6)).all()
    together = np.percentile(np.concatenate(list(ndvi.values())), 90, method="hazen")
    assert abs(together - exact) > 0.02


def test_seasons_and_years_have_sharp_ends(new_archive, clear_scene, values):
    """A month, a day or a year too many."""
    inside = ("2013-09-01T00:00:00", "2015-10-31T23:59:59")
    outside = (
        *("2013-08-31T23:59:59", "2014-11-01T00:00:00", "2012-09-15T04:00:00"),
        *("2016-09-15T04:00:00", "2016-01-01T00:00:00"),
    )
    archive = new_archive()
    for times, number in ((inside, 15000), (outside, 30000)):
        for time in times:
            archive.add("landsat8", time, clear_scene("landsat8", SHAPE, SR_B5=number), LINE)
    found = values(archive, years=(2013, 2015))
    red, nir = 12000 * 2.75e-5 - 0.2, 15000 * 2.75e-5 - 0.2
    np.testing.assert_allclose(found, (nir - red) / (nir + red), rtol=1e-6)


@pytest.mark.parametrize("name", ["ndvi_peak", "ndvi_thaw_end", "ndwi_gao"])
def test_without_any_scene_everything_is_masked(new_archive, values, name):
    """An empty collection: a composite without bands, which no stack can rename."""
    sensors = ("landsat5", "landsat7", "landsat8", "landsat9", "sentinel2")
    assert np.isnan(values(new_archive(), name, sensors=sensors)).all()


def test_settings_refuse_months_out_of_order():
    """A season that is empty without a word."""
    with pytest.raises(ValidationError, match="months run from 1 to 12"):
        OpticalSettings(peak_months=(9, 7))
    with pytest.raises(ValidationError, match="months run from 1 to 12"):
        OpticalSettings(thaw_end_months=(9, 13))
    with pytest.raises(ValidationError, match=r"\[12, 2\].*over the new year"):
        OpticalSettings(peak_months=(12, 2))
    with pytest.raises(ValidationError, match="twice"):
        OpticalSettings(sensors=("landsat8", "landsat8"))
