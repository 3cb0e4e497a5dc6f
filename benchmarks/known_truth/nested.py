"""The product's nested folds, with every contender predicting the rows that a fold holds out.

In: a table of sites, settings, and a sample of the domain where there is one. Out: for each
design what `local_ml.validation.nested.validate` would pool of our fusion, same folds and same
seeds, and beside it the held-out predictions of the other contenders.
"""

from dataclasses import dataclass, replace

import numpy as np

from known_truth.contenders import Fitted, forest_corrected, stacking
from local_ml.domain import DomainSample
from local_ml.folds.designs import designs_of
from local_ml.folds.distances import inverse_intensity_weights, on_sphere
from local_ml.folds.splitters import places_of, splitter
from local_ml.randomness import seed_for
from local_ml.samples import SampleTable
from local_ml.scores.metrics import r2
from local_ml.settings import LearningSettings
from local_ml.validation.held_out import HeldOut


@dataclass(frozen=True)
class Nested:
    """One design.

    Parameters
    ----------
    held_out : the rows held out, as our fusion predicted them
    predictions : (n,) each, of every contender
    true_r2 : mean R² of the folds' own fusions at other places, where the target was measured
        afresh: what the folds estimate, since each learned from fewer sites than the map does;
        None: not told
    """

    held_out: HeldOut
    predictions: dict[str, np.ndarray]
    true_r2: float | None = None


def nested(
    table: SampleTable,
    settings: LearningSettings,
    domain: DomainSample | None = None,
    others: bool = False,
    fresh: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, Nested]:
    """Hold rows out under each design that the settings name, random ones also weighted.

    Parameters
    ----------
    table : the sites, all to be learned from
    settings : one repeat; distances along great circles
    domain : without it no ``knndm`` and no ``random_weighted``
    others : also the contenders that share no fit with ours, which doubles the time
    fresh : (m, p) values of the features at other places, and (m,) the target measured there
    """
    result: dict[str, Nested] = {}
    places = places_of(table, domain, settings.validation)
    for design in designs_of(settings, domain)[0]:
        folds = splitter(
            design,
            table.group,
            settings.validation.folds,
            seed_for(settings.seed, "outer folds", design),
            "validation.folds",
            places,
        )
        result[design] = _pooled(table, settings, design, folds, domain, others, fresh)
    if domain is not None and "random" in result:
        weight = inverse_intensity_weights(
            on_sphere(table.longitude, table.latitude), on_sphere(domain.longitude, domain.latitude)
        )
        random = result["random"]
        weighted = replace(
            random.held_out,
            design="random_weighted",
            weight=weight[random.held_out.rows],
            borrowed_from="random",
        )
        result["random_weighted"] = replace(random, held_out=weighted)
    return result


def _pooled(
    table: SampleTable,
    settings: LearningSettings,
    design: str,
    folds: list[tuple[np.ndarray, np.ndarray]],
    domain: DomainSample | None,
    others: bool,
    fresh: tuple[np.ndarray, np.ndarray] | None,
) -> Nested:
    predictions: dict[str, list[np.ndarray]] = {}
    transformed, spread, selected, true = [], [], [], []
    for train, test in folds:
        inside, outside = table.rows(train), table.rows(test)
        fitted = Fitted.on(inside, settings, domain)
        found = fitted.predict(outside)
        if others:
            for function in (stacking, forest_corrected):
                found[function.__name__] = function(fitted, inside, outside.values, settings)
        for name, values in found.items():
            predictions.setdefault(name, []).append(values)
        transformed.append(fitted.pipeline.predict_transformed(outside))
        spread.append(fitted.pipeline.predict_spread(outside))
        selected.append(fitted.pipeline.selection.chosen)
        if fresh is not None:
            true.append(r2(fresh[1], fitted.pipeline.predict(fresh[0])))
    rows = np.concatenate([test for _, test in folds])
    pooled = {name: np.concatenate(parts) for name, parts in predictions.items()}
    held_out = HeldOut(
        design=design,
        fold=np.concatenate([np.full(len(test), k) for k, (_, test) in enumerate(folds)]),
        rows=rows,
        observed=table.target[rows],
        predicted=pooled["fusion"],
        transformed=np.concatenate(transformed),
        spread=np.concatenate(spread),
        baseline=np.full(len(rows), np.nan),
        selected=tuple(selected),
        group=table.group[rows],
        method=table.method[rows],
    )
    return Nested(held_out, pooled, float(np.mean(true)) if true else None)
