"""The map beside a reference, through the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import rasterio
from typer.testing import Result

Alm90 = Callable[..., Result]


def test_a_reference_in_percent_is_told_at_each_run(alm90: Alm90, study: Path) -> None:
    """Fault: R² of −3.5 against a truth that is the map's in other units, without a word."""
    before = json.loads((study / "map/comparison.json").read_text())
    with rasterio.open(next(study.glob("*truth*.tif")), "r+") as raster:
        raster.write(100 * raster.read(masked=True))
    for _ in range(2):
        done = alm90("compare", study)
        assert done.exit_code == 0, done.stderr
        said = " ".join((done.stdout + done.stderr).split())
        assert "it seems to be percent, the map a ratio" in said
    after = json.loads((study / "map/comparison.json").read_text())
    assert after["scores"]["r2"] < before["scores"]["r2"]
    assert after["means"]["map"] == pytest.approx(before["means"]["map"])
    assert after["means"]["reference"] == pytest.approx(100 * before["means"]["reference"])
