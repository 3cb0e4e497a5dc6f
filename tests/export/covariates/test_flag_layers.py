"""Layers that give the map's flags, held against the sites where they were sampled there.

Faults caught: such a layer's tiles hold something else than the sites, and nothing is said; a layer
that was never sampled stops the export, or costs requests at the sites.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from odc.geo.geobox import GeoBox

from export.rasters.writing import write_geotiff

OWN = {"name": "wetness", "file": "rasters/wetness.tif", "minimum": -1.0, "maximum": 1.0}
ICE = {"name": "glacier", "file": "rasters/ice.tif", "role": "auxiliary"}


@pytest.fixture
def icy(earth_engine_study: Any, earth_engine_grid: GeoBox) -> Any:
    """The study with a layer of ice, which no model learns from."""
    study = earth_engine_study
    ice = np.random.default_rng(8).integers(0, 2, (1, 64, 64)).astype(np.float32)
    path = study.folder / "rasters" / "ice.tif"
    write_geotiff(path, ice, earth_engine_grid, float("nan"), ["ice"], ["1"], {})
    study.write(covariates=[OWN, ICE])
    return study


def change_a_sample(folder: Path, name: str) -> None:
    table = pd.read_csv(folder / "samples.csv")
    table.loc[3, name] = 1 - table.loc[3, name]
    table.to_csv(folder / "samples.csv", index=False)


def test_one_that_was_sampled_is_compared(icy: Any) -> None:
    """It bounds the target in the settings, but not yet in the model."""
    icy.write(target={"name": "vwc", "unit": "m3 m-3", "maximum_covariate": "glacier"})
    assert icy.alm90("sample").exit_code == 0
    assert icy.alm90("export").exit_code == 0
    change_a_sample(icy.folder, "glacier")
    done = icy.alm90("export")
    assert done.exit_code == 3, done.output
    assert "1 sampled values are not what their tiles hold. Nothing that can be" in done.stderr
    assert "glacier" in done.stderr
    assert "(1 written, 3 kept)" in icy.alm90("export").stdout, "and made anew"


def test_one_that_was_not_sampled_is_left_alone(icy: Any) -> None:
    assert icy.alm90("sample").exit_code == 0
    described = json.loads((icy.folder / "samples.json").read_text(encoding="utf-8"))
    assert described["auxiliary"] == []
    done = icy.alm90("export")
    assert done.exit_code == 0, done.output
    assert "4 covariates and glacier" in done.stdout
