"""What is wrong with a raster is said before anything is computed from it."""

import numpy as np
import pytest
from affine import Affine

from export.covariates import checks
from export.covariates.checks import check_source
from export.errors import RasterError


@pytest.fixture
def check(grid, raster, source):
    """Check a raster on the study's own grid, moved by some pixels, against its every pixel."""

    def run(values, moved=(0, 0), options=None, **settings):
        transform = grid.transform * Affine.translation(*moved)
        path = raster("a.tif", values, transform, "EPSG:4326", **(options or {}))
        rows, cols = np.mgrid[0:48, 0:60]
        return check_source(source(path, **settings), rows.ravel(), cols.ravel())

    return run


def noise(dtype=np.float32):
    return np.random.default_rng(0).uniform(0, 100, (48, 60)).astype(dtype)


def texts(report, severity):
    return [found.text for found in report.findings if found.severity == severity]


def test_a_sound_raster_gives_no_finding(check):
    values = noise()
    report = check(values)
    assert report.findings == ()
    assert (report.covered, report.valid, report.whole) == (1, 1, True)
    assert (report.minimum, report.maximum) == (values.min(), values.max())
    assert report.pixels == 48 * 60


@pytest.mark.parametrize(
    ("code", "dtype"),
    [(-9999, np.float32), (-32768, np.int16), (-3.4e38, np.float32), (1e20, np.float64),
     (-999, np.float32), (255, np.uint8)],
)  # fmt: skip
def test_an_undeclared_missing_code_is_named(check, code, dtype):
    values = noise(dtype)
    values[:3] = code
    (text,) = texts(check(values), "error")
    assert f"holds {float(np.array(code, dtype)):g} in 180 of 2880 pixels" in text
    assert "nodata = " in text


def test_it_is_excluded_and_counted_where_the_study_gives_a_valid_range(check):
    values = noise()
    values[:3] = -9999
    report = check(values, minimum=0)
    assert texts(report, "error") == []
    assert report.out_of_range == 180
    assert "180 of 2880 pixels looked at (6.25%)" in texts(report, "note")[0]
    assert report.minimum >= 0


@pytest.mark.parametrize("nodata", [-9999, [], [-9999, -1]])
def test_it_is_not_asked_about_again_where_the_study_says_what_is_missing(check, nodata):
    values = noise()
    values[:3] = -9999
    report = check(values, nodata=nodata)
    assert texts(report, "error") == []
    assert report.valid == (1 if nodata == [] else 45 / 48)


def test_a_usual_code_amid_the_values_is_a_value(check):
    """255 in an eight-bit image, -99 in a range of -120 to 40."""
    assert check(np.arange(2880).reshape(48, 60).astype(np.uint8)).findings == ()
    values = noise() * 1.6 - 120
    values[0, 0] = -99
    assert check(values).findings == ()


def test_the_share_of_the_region_that_is_covered(check):
    report = check(noise(), moved=(15, 0))
    assert report.covered == 0.75
    assert "covers 75.0% of the region" in texts(report, "warning")[0]
    (text,) = texts(check(noise(), moved=(500, 0)), "error")
    assert "does not touch the region" in text


def test_a_constant_raster_is_a_warning_and_an_empty_one_an_error(check):
    assert "is constant (7)" in texts(check(np.full((48, 60), 7, np.int16)), "warning")[0]
    empty = check(np.full((48, 60), np.nan, np.float32))
    assert "no valid value" in texts(empty, "error")[0]


def test_large_rasters_are_looked_at_in_blocks(check, monkeypatch):
    monkeypatch.setattr(checks, "WHOLE_UP_TO_PX", 1000)
    monkeypatch.setattr(checks, "BLOCK_PX", 16)
    report = check(noise())
    assert not report.whole
    assert 0 < report.pixels <= 2880
    assert report.valid == 1


@pytest.mark.parametrize("whole_up_to", [10**9, 100])
def test_a_truncated_file_is_named_however_large(grid, raster, source, monkeypatch, whole_up_to):
    """Its header is whole and its first blocks read well."""
    monkeypatch.setattr(checks, "WHOLE_UP_TO_PX", whole_up_to)
    monkeypatch.setattr(checks, "BLOCK_PX", 4)
    path = raster("cut.tif", noise(), grid.transform, "EPSG:4326")
    covariate = source(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(RasterError, match=r"cut\.tif"):
        check_source(covariate, np.array([0]), np.array([0]))
