"""What a design of folds says of the model: the sites held out, their scores and intervals.

In: observed and predicted values of held-out sites, target's unit. Out: plain documents for
``validation.json``, scores in the target's unit except where they are shares.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from local_ml.prediction.target_transform import TargetTransform
from local_ml.scores.bootstrap import LEVEL, ScoreIntervals, score_intervals
from local_ml.scores.metrics import bias_by_fifths, scores

BASELINE_TREES = 500


@dataclass(frozen=True)
class HeldOut:
    """Sites held out under one design, all folds pooled; NaN where no prediction could be given.

    Parameters
    ----------
    design : name of the design, or ``test`` for the sites set aside
    fold : (n,) int, counted through all repeats
    rows : (n,) positions in the table; a site is there once a repeat
    observed, predicted, baseline : (n,) target's unit; `baseline` is the plain random forest
    transformed : (n,) calibrated prediction on the transformed scale
    selected : the features kept, fold by fold
    spread : (n,) of the members, transformed scale; None: not told
    group : (n,) sites that are drawn together when the scores' intervals are found; None: each
        site for itself
    method : (n,) how each site was measured; None: not told
    weight : (n,) of the sites in the scores; None: equal. A weighted design borrows the folds and
        predictions of the one named in `borrowed_from`
    borrowed_from : None where folds were fitted for this design
    clipped : (n,) bool, where a physical bound was put in the place of the value; None: not told
    upper : (n,) bound of the place by a covariate, target's unit, NaN where there is none; None:
        the constant bounds alone
    alternatives : (n,) each, target's unit: what other corrections of the fused prediction would
        have delivered, fitted in the same folds; None: not told
    """

    design: str
    fold: np.ndarray
    rows: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    transformed: np.ndarray
    baseline: np.ndarray
    selected: tuple[tuple[str, ...], ...]
    spread: np.ndarray | None = None
    group: np.ndarray | None = None
    method: np.ndarray | None = None
    weight: np.ndarray | None = None
    borrowed_from: str | None = None
    alternatives: dict[str, np.ndarray] | None = None
    clipped: np.ndarray | None = None
    upper: np.ndarray | None = None

    @property
    def scored(self) -> np.ndarray:
        """(n,) bool: the rows that got a prediction."""
        scored: np.ndarray = np.isfinite(self.predicted)
        return scored

    def report(self, transform: TargetTransform, seed: int = 0) -> dict[str, Any]:
        """Return the scores of the design, of each method, and of the baseline on the same sites.

        Parameters
        ----------
        transform : of the target
        seed : of the bootstrap
        """
        scored = self.scored
        n = len(np.unique(self.rows[scored]))
        report: dict[str, Any] = {
            "n": n,
            "folds": len(self.selected),
            "no_prediction": len(np.unique(self.rows)) - n,
            "selected": [list(names) for names in self.selected],
            "borrowed_from": self.borrowed_from,
            "clipped_share": None
            if self.clipped is None or not scored.any()
            else float(self.clipped[scored].mean()),
        }
        report |= self._scores(scored, seed)
        report["baseline"] = report["transformed_scores"] = None
        if scored.any():
            observed, weight = self.observed[scored], self._weight(scored)
            report["baseline"] = {
                "name": f"random forest of {BASELINE_TREES} trees, all candidates, no tuning",
                "scores": plain(scores(observed, self.baseline[scored], weight)),
            }
            if transform.kind != "none":
                forward = transform.forward(observed)
                report["transformed_scores"] = plain(
                    scores(forward, self.transformed[scored], weight)
                )
        report["corrections"] = self._corrections(scored)
        report["by_method"] = self._by_method(scored, seed)
        return report

    def _scores(self, rows: np.ndarray, seed: int) -> dict[str, Any]:
        """Scores, intervals and fifths of the rows where `rows` is true."""
        empty: dict[str, Any] = {
            "scores": None,
            "intervals": None,
            "bias_by_fifth_of_prediction": [],
            "bias_by_fifth_of_observation": [],
        }
        weight = self._weight(rows)
        if not rows.any() or (weight is not None and weight.sum() <= 0):
            return empty
        observed, predicted = self.observed[rows], self.predicted[rows]
        group = (self.rows if self.group is None else self.group)[rows]
        found = score_intervals(observed, predicted, group, weight, seed=seed)
        by_prediction = [
            plain(fifth) for fifth in bias_by_fifths(observed, predicted, "prediction", weight)
        ]
        for number, fifth in enumerate(by_prediction):
            fifth["interval"] = None if found is None else _ends(found.fifths[number])
        return {
            "scores": plain(scores(observed, predicted, weight)),
            "intervals": None if found is None else _intervals(found),
            "bias_by_fifth_of_prediction": by_prediction,
            "bias_by_fifth_of_observation": [
                plain(fifth) for fifth in bias_by_fifths(observed, predicted, "observation", weight)
            ],
        }

    def _corrections(self, rows: np.ndarray) -> dict[str, Any]:
        """What each correction costs and gives, scored where nothing of it was fitted.

        `standard_deviation_ratio` is that of the predictions to the observations: 1 where the
        variance is restored.
        """
        if self.alternatives is None or not rows.any():
            return {}
        observed, weight = self.observed[rows], self._weight(rows)
        share = np.ones(len(observed)) if weight is None else weight
        if share.sum() <= 0:
            return {}
        spread = _standard_deviation(observed, share)
        return {
            name: {
                "scores": plain(scores(observed, predicted[rows], weight)),
                "standard_deviation_ratio": (
                    _standard_deviation(predicted[rows], share) / spread if spread else None
                ),
            }
            for name, predicted in self.alternatives.items()
        }

    def _by_method(self, scored: np.ndarray, seed: int) -> dict[str, Any]:
        if self.method is None:
            return {}
        result = {}
        for name in sorted(set(self.method.tolist())):
            rows = scored & (self.method == name)
            part = self._scores(rows, seed)
            result[name] = {
                "n": len(np.unique(self.rows[rows])),
                "scores": part["scores"],
                "intervals": part["intervals"],
            }
        return result

    def _weight(self, rows: np.ndarray) -> np.ndarray | None:
        return None if self.weight is None else self.weight[rows]


def _standard_deviation(values: np.ndarray, weight: np.ndarray) -> float:
    deviation = values - np.average(values, weights=weight)
    return float(np.sqrt(np.average(deviation**2, weights=weight)))


def plain(numbers: Any) -> dict[str, Any]:
    """Return a mapping whose undefined scores are None, since JSON knows no NaN."""
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in numbers.items()
    }


def _intervals(found: ScoreIntervals) -> dict[str, Any]:
    return {
        "level": LEVEL,
        "clusters": found.clusters,
        **{name: _ends(interval) for name, interval in found.scores.items()},
    }


def _ends(interval: tuple[float, float]) -> list[float] | None:
    return [float(end) for end in interval] if np.isfinite(interval).all() else None
