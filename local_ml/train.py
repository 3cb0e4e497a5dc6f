"""Training as a whole: fit the final model, score it honestly, write the folder ``model``.

In: the sample table and settings. Out: the bundle (manifest and arrays) and, beside it,
``validation.json``, ``out_of_fold.csv``, ``selection.json`` and ``importance.csv``.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from local_ml.bundle import write_bundle
from local_ml.domain import DomainSample
from local_ml.files import csv_bytes, json_bytes, write_whole
from local_ml.folds.designs import reported_designs, require_design
from local_ml.learning.pipeline import FIT_PARTS, FittedPipeline, MoisturePipeline
from local_ml.samples import SampleTable
from local_ml.settings import LearningSettings
from local_ml.validation.ablation import ablate
from local_ml.validation.applicability import applicability_of
from local_ml.validation.intervals import fit_interval_rule, interval_report
from local_ml.validation.nested import (
    FoldCache,
    ProgressCallback,
    ValidationResult,
    training_rows,
    validate,
)
from local_ml.validation.stability import selection_stability

FINAL_MODEL = "final model"
"""What the progress of the final fit is told as."""


@dataclass(frozen=True)
class TrainingResult:
    """The fitted model, its scores, and the files written."""

    fitted: FittedPipeline
    validation: ValidationResult
    files: tuple[Path, ...]


def train(
    table: SampleTable,
    settings: LearningSettings,
    folder: Path,
    domain: DomainSample | None = None,
    cache: FoldCache | None = None,
    progress: ProgressCallback | None = None,
) -> TrainingResult:
    """Fit on all sites of split ``train``, validate, and write everything into `folder`.

    Parameters
    ----------
    table : all sites, those of split ``test`` too
    settings : target, selection, members, fusion, validation
    folder : the bundle's; made if absent
    domain : random points of the region; without them the designs that need them are left out
    cache : as for `nested.validate`
    progress : as there; the parts of the final model come first, told as `FINAL_MODEL`

    Raises
    ------
    TrainingError
        The samples do not suffice for what the settings ask.
    """
    design_of_intervals, design_of_applicability = _chosen_designs(settings, domain)
    train_rows = training_rows(table)
    learned = table.rows(train_rows)

    def tell(part: str) -> None:
        if progress is not None:
            progress(FINAL_MODEL, FIT_PARTS.index(part) + 1, len(FIT_PARTS))

    fitted = MoisturePipeline(settings).fit(learned, explain=True, domain=domain, tell=tell)
    validation = validate(
        table, settings, final=fitted, cache=cache, progress=progress, domain=domain
    )
    ablation = ablate(table, settings, validation, domain, cache, progress)
    promised = validation.designs[design_of_intervals]
    intervals = fit_interval_rule(promised, settings.target, settings.intervals)
    tested = validation.designs[design_of_applicability]
    applicability = applicability_of(fitted, learned, train_rows, tested)
    told = validation.to_json() | {
        "intervals": interval_report(
            validation.designs, validation.test, intervals, settings.target, settings.intervals
        ),
        "applicability": applicability.to_json(),
    }
    folder = Path(folder)
    documents = {
        "validation.json": json_bytes(told),
        "selection.json": json_bytes(
            selection_document(fitted, validation) | {"ablation": ablation}
        ),
        "out_of_fold.csv": csv_bytes(out_of_fold_frame(table, validation)),
        "importance.csv": csv_bytes(importance_frame(fitted)),
    }
    for name, content in documents.items():
        write_whole(folder / name, content)
    write_bundle(
        folder,
        target=settings.target,
        encoding=fitted.encoding,
        members=fitted.members,
        rule=fitted.rule,
        intervals=intervals,
        applicability=applicability.rule,
        samples_fingerprint=table.fingerprint,
        seed=settings.seed,
        settings=settings.decisive(),
        maximum=fitted.maximum,
        residual=fitted.residual_model if fitted.rule.residual else None,
        no_skill=told["no_skill"],
        extra={
            "rows_used": len(fitted.used_rows),
            "rows_left_out": learned.n - len(fitted.used_rows),
        },
    )
    names = [*documents, "manifest.json", "arrays.npz"]
    return TrainingResult(fitted, validation, tuple(folder / name for name in names))


def _chosen_designs(settings: LearningSettings, domain: DomainSample | None) -> tuple[str, str]:
    """Return the designs of the intervals and of the area of applicability.

    Unless the settings name one, the grouped design, else the first. Asked before anything is
    fitted, so that a name that leads nowhere costs no hours; so is the design of the ablation.
    """
    known = reported_designs(settings, domain)
    default = "grouped" if "grouped" in known else known[0]
    wanted = {
        "intervals.design": settings.intervals.design or default,
        "applicability.design": settings.applicability.design or default,
    }
    if settings.validation.ablation != "off":
        wanted["validation.ablation"] = settings.validation.ablation
    for setting, design in wanted.items():
        require_design(setting, design, known)
    return wanted["intervals.design"], wanted["applicability.design"]


def selection_document(fitted: FittedPipeline, validation: ValidationResult) -> dict[str, Any]:
    """Return the content of ``selection.json``; errors on the transformed scale."""
    selection = fitted.selection
    return {
        "schema_version": 1,
        "candidates": list(selection.candidates),
        "dropped": [asdict(dropped) for dropped in selection.dropped],
        "path": [
            {
                "n": step.n,
                "rmse": step.rmse,
                "standard_error": step.standard_error,
                "features": list(step.features),
            }
            for step in selection.path
        ],
        "chosen": list(selection.chosen),
        "note": selection.note,
        "frequency": validation.frequency(),
        "stability": {
            name: asdict(selection_stability(part.selected, selection.candidates))
            for name, part in validation.designs.items()
            if part.borrowed_from is None and len(part.selected) > 1
        },
    }


def importance_frame(fitted: FittedPipeline) -> pd.DataFrame:
    """Return mean |SHAP| of the calibrated prediction on held-out rows, the largest first.

    SHAP values of a weighted sum are the weighted sum of SHAP values, so these are the
    attributions of the fused prediction itself, times the calibration's slope (1 where a curve
    takes the place of the line: it has no one slope).
    """
    shap = fitted.out_of_fold.shap
    if shap is None:
        raise ValueError("the pipeline was fitted without explain=True")
    fused = (shap * np.array(fitted.rule.weights)).sum(axis=2) * fitted.rule.slope
    mean = np.abs(fused).mean(axis=0)
    total = mean.sum()
    features = fitted.encoding.features
    frame = pd.DataFrame(
        {
            "feature": [feature.name for feature in features],
            "unit": [feature.unit for feature in features],
            "group": [feature.group for feature in features],
            "mean_absolute_shap": mean,
            "share": mean / total if total > 0 else mean,
        }
    )
    return frame.sort_values(
        ["mean_absolute_shap", "feature"], ascending=[False, True], ignore_index=True
    )


def out_of_fold_frame(table: SampleTable, validation: ValidationResult) -> pd.DataFrame:
    """Return one row a site and design: what was observed and what was predicted unseen."""
    held_out = [part for part in validation.designs.values() if part.borrowed_from is None]
    if validation.test is not None:
        held_out.append(validation.test)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "design": part.design,
                    "fold": part.fold,
                    "site_id": table.site_id[part.rows],
                    "method": table.method[part.rows],
                    "group": table.group[part.rows],
                    "observed": part.observed,
                    "predicted": part.predicted,
                }
            )
            for part in held_out
        ],
        ignore_index=True,
    )
