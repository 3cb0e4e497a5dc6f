"""Steps typed one by one: none goes on from what an earlier step would make otherwise now."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import rasterio
from edited import edited_json
from typer.testing import Result

Alm90 = Callable[..., Result]


def rewrite(study: Path, before: str, after: str) -> None:
    path = study / "study.toml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def kept(study: Path) -> list[str]:
    manifest = json.loads((study / "model/manifest.json").read_text())
    return [feature["name"] for feature in manifest["features"]]


def replace_raster(path: Path) -> None:
    """Write other values into a raster: its own, upside down."""
    with rasterio.open(path) as dataset:
        values, profile = dataset.read(), dataset.profile
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(values[:, ::-1])


def test_a_refused_export_is_not_predicted_from(alm90: Alm90, study: Path) -> None:
    """Fault: exit code 0 and a map of covariates that the model never learned from."""
    name = kept(study)[0]
    raster = study / "rasters" / f"{name}.tif"
    before = raster.read_bytes()
    replace_raster(raster)
    refused = alm90("export", study)
    assert refused.exit_code == 3
    assert "sampled values are not what their tiles hold" in refused.output
    predicted = alm90("predict", study)
    assert predicted.exit_code == 3, predicted.output
    assert "the last export was refused" in predicted.output
    assert f"`alm90 run {study}` samples and trains anew" in predicted.output
    # Whoever restores the raster keeps the model.
    raster.write_bytes(before)
    assert alm90("export", study).exit_code == 0
    assert alm90("predict", study).exit_code == 0
    replace_raster(raster)
    again = alm90("run", study, "--force")
    assert again.exit_code == 0, again.output


def test_covariates_that_were_sampled_otherwise_are_named(alm90: Alm90, study: Path) -> None:
    """Fault: tiles are held against the last export alone, which was as wrong as they are."""
    path = study / "samples.json"
    with edited_json(path) as document:
        name = kept(study)[0]
        document["provenance"]["covariates"][name]["fingerprint"] = "of another raster"
    assert alm90("train", study).exit_code == 0
    predicted = alm90("predict", study, "--force")
    assert predicted.exit_code == 3
    assert f"other values of {name} than the sites were sampled with" in predicted.output


def test_fewer_sites_are_sampled_before_they_are_learned_from(alm90: Alm90, study: Path) -> None:
    """Fault: "unchanged, nothing to do", and a report of the 40 sites over the scores of 80."""
    sites = pd.read_csv(study / "sites.csv", dtype=str)
    sites.iloc[::2].to_csv(study / "sites.csv", index=False)
    early = alm90("sample", study)
    assert early.exit_code == 3
    assert "sites/screened.csv was made from other sites.csv" in early.output
    assert f"`alm90 sites {study}` first" in early.output
    assert alm90("sites", study).exit_code == 0
    for step in ("train", "predict"):
        refused = alm90(step, study)
        assert refused.exit_code == 3, step
        assert "samples.csv was made from other sites/screened.csv" in refused.output
        assert f"`alm90 sample {study}` first" in refused.output
    report = alm90("report", study)
    assert report.exit_code == 0, report.output
    assert "warning: samples.csv was made from other sites/screened.csv" in report.output
    page = (study / "report.html").read_text()
    assert "samples.csv was made from other sites/screened.csv" in page
    assert "learned from 80 field sites" in page, "that is what the scores are of"
    assert "warning: samples.csv was made from other" in alm90("view", study).output
    assert "samples.csv was made from other" in (study / "view.html").read_text()
    assert alm90("sample", study).exit_code == 0
    assert "unchanged" not in alm90("train", study).output


@pytest.mark.parametrize(
    ("before", "after", "step", "told"),
    [
        ('# title = ""', 'title = "Wetter"', "train", None),
        ("# maximum = 0.85", "maximum = 0.5", "sample", "[target]"),
        ("pixels = 50", "pixels = 60", "train", "[domain]"),
    ],
)
def test_settings_that_an_earlier_step_reads_are_looked_at(
    alm90: Alm90, study: Path, before: str, after: str, step: str, told: str | None
) -> None:
    rewrite(study, before, after)
    done = alm90(step, study)
    assert (done.exit_code == 0) == (told is None), done.output
    assert told is None or told in done.output


def test_a_covariate_taken_out_is_sampled_anew_first(alm90: Alm90, study: Path) -> None:
    name = kept(study)[0]
    text = (study / "study.toml").read_text()
    head, *entries = text.split("[[covariates]]")
    others = [entry for entry in entries if f'name = "{name}"' not in entry]
    assert len(others) == len(entries) - 1
    (study / "study.toml").write_text("[[covariates]]".join([head, *others]))
    refused = alm90("train", study)
    assert refused.exit_code == 3
    assert "samples.csv was made from other [[covariates]]" in refused.output


def test_a_changed_bound_is_trained_before_it_is_predicted(alm90: Alm90, study: Path) -> None:
    """Fault: the map keeps the old bound, and nothing says so."""
    rewrite(study, "# maximum = 0.85", "maximum = 0.5")
    for step in ("sites", "sample"):
        assert alm90(step, study).exit_code == 0
    refused = alm90("predict", study)
    assert refused.exit_code == 3
    assert "model was made from other [target]" in refused.output
    assert f"`alm90 train {study}` first" in refused.output


def test_a_model_of_others_is_used_and_told(
    alm90: Alm90, study: Path, fresh: Callable[..., Path]
) -> None:
    other = fresh("other", seed=7, domain={"pixels": 0})
    sites = pd.read_csv(other / "sites.csv", dtype=str)
    sites.iloc[::2].to_csv(other / "sites.csv", index=False)  # incomplete profiles go, too
    for step in ("sites", "sample", "train"):
        assert alm90(step, other).exit_code == 0
    shutil.rmtree(study / "model")
    shutil.copytree(other / "model", study / "model")
    told = alm90("report", study)
    assert "model is not as `alm90 train` left it" in told.output
    assert "learned from 26 field sites" in (page := (study / "report.html").read_text())
    assert "model is not as `alm90 train` left it" in page
    assert alm90("export", study).exit_code == 0
    predicted = alm90("predict", study, "--force")
    assert predicted.exit_code == 0, predicted.output
    assert "model is not as `alm90 train` left it" in predicted.output


def test_what_was_not_brought_along_is_not_asked_for(alm90: Alm90, study: Path) -> None:
    for name in ("sites.csv", "samples.csv", "samples.json", "domain.csv"):
        (study / name).unlink()
    shutil.rmtree(study / "sites")
    predicted = alm90("predict", study)
    assert predicted.exit_code == 0, predicted.output
    assert "warning" not in predicted.output


def test_a_table_changed_by_hand_is_taken_and_told(alm90: Alm90, study: Path) -> None:
    table = pd.read_csv(study / "samples.csv", dtype=str)
    table.iloc[:-4].to_csv(study / "samples.csv", index=False)
    trained = alm90("train", study)
    assert trained.exit_code == 0, trained.output
    assert "samples.csv is not as `alm90 sample` left it, and is taken as it is" in trained.output
    assert "unchanged" not in trained.output
