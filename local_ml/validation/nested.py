"""The honest score: the whole pipeline refitted in every outer fold, scored on the rows left out.

In: the sample table and settings. Out: for each design of folds the pooled predictions of held-out
sites and their scores, in the target's unit; beside them a plain random forest on the same folds.
Outer training rows alone enter anything that is fitted. Sites whose split is ``test`` enter
nothing at all but their own score.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from joblib import Parallel, cpu_count, delayed, parallel_config

from local_ml.domain import DomainSample
from local_ml.errors import TrainingError
from local_ml.folds.designs import designs_of
from local_ml.folds.splitters import Split, intensity_weights, places_of, splitter
from local_ml.learning.pipeline import FittedPipeline, MoisturePipeline
from local_ml.names import counted
from local_ml.prediction.target_transform import TargetTransform
from local_ml.randomness import seed_for
from local_ml.samples import SampleTable
from local_ml.scores.skill import no_skill
from local_ml.settings import FEWEST_ROWS, LearningSettings
from local_ml.validation.distance_report import distance_report
from local_ml.validation.held_out import BASELINE_TREES, HeldOut
from local_ml.versions import library_versions

# Raise it when a change of the code changes what a fold gives: kept folds are then refitted.
FOLD_VERSION = 6

ProgressCallback = Callable[[str, int, int], None]
"""Called with what was done, how many folds are done and how many there are."""


class FoldCache(Protocol):
    """Keeps what finished folds gave, plain values by key, so that validation resumes."""

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was put under the key, or None."""

    def put(self, key: str, fold: dict[str, Any]) -> None:
        """Keep a document of plain values (JSON) under the key."""


