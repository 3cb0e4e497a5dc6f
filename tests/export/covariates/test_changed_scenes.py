"""A scene that changes in the folder of a local Earth Engine, between two runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import rasterio
from edited import edited_json

from export.journal import Journal
from export.study import Study
from export.study.region import made_from as made_of_mask


def raise_pixel(path: Path, by: int) -> None:
    """Change what a scene holds in its middle, and nothing of its size."""
    with rasterio.open(path, "r+") as dataset:
        band = dataset.read(1)
        third = band.shape[0] // 3
        band[third : 2 * third, third : 2 * third] += by
        dataset.write(band, 1)


def made_from(folder: Path) -> dict[str, str]:
    document = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
    return {
        name: entry["fingerprint"] for name, entry in document["provenance"]["covariates"].items()
    }


def test_a_changed_scene_is_sampled_anew_and_said(earth_engine_study: Any) -> None:
    """Fault: the folder's name stands for what lies in it, and old values stay, silently."""
    study = earth_engine_study
    before, samples = made_from(study.folder), pd.read_csv(study.folder / "samples.csv")
    raise_pixel(study.folder / "scenes" / "srtm.tif", 50)
    done = study.alm90("sample")
    assert done.exit_code == 0, done.output
    assert "unchanged" not in done.stdout
    assert "changed since they were sampled: elevation, slope, twi" in " ".join(done.stdout.split())
    after, anew = made_from(study.folder), pd.read_csv(study.folder / "samples.csv")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"elevation", "slope", "twi"}
    difference = (anew["elevation"] - samples["elevation"]).dropna().round(3)
    assert difference.between(0, 50).all()
    assert (difference == 0).any()
    assert (difference == 50).any()


def test_only_the_covariates_of_the_changed_dataset_are_read_anew(earth_engine_study: Any) -> None:
    """Fault: one new scene costs the export of all covariates."""
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    before = study.tile_bytes()
    raise_pixel(study.folder / "scenes" / "upa.tif", 1)
    assert "changed since they were sampled: twi (scene upa.tif" in study.alm90("sample").stdout
    done = study.alm90("export")
    assert done.exit_code == 0, done.output
    assert "reading only twi" in done.stdout
    assert study.tile_bytes() != before


def test_tiles_of_changed_scenes_do_not_meet_an_old_model(earth_engine_study: Any) -> None:
    """Fault: a model that learned from the old scenes is given the new ones, unsaid."""
    study = earth_engine_study
    raise_pixel(study.folder / "scenes" / "upa.tif", 1)
    done = study.alm90("export")
    assert done.exit_code == 3
    assert "twi (scene upa.tif of MERIT/Hydro/v1_0_1): changed since the" in " ".join(
        done.output.split()
    )


@pytest.mark.parametrize("touch", [False, True])
def test_equal_scenes_are_not_read_again(earth_engine_study: Any, touch: bool) -> None:
    """Fault: a folder that was copied or touched costs all of it anew."""
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    before = study.tile_bytes()
    if touch:
        for path in (study.folder / "scenes").iterdir():
            os.utime(path, (1.7e9, 1.7e9))
    sampled, exported = study.alm90("sample"), study.alm90("export")
    assert "unchanged, nothing to do" in sampled.stdout
    assert "(0 written, 4 kept)" in exported.stdout
    assert "changed" not in exported.stdout
    assert study.tile_bytes() == before


def test_what_no_covariate_is_computed_from_may_come_and_go(earth_engine_study: Any) -> None:
    """Fault: a new scene of a dataset that the study does not use costs all of it anew."""
    study = earth_engine_study
    catalogue = study.folder / "scenes" / "catalogue.json"
    with edited_json(catalogue) as document:
        document["assets"]["projects/me/other"] = document["assets"]["MERIT/Hydro/v1_0_1"]
    assert "unchanged, nothing to do" in study.alm90("sample").stdout


def test_a_changed_entry_of_the_catalogue_counts(earth_engine_study: Any) -> None:
    """Fault: pyramiding and dates of scenes change pixels without a file being touched."""
    study = earth_engine_study
    catalogue = study.folder / "scenes" / "catalogue.json"
    with edited_json(catalogue) as document:
        document["assets"]["MERIT/Hydro/v1_0_1"]["pyramiding"] = {"default": "MAX"}
    before = made_from(study.folder)
    assert study.alm90("sample").exit_code == 0
    after = made_from(study.folder)
    assert {name for name in before if before[name] != after[name]} == {"twi"}


def test_a_changed_mask_is_made_anew(earth_engine_study: Any) -> None:
    """Fault: the region's mask on the service changes, and the map keeps the old region."""
    study = earth_engine_study
    study.write(region={"mask_asset": "USGS/SRTMGL1_003"})
    loaded, journal = Study.load(study.folder), Journal(study.folder / "other.sqlite")
    try:
        before = made_of_mask(loaded, journal)
        raise_pixel(study.folder / "scenes" / "upa.tif", 1)
        assert made_of_mask(loaded, journal) == before
        raise_pixel(study.folder / "scenes" / "srtm.tif", 1)
        assert made_of_mask(loaded, journal) != before
    finally:
        journal.close()
