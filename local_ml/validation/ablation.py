"""What each family of covariates is worth: the nested score without radar, without terrain...

In: the sample table, settings, and the validation of the whole model. Out: for each group of
covariates the held-out error of a pipeline that never saw it, beside that of the whole one on the
same sites. Errors in the target's unit. The whole pipeline is refitted in the outer folds of one
design, selection included, so that covariates of other groups may step in: what counts is what
the group adds to the others, not its importance in a model that has it.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, cpu_count, delayed, parallel_config

from local_ml.domain import DomainSample
from local_ml.folds.designs import require_design
from local_ml.learning.pipeline import MoisturePipeline
from local_ml.learning.selection import clustered_standard_error
from local_ml.samples import SampleTable
from local_ml.scores.metrics import r2, rmse
from local_ml.settings import LearningSettings
from local_ml.validation.nested import FOLD_VERSION, FoldCache, ProgressCallback, ValidationResult

OTHERS = "other"
"""The group of covariates that name none."""


@dataclass(frozen=True)
class _Fit:
    without: str
    fold: int
    train: np.ndarray
    held_out: np.ndarray
    key: str


def groups_of(table: SampleTable) -> dict[str, tuple[str, ...]]:
    """Return the groups of the covariates in alphabetic order, each with its names."""
    named = [(feature.group or OTHERS, feature.name) for feature in table.features]
    return {
        group: tuple(name for of, name in named if of == group)
        for group in sorted({of for of, _ in named})
    }


def count_fits(table: SampleTable, settings: LearningSettings) -> int:
    """Return how many times `ablate` fits the pipeline."""
    design = settings.validation.ablation
    if design == "off" or len(groups_of(table)) < 2:
        return 0
    repeats = settings.validation.repeats if design == "random" else 1
    return len(groups_of(table)) * settings.validation.folds * repeats


def ablate(
    table: SampleTable,
    settings: LearningSettings,
    validation: ValidationResult,
    domain: DomainSample | None = None,
    cache: FoldCache | None = None,
    progress: ProgressCallback | None = None,
) -> dict[str, Any] | None:
    """Score the pipeline without each group of covariates, on the folds of the validation.

    Parameters
    ----------
    table : all sites
    settings : `validation.ablation` names the design; the others are those of the validation
    validation : of the whole pipeline, under that design among others
    domain, cache, progress : as for `validation.validate`

    Returns
    -------
    report : the ``ablation`` of ``selection.json``: design, n, rmse and r2 of the whole pipeline,
        and for each group its features, rmse, r2, rmse_change (without − with; positive where
        the group helps) and the standard error of that, from paired squared errors, clustered by
        the sites' groups. Sites without a prediction on either side are left out of a pair and
        counted. None where it is off, or where all covariates are of one group

    Raises
    ------
    TrainingError
        The design was not validated.
    """
    if not count_fits(table, settings):
        return None
    design = settings.validation.ablation
    require_design("validation.ablation", design, tuple(validation.designs))
    whole = validation.designs[design]
    fits = list(_fits(table, settings, whole.fold, whole.rows, domain))
    found: dict[str, list[float | None]] = {}
    for fit in fits:
        kept = None if cache is None else cache.get(fit.key)
        if kept is not None:
            found[fit.key] = kept["predicted"]
    left = [fit for fit in fits if fit.key not in found]
    for key, predicted in _run(table, settings, left, domain):
        found[key] = predicted
        if cache is not None:
            cache.put(key, {"predicted": predicted})
        if progress is not None:
            progress("ablation", len(found), len(fits))
    groups = {}
    for group, names in groups_of(table).items():
        without = np.full(len(whole.rows), np.nan)
        for fit in fits:
            if fit.without == group:
                without[whole.fold == fit.fold] = np.array(found[fit.key], dtype=np.float64)
        groups[group] = {"features": list(names)} | _compared(
            whole.observed, whole.predicted, without, table.group[whole.rows]
        )
    scored = whole.scored
    observed, predicted = whole.observed[scored], whole.predicted[scored]
    return {
        "design": design,
        "n": int(scored.sum()),
        "rmse": rmse(observed, predicted),
        "r2": r2(observed, predicted),
        "without": groups,
    }


def _fits(
    table: SampleTable,
    settings: LearningSettings,
    fold: np.ndarray,
    rows: np.ndarray,
    domain: DomainSample | None,
) -> Iterator[_Fit]:
    every = np.flatnonzero(table.split == "train")
    fitted_by = settings.model_dump(
        mode="json",
        exclude={
            "validation": {"workers", "ablation"},
            "intervals": True,
            "applicability": True,
        },
    )
    for group in groups_of(table):
        for number in np.unique(fold):
            held_out = rows[fold == number]
            train = np.setdiff1d(every, held_out)
            document = {
                "ablation of fold version": FOLD_VERSION,
                "without": group,
                "table": table.fingerprint,
                "settings": fitted_by,
                "domain": None if domain is None else domain.fingerprint,
                "rows": [train.tolist(), held_out.tolist()],
            }
            key = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
            yield _Fit(group, int(number), train, held_out, key)


def _run(
    table: SampleTable,
    settings: LearningSettings,
    fits: list[_Fit],
    domain: DomainSample | None,
) -> Iterator[tuple[str, list[float | None]]]:
    workers = min(settings.validation.workers or cpu_count(), max(len(fits), 1))
    if workers == 1:
        for fit in fits:
            yield _predict_without(table, settings, fit, domain)
        return
    with parallel_config(backend="loky", inner_max_num_threads=1):
        yield from Parallel(n_jobs=workers, return_as="generator_unordered")(
            delayed(_predict_without)(table, settings, fit, domain) for fit in fits
        )


def _predict_without(
    table: SampleTable, settings: LearningSettings, fit: _Fit, domain: DomainSample | None
) -> tuple[str, list[float | None]]:
    dropped = groups_of(table)[fit.without]
    part = table.with_features([name for name in table.names if name not in dropped])
    fitted = MoisturePipeline(settings).fit(part.rows(fit.train), domain=domain)
    predicted = fitted.predict(part.rows(fit.held_out))
    return fit.key, [float(value) if np.isfinite(value) else None for value in predicted]


def _compared(
    observed: np.ndarray, whole: np.ndarray, without: np.ndarray, group: np.ndarray
) -> dict[str, Any]:
    both = np.isfinite(whole) & np.isfinite(without)
    if not both.any():
        return dict.fromkeys(("n", "rmse", "r2", "rmse_change", "standard_error"))
    observed, whole, without = observed[both], whole[both], without[both]
    error, error_whole = rmse(observed, without), rmse(observed, whole)
    excess = (observed - without) ** 2 - (observed - whole) ** 2
    standard_error = None
    if len(np.unique(group[both])) > 1 and error + error_whole > 0:
        # The change of the root is that of the square over the sum of the roots.
        standard_error = clustered_standard_error(excess, group[both]) / (error + error_whole)
    return {
        "n": int(both.sum()),
        "rmse": error,
        "r2": r2(observed, without),
        "rmse_change": error - error_whole,
        "standard_error": standard_error,
    }
