"""What a finished study comes down to, in a few lines for the terminal."""

import json
from typing import Any

from export.study import Study


def summary_lines(study: Study) -> list[str]:
    """Return the scores and the places of map and report."""
    target = study.settings.target
    validation = _read(study.model_folder / "validation.json")
    lines = ["", f"{'nested score':<28}{'n':>5}{'R²':>8}{'RMSE':>9}{'MAE':>9}{'bias':>9}"]
    for design, result in validation["designs"].items():
        lines.append(_row(design, result["n"], result["scores"]))
        if result.get("baseline"):
            lines.append(_row("  plain random forest", result["n"], result["baseline"]["scores"]))
    if validation.get("test"):
        lines.append(_row("test set", validation["test"]["n"], validation["test"]["scores"]))
        if validation["test"].get("baseline"):
            baseline = validation["test"]["baseline"]["scores"]
            lines.append(_row("  plain random forest", validation["test"]["n"], baseline))
    comparison = study.map_folder / "comparison.json"
    if study.settings.map.reference and comparison.exists():
        compared = _read(comparison)
        lines.append("")
        lines.append(
            f"map against {study.settings.map.reference} over {compared['pixels']:,} pixels: "
            f"R² {shown(compared['scores'], 'r2', '.3f')}, "
            f"RMSE {shown(compared['scores'], 'rmse', '.3g')}, "
            f"bias {shown(compared['scores'], 'bias', '+.2g')} {target.unit}"
        )
    lines += ["", f"map     {study.map_file}", f"report  {study.report_file}"]
    return lines


def _row(name: str, n: int, scores: dict[str, float | None] | None) -> str:
    return (
        f"{name:<28}{n:>5}{shown(scores, 'r2', '.3f'):>8}{shown(scores, 'rmse', '.3g'):>9}"
        f"{shown(scores, 'mae', '.3g'):>9}{shown(scores, 'bias', '+.2g'):>9}"
    )


def shown(scores: dict[str, float | None] | None, name: str, form: str) -> str:
    """Return a score in its form, a dash where the sites do not define it.

    Parameters
    ----------
    scores : by name; None where no site got a prediction
    """
    value = None if scores is None else scores[name]
    return "–" if value is None else format(value, form)


def _read(path: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
