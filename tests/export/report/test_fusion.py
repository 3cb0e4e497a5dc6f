"""What the report says of the fusion is what the saved rule does, whichever correction is set."""

import json
import re
from typing import Any

import numpy as np
import pytest
from held_out import held_out

from export.report.documents import Manifest
from export.report.fusion import correction_clause, correction_sentences
from local_ml.learning.fusion import fit_fusion
from local_ml.prediction.fusion_rule import FusionRule
from local_ml.settings import FusionSettings, TargetSettings

LINE = "straight line"


def _fitted(files: Any, transform: str = "none", **asked: Any) -> FusionRule:
    """Fit the correction, and put the rule and the settings into the study's manifest."""
    random = np.random.default_rng(3)
    predictions = 0.3 + 0.06 * random.normal(size=(60, 4))
    observed = 2 * predictions.mean(axis=1) - 0.3 + 0.03 * random.normal(size=60)
    settings = FusionSettings(**asked)
    target = TargetSettings(transform=transform, minimum=None, maximum=None)
    rule = fit_fusion(held_out(predictions), observed, target, settings, added=np.full(60, 0.0625))
    path = files.folder / "model/manifest.json"
    document = json.loads(path.read_text())
    fusion = json.loads(json.dumps(rule.to_json()))
    document |= {"fusion": fusion, "settings": {"fusion": settings.model_dump(mode="json")}}
    files.json("model/manifest.json", document)
    return rule


def _section(files: Any) -> str:
    text = files.render().text
    section: str = text[text.rindex("7 Fusion of the members") :]
    return section


def test_a_line_is_told_with_its_numbers(files: Any) -> None:
    rule = _fitted(files)
    section = _section(files)
    assert f"{LINE} then calibrates the weighted mean" in section
    assert f"{rule.slope:.3f} × weighted mean of the members" in section
    assert "The slope above 1 undoes what the members flatten" in section
    assert f"between {rule.fused_minimum:.4f} and {rule.fused_maximum:.4f}" in section


def test_a_line_that_was_turned_says_so(files: Any) -> None:
    """Fault: a slope that restores the variance, told as one that the calibration called for."""
    rule = _fitted(files, correction="none", variance_dial=0.5)
    section = _section(files)
    assert f"{LINE} then stretches the weighted mean" in section
    assert f"{rule.slope:.3f} × weighted mean" in section
    assert "0.50 of the way to the variance of the observations" in section
    assert "flatten by averaging" not in section


def test_no_correction_is_no_line(files: Any) -> None:
    rule = _fitted(files, correction="none")
    assert (rule.intercept, rule.slope) == (0, 1)
    section = _section(files)
    assert "the weighted mean is delivered as it is" in section
    assert "Delivered value = weighted mean of the members. The study asked for no" in section
    assert LINE not in section
    assert "slope" not in section


@pytest.mark.parametrize(
    ("correction", "clause", "meaning"),
    [
        ("isotonic", "a rising curve then calibrates the weighted mean", "in steps"),
        ("distribution", "the distribution of the observations", "at the price of a larger error"),
    ],
)
def test_a_curve_is_told_by_its_ends_and_not_as_a_line(
    files: Any, correction: str, clause: str, meaning: str
) -> None:
    """Fault: 0.000 + 1.000 × weighted mean, of a model that follows a curve."""
    rule = _fitted(files, correction=correction)
    assert rule.curve is not None
    (first, lowest), (last, highest) = rule.curve[0], rule.curve[-1]
    section = _section(files)
    assert clause in section
    assert meaning in section
    told = re.search(
        r"a rising curve of (\d+) points .* from (\S+) at (\S+) to (\S+) at (\S+)\.", section
    )
    assert told is not None
    assert int(told[1]) == len(rule.curve)
    found = [float(number.replace("\N{MINUS SIGN}", "-")) for number in told.groups()[1:]]
    assert found == pytest.approx([lowest, first, highest, last], abs=6e-5)
    # The words are those of the rule itself.
    np.testing.assert_allclose(rule.calibrate(np.array([first, last])), [lowest, highest])
    assert LINE not in section
    assert "slope" not in section
    assert "1.000 ×" not in section


def test_a_forest_of_residuals_is_told_and_not_a_line(files: Any) -> None:
    """Fault: the slope that is exactly 1, where a forest moves every pixel."""
    rule = _fitted(files, correction="residual")
    assert rule.residual
    section = _section(files)
    assert "a forest of the residuals is then added to the weighted mean" in section
    assert "weighted mean of the members + prediction of a random forest of their" in section
    assert LINE not in section
    assert "slope" not in section


@pytest.mark.parametrize("correction", ["none", "linear", "isotonic", "residual"])
def test_the_way_back_from_the_logarithm_is_told_with_its_factor(
    files: Any, correction: str
) -> None:
    rule = _fitted(files, "log", correction=correction)
    assert rule.smearing != 1
    told = " ".join(correction_sentences(_manifest(files), 3))
    assert "scale of the natural logarithm" in told
    assert f"multiplied by {rule.smearing:.3f}, the mean of the exponential" in told


def test_quantiles_go_back_from_the_logarithm_without_a_factor(files: Any) -> None:
    """Fault: a factor of 1.000 without which values would be too low."""
    assert _fitted(files, "log", correction="distribution").smearing == 1
    told = " ".join(correction_sentences(_manifest(files), 3))
    assert "Quantiles go back from the logarithm as they are" in told
    assert "smearing" not in told


def test_a_curve_of_a_manifest_without_settings_is_a_curve_all_the_same(files: Any) -> None:
    _fitted(files, correction="isotonic")
    manifest = _manifest(files, without="settings")
    assert correction_clause(manifest) == "a rising curve then calibrates the weighted mean"


def _manifest(files: Any, without: str = "") -> Manifest:
    document = json.loads((files.folder / "model/manifest.json").read_text())
    document.pop(without, None)
    return Manifest.model_validate(document)
