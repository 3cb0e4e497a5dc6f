"""The page shows what is there, says what is not, and needs nothing but itself."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from miniature import StudyFiles
from miniature_documents import SITES
from viewed_study import page_data, read_all

from export.progress import silent
from export.view import write_view
from export.view.contents import View, read_view


def _written(files: StudyFiles) -> tuple[View, str]:
    path = files.folder / "view.html"
    view = write_view(files.study, path, silent(), "alm90 9.9.9")
    return view, path.read_text(encoding="utf-8")


def test_the_page_carries_all_that_it_needs(finished: StudyFiles) -> None:
    """Catches a script, style, font or picture that is fetched from elsewhere."""
    _, page = _written(finished)
    assert re.findall(r"<(?:script|img|iframe|link)[^>]*(?:src|href)=", page) == []
    assert "@import" not in page
    assert "sourceMappingURL" not in page
    assert "default-src 'none'" in page
    assert "Redistribution and use in source and binary forms" in page  # Leaflet's licence
    assert len(page) < 1_000_000


def test_layers_are_the_map_what_lies_beside_it_and_the_covariates_by_importance(
    finished: StudyFiles,
) -> None:
    view, page = _written(finished)
    names = ["map", "interval_width", "dissimilarity_index", "flags"]
    covariates = ["covariate:twi", "covariate:ndvi", "covariate:soil"]
    assert [layer.name for layer in view.layers] == [*names, *covariates]
    assert list(page_data(page)["layers"]) == [*names, *covariates]
    assert view.absent == ()
    titles = [layer.title.replace("\N{NO-BREAK SPACE}", " ") for layer in view.layers]
    assert titles[:2] == ["Map: vwc (m³ m⁻³)", "Interval width (m³ m⁻³)"]


def test_residuals_are_predicted_minus_observed_under_the_deciding_design(
    finished: StudyFiles,
) -> None:
    """Catches observed − predicted, another design, and sites that are matched by their order."""
    table = pd.read_csv(finished.folder / "model/out_of_fold.csv")
    shuffled = table[table["design"] == "grouped"].set_index("site_id")
    view, page = _written(finished)
    assert view.design == "grouped"
    data = page_data(page)
    assert len(data["sites"]) == SITES
    for site in data["sites"]:
        row = shuffled.loc[site["id"]]
        assert site["residual"] == pytest.approx(row["predicted"] - row["observed"], abs=1e-6)
        assert site["observed"] == pytest.approx(row["observed"], abs=1e-6)
        assert site["method"] == row["method"]


def test_the_same_study_gives_the_same_bytes(files: StudyFiles, tmp_path: Path) -> None:
    _, first = _written(files)
    shutil.copytree(files.folder, tmp_path / "again" / "mini")
    again = StudyFiles.__new__(StudyFiles)
    again.folder, again.toml = tmp_path / "again" / "mini", files.toml
    assert _written(again)[1] == first


def test_before_any_step_the_page_says_what_makes_what(files: StudyFiles) -> None:
    """Catches a view that can only be had of a finished study."""
    for name in ("sites", "model", "map", "covariates"):
        shutil.rmtree(files.folder / name)
    view, page = _written(files)
    assert view.layers == ()
    assert view.sites == ()
    listed = page[page.index("Not there yet") :]
    for what, step in [("Sites", "sites"), ("Residuals", "train"), ("Map", "run")]:
        assert f"{what}: <code>alm90 {step} mini</code>" in listed


def test_after_sampling_the_sites_are_shown_by_what_they_observed(files: StudyFiles) -> None:
    for name in ("model", "map", "covariates"):
        shutil.rmtree(files.folder / name)
    view, page = _written(files)
    assert len(view.sites) == SITES
    assert view.design is None
    assert view.residual_key is None
    data = page_data(page)
    assert all(site["observedColour"] and site["residualColour"] is None for site in data["sites"])
    assert 'value="residual"' not in page
    assert "Residuals: <code>alm90 train mini</code>" in page


def test_a_half_trained_model_is_none(files: StudyFiles) -> None:
    (files.folder / "model/validation.json").unlink()
    assert _written(files)[0].residual_key is None


def test_a_model_without_skill_says_so_and_its_map_is_by_force(files: StudyFiles) -> None:
    files.told["no_skill"] = "the model shows no skill at all"
    files.validate()
    (files.folder / "map/vwc.tif").unlink()
    view, page = _written(files)
    assert "The model shows no skill at all" in page
    assert ("Map", "run --force") in view.absent
    assert "<code>alm90 run mini --force</code>" in page


def test_what_a_table_says_stays_text(files: StudyFiles) -> None:
    """Catches a site's name, a title or a method that runs as a script on the page."""
    hostile = "</script><script>alert(1)</script>"
    files.toml = files.toml.replace("A map in miniature", hostile)
    path = files.folder / "sites/screened.csv"
    table = pd.read_csv(path)
    table.loc[0, ["site_id", "method"]] = hostile
    table.to_csv(path, index=False)
    _, page = _written(files)
    assert hostile not in page
    assert page_data(page)["sites"][0]["id"] == hostile


def test_a_site_without_a_prediction_has_no_residual(files: StudyFiles) -> None:
    """Catches a missing prediction that becomes a residual of zero, or stops the page."""
    path = files.folder / "model/out_of_fold.csv"
    table = pd.read_csv(path)
    table.loc[(table["design"] == "grouped") & (table["site_id"] == "site 3"), "predicted"] = np.nan
    table.to_csv(path, index=False)
    _, page = _written(files)
    data = page_data(page)
    assert next(s for s in data["sites"] if s["id"] == "site 3")["residual"] is None
    assert "1 without such a prediction" in page


def test_the_mask_s_edge_follows_its_pixels(files: StudyFiles) -> None:
    """Catches an outline that is mirrored, shifted by a pixel, or drawn around all of the grid."""
    inside = np.zeros((30, 40), np.float32)
    inside[4:14, 8:30] = 1
    files.map(np.where(inside == 1, np.float32(0.3), np.float32(-9999)))
    (files.folder / "map/vwc.tif").rename(files.folder / "mask.tif")
    files.toml = files.toml.replace("north = 35.5\n", 'north = 35.5\nmask = "mask.tif"\n')
    view = read_view(files.study, silent())
    (ring,) = view.mask
    latitudes, longitudes = np.array(ring).T
    edges = [longitudes.min(), latitudes.min(), longitudes.max(), latitudes.max()]
    assert edges == pytest.approx([93.08, 35.36, 93.30, 35.46], abs=1e-4)
    assert view.bounds == pytest.approx((35.2, 93.0, 35.5, 93.4), abs=1e-4)
    assert any(one.what == "Map" for one in view.absent)


def test_the_interval_s_width_is_upper_minus_lower(finished: StudyFiles) -> None:
    view, _ = _written(finished)
    key = next(layer.key for layer in view.layers if layer.name == "interval_width")
    file = finished.folder / "map/vwc_companion.tif"
    width = read_all(file, 2) - read_all(file, 1)
    assert (key.low, key.high) == pytest.approx(tuple(np.nanpercentile(width, [2, 98])), rel=1e-5)