@dataclass(frozen=True)
class ValidationResult:
    """The designs side by side, and the test sites where the table has any."""

    designs: dict[str, HeldOut]
    test: HeldOut | None
    transform: TargetTransform
    seed: int = 0
    distances: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``validation.json``."""
        designs = {name: self._report(part) for name, part in self.designs.items()}
        return {
            "schema_version": 1,
            "no_skill": no_skill(designs),
            "designs": designs,
            "test": None if self.test is None else self._report(self.test),
            "distances": self.distances,
            "notes": list(self.notes),
        }

    def _report(self, held_out: HeldOut) -> dict[str, Any]:
        seed = seed_for(self.seed, "intervals of scores", held_out.design)
        return held_out.report(self.transform, seed)

    def frequency(self) -> dict[str, dict[str, float]]:
        """Return for each design the share of folds that kept each feature."""
        return {
            name: {
                feature: count / len(held_out.selected)
                for feature, count in sorted(
                    Counter(f for names in held_out.selected for f in names).items()
                )
            }
            for name, held_out in self.designs.items()
            if held_out.borrowed_from is None
        }


@dataclass(frozen=True)
class _Job:
    design: str
    fold: int
    split: Split
    key: str


def validate(
    table: SampleTable,
    settings: LearningSettings,
    final: FittedPipeline | None = None,
    cache: FoldCache | None = None,
    progress: ProgressCallback | None = None,
    domain: DomainSample | None = None,
) -> ValidationResult:
    """Score the pipeline under each design of outer folds, and on the test sites.

    Folds run in processes of one thread each; the result does not depend on their number.

    Parameters
    ----------
    table : all sites; those of split ``train`` are divided into folds
    settings : of the pipeline and of the validation
    final : the pipeline fitted on all training sites, which scores the test sites; fitted here
        where there are test sites and it is not given
    cache : of finished folds, keyed by table, settings, design, fold and library versions
    progress : called after each fold
    domain : points of the region that the map covers; where there is none, the designs that need
        it are left out, which the notes of the result say

    Raises
    ------
    TrainingError
        Too few sites or groups for the folds, or no site of split ``train``.
    """
    train = training_rows(table)
    designs_asked, notes = designs_of(settings, domain)
    notes += _above_bound(table.rows(train), settings)
    jobs = list(_jobs(table, train, settings, designs_asked, domain))
    done: dict[str, dict[str, Any]] = {}
    for job in jobs:
        kept = None if cache is None else cache.get(job.key)
        if kept is not None:
            done[job.key] = kept
            _tell(progress, f"{job.design} fold {job.fold + 1} (kept)", len(done), len(jobs))
    left = [job for job in jobs if job.key not in done]
    for key, fold in _run(table, settings, left, domain):
        done[key] = fold
        if cache is not None:
            cache.put(key, fold)
        _tell(progress, f"{fold['design']} fold {fold['fold'] + 1}", len(done), len(jobs))
    designs: dict[str, HeldOut] = {}
    for design in designs_asked:
        folds = [(job, done[job.key]) for job in jobs if job.design == design]
        designs[design] = _pooled(table, design, folds)
        if design == "random" and domain is not None:
            designs["random_weighted"] = _weighted(designs[design], table, train, domain, settings)
    return ValidationResult(
        designs=designs,
        test=_on_test_sites(table, train, settings, final, domain),
        transform=TargetTransform(settings.target.transform),
        seed=settings.seed,
        distances=distance_report(table, train, domain, settings.validation, designs),
        notes=notes,
    )


def training_rows(table: SampleTable) -> np.ndarray:
    """Return the positions of the sites that may be learned from."""
    rows = np.flatnonzero(table.split == "train")
    if not rows.size:
        raise TrainingError("no site has split 'train', so there is nothing to learn from")
    return rows


def _above_bound(table: SampleTable, settings: LearningSettings) -> tuple[str, ...]:
    """Say how many sites hold more than the covariate allows that bounds the target."""
    covariate = settings.target.maximum_covariate
    above, unknown = int((table.target > table.maximum).sum()), int(np.isnan(table.maximum).sum())
    if covariate is None or not above + unknown:
        return ()
    return (
        f"{covariate} bounds the target: {above} of {table.n} training sites hold more than it "
        f"allows, and at {unknown} it is missing",
    )


def _jobs(
    table: SampleTable,
    train: np.ndarray,
    settings: LearningSettings,
    designs: tuple[str, ...],
    domain: DomainSample | None,
) -> Iterator[_Job]:
    places = places_of(table.rows(train), domain, settings.validation)
    for design in designs:
        folds: list[Split] = []
        for repeat in range(settings.validation.repeats if design == "random" else 1):
            folds += splitter(
                design,
                table.group[train],
                settings.validation.folds,
                seed_for(settings.seed, "outer folds", design, *([repeat] if repeat else [])),
                "validation.folds",
                places,
            )
        _require_learnable_folds(design, folds, len(train), settings)
        for number, (inner, held_out) in enumerate(folds):
            split = train[inner], train[held_out]
            key = fold_key(table, settings, split, domain, design=design, fold=number)
            yield _Job(design, number, split, key)


def _require_learnable_folds(
    design: str, folds: list[Split], sites: int, settings: LearningSettings
) -> None:
    """Raise where a fold leaves too few sites: there are more, so that none seems lost."""
    fewest = min(len(inner) for inner, _ in folds)
    if fewest < FEWEST_ROWS:
        raise TrainingError(
            f"{counted(sites, 'site')} to train on: the largest of the {settings.validation.folds} "
            f"outer folds ('{design}') leaves {fewest} to learn from, at least {FEWEST_ROWS} are "
            "needed, and some hundred sites for a map worth having. Measure more; more folds "
            "(validation.folds) leave a little more to each"
        )


def fold_key(
    table: SampleTable,
    settings: LearningSettings,
    split: Split,
    domain: DomainSample | None,
    **of: Any,
) -> str:
    """Return what a finished fold is kept under: all that its values depend on.

    Parameters
    ----------
    split : positions of the rows learned from, and of those held out
    of : plain values that name the fold among those of one table
    """
    document = {
        "fold_version": FOLD_VERSION,
        "table": table.fingerprint,
        # What only says which folds there are, or who works on them, changes no fold.
        "settings": settings.model_dump(
            mode="json", exclude={"validation", "intervals", "applicability"}
        ),
        "libraries": library_versions(),
        "rows": [rows.tolist() for rows in split],
        "inner_designs": _inner_designs(settings, domain),
    }
    document |= of
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _inner_designs(settings: LearningSettings, domain: DomainSample | None) -> Any:
    """What the folds inside the pipeline depend on besides its own settings."""
    in_space = {"block", "knndm"} & set(settings.selection.designs)
    if not in_space and settings.fusion.site_weights == "measurement":
        return None
    names = {"space", "projection", "maximum_share", "block_size_km"}
    space = settings.validation.model_dump(mode="json", include=names)
    return [space, None if domain is None else domain.fingerprint]


def _run(
    table: SampleTable,
    settings: LearningSettings,
    jobs: list[_Job],
    domain: DomainSample | None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield folds as they finish, each with its key."""
    workers = min(settings.validation.workers or cpu_count(), max(len(jobs), 1))
    if workers == 1:
        for job in jobs:
            yield job.key, fit_and_predict(table, settings, job.design, job.fold, job.split, domain)
        return
    with parallel_config(backend="loky", inner_max_num_threads=1):
        finished = Parallel(n_jobs=workers, return_as="generator_unordered")(
            delayed(_keyed)(job.key, table, settings, job.design, job.fold, job.split, domain)
            for job in jobs
        )
        yield from finished


