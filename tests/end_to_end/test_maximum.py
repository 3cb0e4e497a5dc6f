"""A covariate that bounds the target, from study.toml to the pixels of the map."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin
from typer.testing import Result

Alm90 = Callable[..., Result]
HALFWAY_ROW = 80


def test_no_pixel_holds_more_than_its_pores(
    alm90: Alm90, fresh: Callable[..., Path], plateau_values: tuple[Path, dict[str, Any]]
) -> None:
    """Fault: a bound that is lost where the selection drops the covariate that gives it."""
    _, values = plateau_values
    region = values["region"]
    # Pores of 12 % in the south, unknown in the north: at most 0.17, or as the target allows.
    porosity = np.full((2, 1), -1, np.float32)
    porosity[1] = 12
    entry = {"name": "pores", "file": "pores.tif", "unit": "%", "resampling": "nearest"}
    folder = fresh(
        covariates=[*values["covariates"], entry],
        target={"maximum_covariate": "pores"},
    )
    height = (region["north"] - region["south"]) / 2
    with rasterio.open(
        folder / "pores.tif", "w", driver="GTiff", count=1, height=2, width=1, dtype="float32",
        crs="EPSG:4326", nodata=-1,
        transform=from_origin(
            region["west"], region["north"], region["east"] - region["west"], height
        ),
    ) as dataset:  # fmt: skip
        dataset.write(porosity, 1)
    run = alm90("run", folder, "--force")  # such a bound leaves no skill
    assert run.exit_code == 0, run.output
    assert "of 80 training sites hold more than it allows" in run.output
    kept = json.loads((folder / "model/selection.json").read_text())["chosen"]
    assert "pores" not in kept, "constant where it is known"
    with rasterio.open(folder / "map/vwc.tif") as dataset:
        value = dataset.read(1, masked=True)
    with rasterio.open(folder / "map/vwc_flags.tif") as dataset:
        clipped = (dataset.read(1) & 2) > 0
    north, south = value[: HALFWAY_ROW - 1], value[HALFWAY_ROW + 1 :]
    assert south.max() == np.float32(0.17)
    assert north.max() > 0.2
    predicted = ~np.ma.getmaskarray(value)
    np.testing.assert_array_equal(
        clipped[HALFWAY_ROW + 1 :], np.isin(south.filled(-1), np.float32([0, 0.17]))
    )
    counts = json.loads((folder / "map/counts.json").read_text())
    assert counts["clipped"] == (clipped & predicted).sum() > 100
    assert counts["without_maximum"] > 100
    report = (folder / "report.html").read_text()
    assert "at most <code>pores</code> plus 0.05" in report
    assert "bounded by the constant alone" in report


def test_a_bound_that_no_covariate_gives_is_refused_before_sampling(
    alm90: Alm90, fresh: Callable[..., Path]
) -> None:
    folder = fresh(target={"maximum_covariate": "ndvy"})
    run = alm90("run", folder)
    assert run.exit_code == 2
    assert "target.maximum_covariate is 'ndvy'" in run.output
    assert "the nearest is 'ndvi" in run.output
    assert not (folder / "samples.csv").exists()
