"""The page says what the files say, alone, twice the same, and lets nothing hostile through."""

import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from edited import edited_json
from last_digits import misread

from export.errors import ExportError, MissingStepError
from export.report.data import read_report_data

SCORES = ("r2", "rmse", "mae", "bias", "concordance", "slope_observed_on_predicted")


def _numbers(document: Any) -> list[float]:
    """Return every number of a nested document."""
    if isinstance(document, dict):
        return [number for value in document.values() for number in _numbers(value)]
    if isinstance(document, list | tuple):
        return [number for value in document for number in _numbers(value)]
    return [float(document)] if isinstance(document, int | float) else []


def _designs(files: Any) -> dict[str, Any]:
    document = json.loads((files.folder / "model" / "validation.json").read_text())
    designs: dict[str, Any] = document["designs"]
    return designs


def test_page_holds_every_score_of_every_design_exactly(finished: Any, page: Any) -> None:
    # A column mixed up, or model and baseline exchanged, would lose or move a number.
    for design in _designs(finished).values():
        for part in (design["scores"], design["baseline"]["scores"]):
            assert [s for s in part if not page.shows(part[s])] == []
        for by in ("prediction", "observation"):
            numbers = _numbers(design[f"bias_by_fifth_of_{by}"])
            assert [number for number in numbers if not page.shows(number)] == []


def _score_rows(page: Any) -> list[tuple[str, list[float], list[list[float]]]]:
    """Return of each row of the table of scores its label, its numbers, and its small ones."""
    table = page.html[page.html.index('class="table scores"') :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    rows = []
    for row in body.split("</tr>")[:-1]:
        small = [
            [float(v) for v in re.findall(r'value="([^"]*)"', part)]
            for part in re.findall(r"<small>(.*?)</small>", row)
        ]
        label = re.search(r'<th scope="row">(.*?)</th>', row)
        assert label is not None
        numbers = re.sub(r"<small>.*?</small>", "", row)
        rows.append((label[1], [float(v) for v in re.findall(r'value="([^"]*)"', numbers)], small))
    return rows


def test_scores_stand_in_the_row_of_their_design(finished: Any, page: Any) -> None:
    # A row or a column mixed up would tell of one design what another one found.
    expected = []
    for name, label in (("random", "Random folds"), ("grouped", "Grouped folds")):
        design = _designs(finished)[name]
        ends = [design["intervals"]["r2"], design["intervals"]["rmse"]]
        expected.append((label, [design["n"], *(design["scores"][s] for s in SCORES)], ends))
        expected.append(("plain forest", [design["baseline"]["scores"][s] for s in SCORES], []))
    reference = [0.4325, 0.0949, 0.0783, 0.00117, 0.5877, 1.0745]
    assert _score_rows(page) == [*expected, ("Reference map", [1087, *reference], [])]
    assert "their 95 % intervals" in page.text
    kinds = re.findall(r'<tr class="(\w+)"><th scope="row">', page.html)
    assert kinds == ["own", "plain", "own", "plain", "own"]  # what indents the forests
    table = page.html[page.html.index('class="table scores"') :]
    assert re.findall(r'scope="col"[^>]*>([^<]*)<', table[: table.index("</thead>")]) == [
        "Held out by", "n", "R²", "RMSE", "MAE", "Bias", "Concordance", "Slope",
    ]  # fmt: skip


def test_an_interval_that_could_not_be_had_is_left_out(files: Any) -> None:
    document = json.loads((files.folder / "model/validation.json").read_text())
    document["designs"]["random"]["intervals"]["r2"] = None
    document["designs"]["grouped"]["intervals"] = None
    files.json("model/validation.json", document)
    rows = _score_rows(files.render())
    rmse = document["designs"]["random"]["intervals"]["rmse"]
    assert [small for _, _, small in rows] == [[rmse], [], [], [], []]


def test_page_opens_with_four_facts_however_many_designs(files: Any) -> None:
    random, grouped = files.designs["random"], files.designs["grouped"]
    files.designs = {
        "random": random,
        "random_weighted": replace(random, borrowed_from="random"),
        "grouped": grouped,
        "knndm": replace(grouped, folds=7),
    }
    files.validate()
    page = files.render()
    facts = page.html[page.html.index('<dl class="facts">') : page.html.index("<nav")]
    assert re.findall(r"<dt>(.*?)</dt>", facts) == [
        "Random folds", "Matched folds (kNNDM)", "Sites kept", "Covariates kept",
    ]  # fmt: skip
    assert "(kNNDM)" in page.text
    assert "knndm)" not in page.text
    del files.designs["knndm"], files.designs["random"]
    files.validate()
    facts = files.render().html.partition('<dl class="facts">')[2].partition("<nav")[0]
    assert re.findall(r"<dt>(.*?)</dt>", facts)[:-2] == ["Grouped folds"]


def test_page_holds_fusion_importance_frequency_counts_and_comparison(page: Any) -> None:
    expected = [
        0.375, 0.25, 0.125,  # weights
        0.0390625, 0.013, 0.75,  # mean |SHAP|, share
        0.8, 0.2,  # frequency under random folds
        1200, 1100, 97, 11, 1100 / 1200, 97 / 1200, 11 / 1100, 3,  # pixels
        0.4325, 0.0949, 0.0783, 0.00117, 0.5877, 1.0745,  # comparison
    ]  # fmt: skip
    assert [number for number in expected if not page.shows(number)] == []
    assert "−0.0123 + 1.065 × weighted mean" in page.text
    assert "between 0.0875 and 0.4375" in page.text
    assert "at least 0, at most 0.85 m³\N{NO-BREAK SPACE}m⁻³" in page.text
    assert "1\N{NARROW NO-BREAK SPACE}087 pixels" in page.text


def test_page_holds_provenance_sites_and_reasons(page: Any) -> None:
    for said in (
        "A map in miniature", "2009 to 2024", "60 field sites in 6 groups", "CC BY 4.0", "20261",
        "alm90 9.9.9", "5a" * 32, "numpy 2.4.6", "alm90 run mini", "target missing", "p1: no vwc",
        "two formulas may be mixed", "sites.csv: 64 rows", "missing at 37% of the sites",
        "lst.tif: seen", "missing at 22 sites", "2 more sites", "elevation off by 900 m", "°C",
    ):  # fmt: skip
        assert said in page.text, said


def test_page_reaches_for_nothing_outside_itself(page: Any) -> None:
    # A font, script or picture from elsewhere would break the page in an archive or a mail.
    assert re.findall(r"https?://|//[a-z]+\.[a-z]", page.html) == []
    assert [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "img")] == []
    sources = [
        value or ""
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href")
    ]
    assert sources
    assert [s for s in sources if not s.startswith(("#", "data:image/png;base64,"))] == []
    assert re.findall(r"url\((?!#)|@import", page.html) == []
    assert "DejaVu" not in page.html  # figures are set in the page's own font