def _keyed(key: str, *arguments: Any) -> tuple[str, dict[str, Any]]:
    return key, fit_and_predict(*arguments)


def fit_and_predict(
    table: SampleTable,
    settings: LearningSettings,
    design: str,
    fold: int,
    split: Split,
    domain: DomainSample | None = None,
) -> dict[str, Any]:
    """Fit the pipeline on the training rows of a fold and predict the rows held out.

    Returns
    -------
    fold : plain values: design, fold, selected, and for each row held out predicted, clipped,
        transformed, spread, baseline and what each correction would have delivered, None where
        no prediction could be given
    """
    inside, outside = table.rows(split[0]), table.rows(split[1])
    try:
        fitted = MoisturePipeline(settings).fit(inside, domain=domain)
    except TrainingError as error:  # its numbers are the fold's, and no site was lost
        raise TrainingError(
            f"fold {fold + 1} of '{design}', which learns from {inside.n} of the "
            f"{inside.n + outside.n} sites: {error}"
        ) from error
    delivered = fitted.deliver(outside)
    return {
        "design": design,
        "fold": fold,
        "selected": list(fitted.selection.chosen),
        "predicted": _listed(delivered.value),
        "clipped": delivered.clipped.tolist(),
        "transformed": _listed(delivered.transformed),
        "spread": _listed(delivered.spread),
        "baseline": _listed(_plain_forest(inside, outside, settings.seed)),
        "alternatives": {name: _listed(values) for name, values in delivered.alternatives.items()},
    }


def _plain_forest(inside: SampleTable, outside: SampleTable, seed: int) -> np.ndarray:
    """Predict by what anyone would try first, to show what the rest of the machinery gains."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        BASELINE_TREES, n_jobs=1, random_state=seed_for(seed, "baseline")
    )
    predicted: np.ndarray = forest.fit(inside.values, inside.target).predict(outside.values)
    return predicted


def _on_test_sites(
    table: SampleTable,
    train: np.ndarray,
    settings: LearningSettings,
    final: FittedPipeline | None,
    domain: DomainSample | None,
) -> HeldOut | None:
    rows = np.flatnonzero(table.split == "test")
    if not rows.size:
        return None
    inside, outside = table.rows(train), table.rows(rows)
    fitted = final or MoisturePipeline(settings).fit(inside, domain=domain)
    delivered = fitted.deliver(outside)
    return HeldOut(
        design="test",
        fold=np.zeros(len(rows), dtype=int),
        rows=rows,
        observed=outside.target,
        predicted=delivered.value,
        clipped=delivered.clipped,
        upper=outside.maximum,
        transformed=delivered.transformed,
        spread=delivered.spread,
        baseline=_plain_forest(inside, outside, settings.seed),
        alternatives=delivered.alternatives,
        selected=(fitted.selection.chosen,),
        group=outside.group,
        method=outside.method,
    )


def _weighted(
    random: HeldOut,
    table: SampleTable,
    train: np.ndarray,
    domain: DomainSample,
    settings: LearningSettings,
) -> HeldOut:
    """Score random folds anew with sites weighted by how rare their surroundings are."""
    weight = np.zeros(table.n)
    weight[train] = intensity_weights(table.rows(train), domain, settings.validation)
    return replace(
        random, design="random_weighted", weight=weight[random.rows], borrowed_from="random"
    )


def _pooled(table: SampleTable, design: str, folds: list[tuple[_Job, dict[str, Any]]]) -> HeldOut:
    rows = np.concatenate([job.split[1] for job, _ in folds])

    def pooled(parts: Iterable[list[float | None]]) -> np.ndarray:
        return np.array([value for part in parts for value in part], dtype=np.float64)

    def column(name: str) -> np.ndarray:
        return pooled(fold[name] for _, fold in folds)

    return HeldOut(
        design=design,
        fold=np.concatenate([np.full(len(job.split[1]), job.fold) for job, _ in folds]),
        rows=rows,
        observed=table.target[rows],
        predicted=column("predicted"),
        clipped=column("clipped").astype(bool),
        upper=table.maximum[rows],
        transformed=column("transformed"),
        spread=column("spread"),
        baseline=column("baseline"),
        alternatives={
            name: pooled(fold["alternatives"][name] for _, fold in folds)
            for name in folds[0][1]["alternatives"]
        },
        selected=tuple(tuple(fold["selected"]) for _, fold in folds),
        group=table.group[rows],
        method=table.method[rows],
    )


def _listed(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _tell(progress: ProgressCallback | None, what: str, done: int, total: int) -> None:
    if progress is not None:
        progress(what, done, total)
