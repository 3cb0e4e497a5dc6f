"""What each family of covariates is worth: the nested score without radar, without terrain...

In: the sample table, settings, and the validation of the whole model. Out: for each group of
covariates the held-out error of a pipeline that never saw it, beside that of the whole one on the
same sites. Errors in the target's unit. The whole pipeline is refitted in the outer folds of one
design, selection included, so that covariates of other groups may step in: what counts is what
the group adds to the others, not its importance in a model that has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, cpu_count, delayed, parallel_config

from local_ml.domain import DomainSample
from local_ml.errors import TrainingError
from local_ml.folds.designs import require_design
from local_ml.folds.splitters import Split
from local_ml.learning.pipeline import MoisturePipeline
from local_ml.learning.selection import clustered_standard_error
from local_ml.samples import SampleTable
from local_ml.scores.metrics import r2, rmse
from local_ml.settings import LearningSettings
from local_ml.validation.held_out import HeldOut
from local_ml.validation.nested import FoldCache, ProgressCallback, ValidationResult, fold_key

OTHERS = "other"
"""The group of covariates that name none."""


@dataclass(frozen=True)
class _Fit:
    without: str
    fold: int
    split: Split
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
        the sites' groups. `n` counts sites, however often they are held out; those without a
        prediction on either side are left out of a pair. Where what remains without a group
        cannot be learned from in some fold, its numbers are None and `reason` says why. None
        where it is off, or where all covariates are of one group

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
    found: dict[str, dict[str, Any]] = {}
    for fit in fits:
        kept = None if cache is None else cache.get(fit.key)
        if kept is not None:
            found[fit.key] = kept
    left = [fit for fit in fits if fit.key not in found]
    for key, outcome in _run(table, settings, left, domain):
        found[key] = outcome
        if cache is not None:
            cache.put(key, outcome)
        if progress is not None:
            progress("ablation", len(found), len(fits))
    groups = {}
    for group, names in groups_of(table).items():
        without, reason = np.full(len(whole.rows), np.nan), None
        for fit in fits:
            if fit.without == group:
                outcome = found[fit.key]
                if reason is None and outcome["reason"] is not None:
                    reason = f"fold {fit.fold + 1}: {outcome['reason']}"
                without[whole.fold == fit.fold] = np.array(outcome["predicted"], dtype=np.float64)
        if reason is not None:
            without[:] = np.nan  # folds without predictions would leave another set of sites
        compared = _compared(whole, without, table.group[whole.rows])
        groups[group] = {"features": list(names)} | compared | {"reason": reason}
    scored = whole.scored
    observed, predicted = whole.observed[scored], whole.predicted[scored]
    return {
        "design": design,
        "n": len(np.unique(whole.rows[scored])),
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
    for group in groups_of(table):
        for number in np.unique(fold):
            held_out = rows[fold == number]
            split = np.setdiff1d(every, held_out), held_out
            key = fold_key(table, settings, split, domain, without=group)
            yield _Fit(group, int(number), split, key)


def _run(
    table: SampleTable,
    settings: LearningSettings,
    fits: list[_Fit],
    domain: DomainSample | None,
) -> Iterator[tuple[str, dict[str, Any]]]:
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
) -> tuple[str, dict[str, Any]]:
    """Return the key of a fit, and its predictions or the reason why there are none."""
    dropped = groups_of(table)[fit.without]
    part = table.with_features([name for name in table.names if name not in dropped])
    inside, outside = (part.rows(rows) for rows in fit.split)
    try:
        fitted = MoisturePipeline(settings).fit(inside, domain=domain)
    except TrainingError as fault:
        # With the group these rows could be learned from, so it is the group that is missed.
        return fit.key, {"predicted": [None] * outside.n, "reason": str(fault)}
    predicted = fitted.predict(outside)
    listed = [float(value) if np.isfinite(value) else None for value in predicted]
    return fit.key, {"predicted": listed, "reason": None}


def _compared(whole: HeldOut, without: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    both = whole.scored & np.isfinite(without)
    if not both.any():
        return dict.fromkeys(("n", "rmse", "r2", "rmse_change", "standard_error"))
    observed, predicted, without = whole.observed[both], whole.predicted[both], without[both]
    error, error_whole = rmse(observed, without), rmse(observed, predicted)
    excess = (observed - without) ** 2 - (observed - predicted) ** 2
    standard_error = None
    if len(np.unique(group[both])) > 1 and error + error_whole > 0:
        # The change of the root is that of the square over the sum of the roots.
        standard_error = clustered_standard_error(excess, group[both]) / (error + error_whole)
    return {
        "n": len(np.unique(whole.rows[both])),
        "rmse": error,
        "r2": r2(observed, without),
        "rmse_change": error - error_whole,
        "standard_error": standard_error,
    }