def test_same_study_gives_the_same_bytes_wherever_it_lies(files: Any, tmp_path: Path) -> None:
    # Dates, random ids and paths of a machine would change the page from one run to the next.
    first = files.render().html
    elsewhere = tmp_path / "other" / "mini"
    shutil.copytree(files.folder, elsewhere)
    files.folder = elsewhere
    assert files.render().html == first
    assert str(tmp_path) not in first


def test_page_is_accessible(page: Any) -> None:
    pictures = page.named("svg")
    assert len(pictures) == 7  # map; scatter and bias of two designs; importance; path
    assert all(p["role"] == "img" and p["aria-label"] for p in pictures)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    tags = [tag for tag, _ in page.tags]
    after_table = [tags[i + 1] for i, tag in enumerate(tags) if tag == "table"]
    assert after_table
    assert set(after_table) == {"caption"}
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [str(a["href"])[1:] for a in page.named("a")]
    assert targets
    assert set(targets) <= set(ids)


@pytest.mark.parametrize(
    ("absent", "said"),
    [
        ("map/vwc.tif", "alm90 mosaic mini"),
        ("map/counts.json", "alm90 predict mini"),
        ("map/comparison.json", "alm90 run mini"),
        ("covariates/report.json", "alm90 sample mini"),
        ("map/vwc_companion.tif", "alm90 mosaic mini"),
        ("map/vwc_flags.tif", "alm90 mosaic mini"),
    ],
)
def test_an_optional_part_that_is_absent_is_said_to_be(files: Any, absent: str, said: str) -> None:
    # Left out in silence, it would read as if there were nothing to tell.
    whole = files.render()
    (files.folder / absent).unlink()
    page = files.render()
    assert page.html.count("absent") == whole.html.count("absent") + 1
    assert said in page.text


def test_a_comparison_without_reference_is_an_old_one_and_not_shown(files: Any) -> None:
    files.toml = files.toml.replace('[map]\nreference = "truth.tif"\n', "")
    page = files.render()
    assert "truth.tif" not in page.text
    assert not page.shows(0.4325)


