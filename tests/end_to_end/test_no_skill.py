"""Sites that say nothing: a plain sentence, no map, and a map only where it is wanted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from typer.testing import Result

Alm90 = Callable[..., Result]

SITES = 36
PLAIN = "no skill is shown: R² under knndm folds is "


def drawn_by_lot(region: dict[str, Any]) -> pd.DataFrame:
    """Return sites all over the region, whose moisture nothing can foretell."""
    random = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "site_id": [f"site {number}" for number in range(SITES)],
            "longitude": random.uniform(region["west"], region["east"], SITES).round(5),
            "latitude": random.uniform(region["south"], region["north"], SITES).round(5),
            "vwc": random.uniform(0.1, 0.5, SITES).round(3),
        }
    )


@pytest.fixture(scope="module")
def ran(
    plateau_values: tuple[Path, dict[str, Any]],
    alm90: Alm90,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Result]:
    """A study of such sites, and what its run said."""
    import shutil

    from export.study.template import study_template

    source, values = plateau_values
    folder = tmp_path_factory.mktemp("lots") / "study"
    shutil.copytree(source, folder)
    drawn_by_lot(values["region"]).to_csv(folder / "lots.csv", index=False)
    changed = values | {"sites": {"file": "lots.csv"}}
    (folder / "study.toml").write_text(study_template(changed), encoding="utf-8")
    return folder, alm90("run", folder)


def test_training_ends_well_and_says_so(ran: tuple[Path, Result], alm90: Alm90) -> None:
    folder, run = ran
    assert f"train    warning: {PLAIN}" in run.output
    again = alm90("train", folder)
    assert again.exit_code == 0
    assert "unchanged, nothing to do" in again.output
    assert PLAIN in again.output, "the warning must not be seen on the first run alone"
    manifest = json.loads((folder / "model/manifest.json").read_text())
    assert manifest["no_skill"].startswith(PLAIN)


def test_a_run_stops_before_the_map_with_what_to_do(ran: tuple[Path, Result]) -> None:
    folder, run = ran
    assert run.exit_code == 3
    assert "no map is made of this model" in run.output
    assert f"`alm90 run {folder} --force` makes the map all the same" in run.output
    assert not (folder / "map").exists()
    assert not (folder / "covariates/tiles").exists()
    page = (folder / "report.html").read_text()
    said = page.index("<strong>No skill is shown: R² under kNNDM folds is ")
    assert said < page.index('id="map"')
    assert "No map was made" in page


def test_prediction_wants_force_and_the_map_tells_of_it(
    ran: tuple[Path, Result], alm90: Alm90, tmp_path: Path
) -> None:
    folder, _ = ran
    refused = alm90("predict", folder)
    assert refused.exit_code == 3
    assert f"`alm90 predict {folder} --force`" in refused.output

    forced = alm90("run", folder, "--force")
    assert forced.exit_code == 0, forced.output
    with rasterio.open(folder / "map/vwc.tif") as dataset:
        assert dataset.tags()["no_skill"].startswith(PLAIN)
    assert "made all the same, by --force" in (folder / "report.html").read_text()

    elsewhere = (
        *("predict", "--model", folder / "model", "--out", tmp_path / "out"),
        *("--covariates", folder / "covariates/tiles"),
    )
    refused = alm90(*elsewhere)
    assert refused.exit_code == 3
    assert PLAIN in refused.output
    assert not (tmp_path / "out").exists()
    assert alm90(*elsewhere, "--force").exit_code == 0
    with rasterio.open(tmp_path / "out/vwc.tif") as dataset:
        assert dataset.tags()["no_skill"].startswith(PLAIN)


def test_a_map_with_skill_bears_no_such_tag(finished: Path) -> None:
    with rasterio.open(finished / "map/vwc.tif") as dataset:
        assert "no_skill" not in dataset.tags()
