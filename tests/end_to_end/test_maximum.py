"""A covariate that bounds the target, from study.toml to the pixels of the map."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin
from typer.testing import Result

from gee.session import disconnect

Alm90 = Callable[..., Result]
HALFWAY_ROW = 80
VALIDATION = {"folds": 2, "workers": 1, "designs": ["random"]}
"""One design will do: what is asked of bounds here is not how well they are."""


@pytest.mark.parametrize("role", ["feature", "auxiliary"])
def test_no_pixel_holds_more_than_its_pores(
    alm90: Alm90,
    fresh: Callable[..., Path],
    plateau_values: tuple[Path, dict[str, Any]],
    role: str,
) -> None:
    """Fault: a bound that is lost where the selection drops the covariate that gives it.

    Or where it is none that could be learned from, and so none that is sampled.
    """
    _, values = plateau_values
    region = values["region"]
    # Pores of 12 % in the south, unknown in the north: at most 0.17, or as the target allows.
    porosity = np.full((2, 1), -1, np.float32)
    porosity[1] = 12
    entry = {"name": "pores", "file": "pores.tif", "unit": "%", "resampling": "nearest"}
    entry |= {"role": role}
    folder = fresh(
        covariates=[*values["covariates"], entry],
        target={"maximum_covariate": "pores"},
        validation=VALIDATION,
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
    selection = json.loads((folder / "model/selection.json").read_text())
    assert ("pores" in selection["candidates"]) == (role == "feature")
    assert "pores" not in selection["chosen"], "constant where it is known"
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


def write_soil_maps(folder: Path, region: dict[str, Any]) -> None:
    """Write SoilGrids as the local Earth Engine finds it: dense in the south, loose in the north.

    Porosity is 1 - bulk density / 2.65 g cm-3; so 0.09 to 0.21 in the south.
    """
    depths = ("0-5cm", "5-15cm", "15-30cm", "30-60cm", "60-100cm", "100-200cm")
    south_up = np.linspace(2.1, 2.4, 20)[:, np.newaxis] + np.zeros(40)
    density = np.concatenate([np.full((20, 40), 1.2), south_up]) * 100
    width, height = region["east"] - region["west"], region["north"] - region["south"]
    folder.mkdir()
    with rasterio.open(
        folder / "bdod.tif", "w", driver="GTiff", count=6, height=40, width=40, dtype="int16",
        crs="EPSG:4326",
        transform=from_origin(
            region["west"] - width / 2, region["north"] + height / 2, width / 20, height / 20
        ),
    ) as dataset:  # fmt: skip
        dataset.write(np.broadcast_to(density.round().astype(np.int16), (6, 40, 40)))
    bands = [f"bdod_{depth}_mean" for depth in depths]
    asset = {"type": "IMAGE", "files": [{"path": "bdod.tif", "bands": bands}]}
    document = {"schema_version": 1, "assets": {"projects/soilgrids-isric/bdod_mean": asset}}
    (folder / "catalogue.json").write_text(json.dumps(document), "utf-8")


@pytest.fixture
def bounded_by_soil(
    fresh: Callable[..., Path], plateau_values: tuple[Path, dict[str, Any]]
) -> Iterator[Path]:
    """A study whose target the porosity bounds that Earth Engine computes, without margin."""
    _, values = plateau_values
    names = ("twi", "ndvi", "vv_thaw", "land_cover")
    folder = fresh(
        covariates=[entry for entry in values["covariates"] if entry["name"] in names],
        earthengine={
            "url": "local:scenes",
            "covariates": ["bulk_density"],
            "auxiliary": {"layers": []},
            "workers": 2,
        },
        target={"maximum_covariate": "porosity", "maximum_margin": 0.0},
        validation=VALIDATION,
    )
    write_soil_maps(folder / "scenes", values["region"])
    yield folder
    disconnect()


def test_porosity_of_earth_engine_bounds_and_is_never_learned_from(
    alm90: Alm90, bounded_by_soil: Path, tmp_path: Path
) -> None:
    """Fault: a porosity among the candidates, a map above it, or tiles without it."""
    folder = bounded_by_soil
    run = alm90("run", folder, "--force")
    assert run.exit_code == 0, run.output
    assert "5 candidate covariates, and porosity, which bounds the target alone" in run.output
    selection = json.loads((folder / "model/selection.json").read_text())
    assert "bulk_density" in selection["candidates"]
    assert "porosity" not in selection["candidates"]
    described = json.loads((folder / "samples.json").read_text())
    assert [one["name"] for one in described["auxiliary"]] == ["porosity"]
    assert "porosity" in described["provenance"]["covariates"]
    sampled = pd.read_csv(folder / "samples.csv")
    np.testing.assert_allclose(sampled["porosity"], 1 - sampled["bulk_density"] / 2.65, atol=1e-6)
    clipped = 0
    for path in sorted((folder / "covariates/tiles").glob("*.tif")):
        with rasterio.open(path) as dataset:
            assert dataset.descriptions.count("porosity") == 1
            porosity = dataset.read(dataset.descriptions.index("porosity") + 1)
        with rasterio.open(folder / "map/tiles" / path.name) as dataset:
            value = dataset.read(1, masked=True)
        above = value - porosity
        assert above.max() <= 1e-6
        clipped += int((np.abs(above) < 1e-6).sum())
    assert clipped > 100, "the bound never held anything back"
    report = (folder / "report.html").read_text()
    assert "at most <code>porosity</code>" in report
    assert report.count("<td>bounds only</td>") == 1
    again = alm90("run", folder, "--force")
    assert again.output.count("unchanged, nothing to do") >= 2
    elsewhere = tmp_path / "model"
    done = alm90(
        "train", "--samples", folder / "samples.csv", "--settings", folder / "study.toml",
        "--model", elsewhere,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    manifest = json.loads((elsewhere / "manifest.json").read_text())
    assert manifest["maximum"]["covariate"]["name"] == "porosity"
    assert manifest == json.loads((folder / "model/manifest.json").read_text())
    out = tmp_path / "map"
    tiles = folder / "covariates/tiles"
    done = alm90("predict", "--model", elsewhere, "--covariates", tiles, "--out", out, "--force")
    assert done.exit_code == 0, done.output
    with rasterio.open(out / "vwc.tif") as one, rasterio.open(folder / "map/vwc.tif") as other:
        np.testing.assert_array_equal(one.read(1), other.read(1))
    # What lies in the tiles is held against what was sampled, as for any covariate of the model.
    sampled.loc[3, "porosity"] += 0.01
    sampled.to_csv(folder / "samples.csv", index=False)
    skewed = alm90("export", folder)
    assert skewed.exit_code == 3, skewed.output
    assert "1 sampled values are not what their tiles hold" in skewed.stderr
    assert "porosity" in skewed.stderr


def test_porosity_is_named_as_a_bound_or_not_at_all(alm90: Alm90, bounded_by_soil: Path) -> None:
    """Fault: a list of candidates that takes it, or one that refuses it without a way out."""
    path = bounded_by_soil / "study.toml"
    text = path.read_text()
    path.write_text(text.replace('["bulk_density"]', '["bulk_density", "porosity"]'))
    refused = alm90("sites", bounded_by_soil)
    assert refused.exit_code == 2
    assert 'set target.maximum_covariate = "porosity"' in refused.stderr
    path.write_text(text.replace('"porosity"', '"porosty"'))
    alm90("sites", bounded_by_soil)
    misspelt = alm90("sample", bounded_by_soil)
    assert misspelt.exit_code == 2
    assert "target.maximum_covariate is 'porosty'" in misspelt.stderr
    assert "the nearest is 'porosity'" in misspelt.stderr
    unbounded = text.replace('maximum_covariate = "porosity"', "")
    path.write_text(unbounded)
    assert alm90("sample", bounded_by_soil).exit_code == 0
    assert "porosity" not in pd.read_csv(bounded_by_soil / "samples.csv").columns