@pytest.mark.parametrize(
    ("absent", "step"),
    [
        ("model/manifest.json", "train"),
        ("model/validation.json", "train"),
        ("model/out_of_fold.csv", "train"),
        ("model/selection.json", "train"),
        ("model/importance.csv", "train"),
        ("sites/screened.csv", "sites"),
        ("sites/excluded.csv", "sites"),
        ("sites/report.json", "sites"),
    ],
)
def test_a_required_file_that_is_absent_names_its_step(files: Any, absent: str, step: str) -> None:
    (files.folder / absent).unlink()
    with pytest.raises(MissingStepError, match=f"`alm90 {step} "):
        files.render()
    assert not (files.folder / "report.html").exists()


def test_a_file_of_another_form_is_named_with_its_key(files: Any) -> None:
    path = files.folder / "model" / "validation.json"
    with edited_json(path) as document:
        del document["designs"]["random"]["scores"]["rmse"]
    with pytest.raises(ExportError, match=r"validation\.json.*designs\.random\.scores\.rmse"):
        files.render()
    path.write_text("{")
    with pytest.raises(ExportError, match=r"validation\.json cannot be read"):
        files.render()


def test_a_table_without_a_column_is_named(files: Any) -> None:
    files.csv("model/importance.csv", pd.DataFrame({"feature": ["twi"], "unit": ["1"]}))
    with pytest.raises(ExportError, match=r"importance\.csv lacks the columns group"):
        files.render()


def test_hostile_text_stays_text(files: Any) -> None:
    # Ids and reasons come from a user's table, which may come from anywhere.
    attack = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>-->"
    files.toml = files.toml.replace('"A map in miniature"', json.dumps(attack))
    for name, column in [
        ("sites/excluded.csv", "detail"), ("sites/excluded.csv", "site_id"),
        ("sites/screened.csv", "method"), ("model/out_of_fold.csv", "method"),
        ("model/importance.csv", "group"), ("model/importance.csv", "feature"),
    ]:  # fmt: skip
        table = pd.read_csv(files.folder / name)
        files.csv(name, table.assign(**{column: attack}))
    page = files.render(software=attack)
    assert [tag for tag, _ in page.tags if tag in ("script", "img")] == []
    assert [a for _, a in page.tags if any(name.startswith("on") for name in a)] == []
    assert page.text.count(attack) >= 6


def test_names_in_any_script_survive_in_text_and_in_figures(files: Any) -> None:
    # Matplotlib's own font has no Chinese; a warning, or boxes in place of characters, would show.
    title, method = "青藏高原多年冻土区活动层水分", "环刀"
    files.toml = files.toml.replace("A map in miniature", title)
    for name in ("sites/screened.csv", "model/out_of_fold.csv"):
        table = pd.read_csv(files.folder / name)
        files.csv(name, table.assign(method=method))
    page = files.render()
    assert f"<h1>{title}</h1>" in page.html
    assert f"{method} (60)" in page.text  # the legend of a scatter, as text


