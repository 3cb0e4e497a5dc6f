"""The whole run on real data of other soil properties, by the studies of examples/real_data.py.

Small forests, so that the suite stays short; `python examples/real_data.py` runs them in full.
"""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import rasterio
from typer.testing import Result

from export.study.template import study_template

Alm90 = Callable[..., Result]

LEARNING: dict[str, Any] = {
    "selection": {"folds": 3, "trees": 20, "drop_share": 0.3},
    "ensemble": {
        "random_forest": {"trees": 100},
        "extra_trees": {"trees": 100},
        "xgboost": {"trees": 100, "learning_rate": 0.1},
        "catboost": {"trees": 100, "learning_rate": 0.1},
    },
    "validation": {"folds": 3, "workers": 1},
    "domain": {"pixels": 200},
}


@pytest.fixture(scope="module")
def studies() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "examples" / "real_data.py"
    spec = importlib.util.spec_from_file_location("real_data", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(alm90: Alm90, values: dict[str, Any], folder: Path) -> dict[str, Any]:
    folder.mkdir()
    (folder / "study.toml").write_text(study_template({**values, **LEARNING}), encoding="utf-8")
    done = alm90("run", folder)
    assert done.exit_code == 0, done.output
    scores: dict[str, Any] = json.loads((folder / "model" / "validation.json").read_text())
    return scores


@pytest.mark.real
def test_vindum(alm90: Alm90, studies: ModuleType, shared_data: Path, tmp_path: Path) -> None:
    """Trained on the published 213 points, scored once on the other 72."""
    scores = run(alm90, studies.vindum(shared_data / "vindum"), tmp_path / "vindum")
    assert scores["test"]["n"] == 72
    assert scores["designs"]["random"]["n"] == 213
    assert scores["test"]["scores"]["r2"] > 0.6
    assert scores["test"]["baseline"]["scores"]["r2"] > 0.6
    with rasterio.open(tmp_path / "vindum" / "map" / "som.tif") as dataset:
        values = dataset.read(1, masked=True)
        with rasterio.open(shared_data / "vindum" / "rasters" / "elevation.tif") as elevation:
            assert dataset.transform == elevation.transform
            known = elevation.read(1) > -1e6
    # the field alone is mapped: two nodata conventions, neither of which reaches the map
    assert 0 < values.min() < values.max() < 100
    assert not (~np.ma.getmaskarray(values) & ~known).any()


@pytest.mark.real
def test_meuse(alm90: Alm90, studies: ModuleType, shared_data: Path, tmp_path: Path) -> None:
    """Rasters without CRS, categorical layers, a skewed target on a log scale."""
    scores = run(alm90, studies.meuse(shared_data / "meuse"), tmp_path / "meuse")
    for design in ("random", "grouped"):
        result = scores["designs"][design]
        assert result["n"] + result["no_prediction"] == 155
        assert result["transformed_scores"]["r2"] > 0.4
    samples = json.loads((tmp_path / "meuse" / "samples.json").read_text())
    levels = {feature["name"]: feature["levels"] for feature in samples["features"]}
    assert levels["soil"] == [1, 2, 3]
    assert levels["dem"] is None


@pytest.mark.real
def test_rasters_without_crs_ask_for_one(
    alm90: Alm90, studies: ModuleType, shared_data: Path, tmp_path: Path
) -> None:
    values = studies.meuse(shared_data / "meuse")
    for entry in values["covariates"]:
        entry.pop("crs")
    (tmp_path / "study.toml").write_text(study_template({**values, **LEARNING}), encoding="utf-8")
    done = alm90("run", tmp_path)
    assert done.exit_code == 3
    # all twelve in one message
    assert done.stderr.count("crs = ") == 12, done.stderr