def test_numbers_are_those_of_the_files_by_any_pandas(
    files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = files.designs["random"].predicted
    misread(monkeypatch)
    table = read_report_data(files.study).out_of_fold
    assert table["predicted"][table["design"] == "random"].tolist() == written.tolist()


def test_a_site_called_na_is_a_site(files: Any) -> None:
    table = pd.read_csv(files.folder / "sites/excluded.csv").assign(site_id="NA")
    files.csv("sites/excluded.csv", table)
    assert "NA: no vwc" in files.render().text


def test_page_opens_with_it_where_there_is_no_skill(files: Any) -> None:
    assert "no skill" not in files.render().text
    grouped = files.designs["grouped"]
    files.designs["grouped"] = replace(grouped, predicted=grouped.observed[::-1].copy())
    files.validate()
    page = files.render()
    said = page.text.index("The model has no skill away from the sites: R² is −")
    assert said < page.text.index("1 Map")


def test_a_map_of_an_earlier_model_is_not_shown(files: Any) -> None:
    """Fault: new scores beside an old map, its counts and its comparison."""
    with rasterio.open(files.folder / "map/vwc.tif", "r+") as dataset:
        dataset.update_tags(model_fingerprint="0" * 64)
    page = files.render()
    assert "There is no map of this model yet." in page.text
    assert not page.shows(77.0)
    assert "Reference map" not in page.text


def test_test_set_has_its_own_row_and_charts(files: Any) -> None:
    files.designs["test"] = replace(files.designs["random"], folds=1)
    files.validate()
    page = files.render()
    assert "Test set" in [label for label, _, _ in _score_rows(page)]
    assert "no sites set aside" not in page.text
    assert len(page.named("svg")) == 9


def test_a_design_that_the_report_has_no_words_for_is_shown_all_the_same(files: Any) -> None:
    files.designs["leave_one_valley_out"] = files.designs["grouped"]
    files.validate()
    table = pd.read_csv(files.folder / "model/out_of_fold.csv")
    files.csv("model/out_of_fold.csv", table[table["design"] != "leave_one_valley_out"])
    page = files.render()
    assert "Leave one valley out" in page.text
    assert "no predictions of its own" in page.text


def test_a_design_with_the_predictions_of_another_is_scored_and_not_drawn(files: Any) -> None:
    # Its charts would be those of the other design again, or an empty box.
    random = files.designs["random"]
    files.designs["random_weighted"] = replace(random, borrowed_from="random")
    files.validate()
    page = files.render()
    label = "Random folds, weighted"
    assert label in [name for name, _, _ in _score_rows(page)]
    assert f"<h3>{label}</h3>" not in page.html
    assert page.html.count("<h3>Random folds</h3>") == 2
    assert "no predictions of its own" not in page.text
    assert len(page.named("svg")) == 7


def test_no_skill_opens_the_page_and_notes_are_listed(files: Any) -> None:
    files.told = {
        "no_skill": "no skill is shown: R² under knndm folds is 0.05 <b>",
        "notes": ["no knndm folds: the region has no points", "two groups were joined."],
    }
    files.validate()
    page = files.render()
    said = "<strong>No skill is shown: R² under kNNDM folds is 0.05 &lt;b&gt;.</strong>"
    notice = page.html.index('class="notice" role="note"')
    assert notice < page.html.index(said) < page.html.index('id="map"')
    assert "The map was made all the same, by --force." in page.text
    section = page.html[page.html.index('id="scores"') : page.html.index('id="scatter"')]
    assert "<li>No kNNDM folds: the region has no points.</li>" in section
    assert "<li>Two groups were joined.</li>" in section
    (files.folder / "map/vwc.tif").unlink()
    page = files.render()
    assert "No map was made of this model, since it shows no skill." in page.text
    assert "by --force." not in page.text
    files.told = {"no_skill": None, "notes": []}
    files.validate()
    assert "There is no map of this model yet." in files.render().text
    section = files.render().html.partition('id="scores"')[2].partition('id="scatter"')[0]
    assert "notice" not in section
    assert "Of the folds:" not in section


def test_sites_without_prediction_are_counted_and_not_drawn(files: Any) -> None:
    files.designs["random"].predicted[:7] = np.nan
    files.validate()
    page = files.render()
    assert "7 more sites could not be predicted" in page.text
    assert "53 held-out sites" in page.text


def test_a_design_without_any_prediction_leaves_a_page(files: Any) -> None:
    files.designs["random"].predicted[:] = np.nan
    files.validate()
    page = files.render()
    assert "No site of the random folds could be predicted" in page.text
    assert len(page.named("svg")) == 5


def test_a_map_without_a_value_leaves_a_page(files: Any) -> None:
    files.map(np.full((30, 40), -9999, dtype=np.float32))
    assert "No pixel has a value" in files.render().text


def test_logarithm_is_named_wherever_numbers_are_on_its_scale(files: Any) -> None:
    # A SHAP value or a calibration of the logarithm given in m3 m-3 would be wrong by any factor.
    manifest = json.loads((files.folder / "model/manifest.json").read_text())
    manifest["fusion"] |= {"transform": "log", "smearing": 1.0375}
    files.json("model/manifest.json", manifest)
    files.validate(log=True)
    page = files.render()
    assert "mean |SHAP| for vwc (natural logarithm)" in page.text
    assert "RMSE of vwc (natural logarithm)" in page.text
    assert "both on the scale of the natural logarithm" in page.text
    assert "multiplied by 1.038" in page.text
    for design in _designs(files).values():
        assert f"R² {design['transformed_scores']['r2']:.2f}".replace("-", "−") in page.text


def test_a_study_without_selection_says_so(files: Any) -> None:
    selection = json.loads((files.folder / "model/selection.json").read_text())
    files.json("model/selection.json", selection | {"path": [], "dropped": []})
    assert "No covariates were eliminated" in files.render().text
