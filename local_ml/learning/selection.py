"""Elimination of features by SHAP values on held-out rows, with probes of noise (SHAP-RFE).

In: training rows alone, and their target on the transformed scale. Out: the features kept, the
reason why each other one was dropped, and the error at every step, on the transformed scale.

The score of a selection never comes from here: the folds that choose a set flatter it. The
nested folds of `validation` repeat all of this on their own training rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
import pandas as pd
from sklearn import config_context

from local_ml.errors import TrainingError
from local_ml.features import Feature
from local_ml.folds.splitters import Places, Split, splitter
from local_ml.learning.importance import mean_absolute_shap
from local_ml.learning.learners import make_light_member, require_varying
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.randomness import seed_for, stream
from local_ml.samples import SampleTable
from local_ml.settings import EnsembleSettings, SelectionSettings


@dataclass(frozen=True)
class Dropped:
    """A candidate that was not kept, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class PathStep:
    """The error of one set of features.

    `rmse` pools the rows held out in the inner folds of all designs, on the transformed scale,
    for the plain mean of the members. `standard_error` is that of the rmse's excess over the least
    one of the path: all sets are held out on the same rows, so only the difference counts.
    """

    features: tuple[str, ...]
    rmse: float
    standard_error: float

    @property
    def n(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class SelectionResult:
    """What the elimination did.

    Parameters
    ----------
    candidates : all names, in the order of the table
    chosen : the names kept, in that order
    dropped : every other candidate with its reason
    path : the steps, from the most features to the fewest
    importance : share of the mean |SHAP| of each feature kept, averaged over members and folds
    rmse : held-out error of the set kept, on the transformed scale
    note : what the user should know; empty where nothing is odd
    """

    candidates: tuple[str, ...]
    chosen: tuple[str, ...]
    dropped: tuple[Dropped, ...]
    path: tuple[PathStep, ...]
    importance: dict[str, float]
    rmse: float
    note: str


@dataclass(frozen=True)
class _Round:
    """One set of features, fitted and held out in all inner folds."""

    features: tuple[str, ...]
    squared_errors: np.ndarray
    importance: dict[str, float]
    probes: tuple[float, ...]

    @property
    def n(self) -> int:
        return len(self.features)

    @property
    def rmse(self) -> float:
        return sqrt(float(self.squared_errors.mean()))

    def ascending(self) -> list[str]:
        """Names from the least important on; of equals, the one of lower priority first."""
        priority = list(self.importance)
        return sorted(priority, key=lambda name: (self.importance[name], -priority.index(name)))


def select_features(
    table: SampleTable,
    response: np.ndarray,
    selection: SelectionSettings,
    ensemble: EnsembleSettings,
    seed: int,
    places: Places | None = None,
) -> SelectionResult:
    """Choose the features to keep.

    1. Constant candidates and those missing too often are dropped; of candidates that correlate
       too closely the first in the table stays, since they would share out the SHAP values
       between them and fall together.
    2. Candidates ranked below the median of the probes, columns of noise, are dropped.
    3. Of those left, each step drops the share with the least mean |SHAP| on held-out rows,
       normalised within each member and averaged over members and folds. Sets are scored near
       the sites (random folds) and away from them (grouped folds) alike, since a map holds
       pixels of both kinds: random folds alone keep what merely tells the clusters apart,
       grouped ones alone are too few to tell ten features from two.
    4. The set that `selection.rule` names is chosen, and held against the probes once more:
       ``least_error``; or ``one_standard_error``, the smallest whose error exceeds the least by
       no more than one standard error (after Breiman, Friedman, Olshen and Stone 1984,
       Classification and Regression Trees, 3.4.3); or ``probes``, all that step 2 left, and no
       step 3. The standard error is that of the paired difference, clustered by group. That of
       the error itself, which the book takes, holds how much folds of clustered sites differ in
       difficulty, the same for every set: it is so wide that it throws away what the sites
       support. What each rule costs on maps of known truth is told in docs/statistics.md.

    Parameters
    ----------
    table : training rows
    response : (n,) target on the transformed scale
    selection, ensemble : settings
    seed : of the study
    places : where the rows and the domain lie, for inner folds drawn in space

    Raises
    ------
    TrainingError
        No candidate is left after the first step, none varies in some fold, or there are too
        few rows or groups.
    """
    names, dropped = usable(table, selection)
    if not names:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in dropped.items())
        raise TrainingError(f"no covariate can be learned from ({reasons})")
    work = Elimination(table, response, selection, ensemble, seed, places)
    if not selection.enabled:
        only = work.round(names)
        return _result(table, only, [only], dropped, "selection is switched off")

    names, weak = work.against_probes(names)
    dropped |= dict.fromkeys(weak, "ranked below the probes of noise among all candidates")
    path = work.walk(names)
    position, why = _chosen(path, selection.rule, table.group)
    chosen = path[position]
    for name in names:
        if name not in chosen.features:
            dropped[name] = why
    kept, weak = work.against_probes(chosen.features)
    if weak:
        dropped |= dict.fromkeys(weak, "ranked below the probes of noise among those chosen")
        chosen = work.round(kept)
        path.append(chosen)
    return _result(table, chosen, path, dropped, _note(kept, work.below_probes(kept)))


def _note(kept: Sequence[str], below: Sequence[str]) -> str:
    """Say which covariates were kept although they rank below the probes of noise."""
    if not below:
        return ""
    if len(below) == len(kept):
        return "no more than noise: no covariate kept ranks above the probes of noise"
    return (
        f"{len(below)} of the {len(kept)} covariates kept rank below the probes of noise: "
        f"{', '.join(below)}"
    )


def usable(
    table: SampleTable, selection: SelectionSettings
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the candidates that take part in the elimination, and why the others don't."""
    if not selection.enabled:
        return table.names, {}
    dropped = _unusable(table, selection.maximum_missing)
    dropped |= _clustered(table, [n for n in table.names if n not in dropped], selection)
    return tuple(name for name in table.names if name not in dropped), dropped


def _chosen(path: Sequence[_Round], rule: str, group: np.ndarray) -> tuple[int, str]:
    """Return the position of the set that the rule keeps, and why the others fall."""
    if rule == "probes":
        return 0, ""
    if rule == "least_error":
        least = min(range(len(path)), key=lambda position: path[position].rmse)
        return least, "eliminated: the error is least without it"
    return (
        smallest_within_one_standard_error(path, group),
        "eliminated: without it the error grows by less than one standard error",
    )


def smallest_within_one_standard_error(path: Sequence[_Round], group: np.ndarray) -> int:
    """Return the position of the smallest set that is not worse than the best by more than 1 SE."""
    best = min(path, key=lambda entry: entry.rmse)
    good = []
    for position, entry in enumerate(path):
        excess = entry.squared_errors - best.squared_errors
        if excess.mean() <= clustered_standard_error(excess, group):
            good.append(position)
    return min(good, key=lambda position: (path[position].n, path[position].rmse))


def clustered_standard_error(values: np.ndarray, group: np.ndarray) -> float:
    """Return the standard error of a mean of values that depend on each other within groups.

    With G groups, n values and the sum D_g of the deviations from the mean within a group:
    sqrt(G / (G - 1) · Σ D_g²) / n (Liang and Zeger 1986, doi:10.1093/biomet/73.1.13, for a mean).

    Parameters
    ----------
    values : (n,)
    group : (n,). Of a single group nothing can be told; each row then counts as its own
    """
    names, position = np.unique(group, return_inverse=True)
    if len(names) == 1:
        position = np.arange(len(values))
    sums = np.bincount(position, weights=values - values.mean())
    return sqrt(len(sums) / (len(sums) - 1) * float(sums @ sums)) / len(values)


class Elimination:
    """The rows, folds and settings that all rounds of one elimination share."""

    def __init__(
        self,
        table: SampleTable,
        response: np.ndarray,
        selection: SelectionSettings,
        ensemble: EnsembleSettings,
        seed: int,
        places: Places | None = None,
    ) -> None:
        self.table = table
        self.response = response
        self.selection = selection
        self.ensemble = ensemble
        self.seed = seed
        self.folds: list[Split] = [
            split
            for design in selection.designs
            for split in splitter(
                design,
                table.group,
                selection.folds,
                seed_for(seed, "selection folds", design),
                "selection.folds",
                places,
            )
        ]
        noise = stream(seed, "selection probes").normal(size=(table.n, selection.probes))
        self.noise = noise.astype(np.float32)
        self.probed: dict[tuple[str, ...], _Round] = {}

    def round(self, names: tuple[str, ...], probes: bool = False) -> _Round:
        """Fit and hold out one set of features in every fold."""
        part = self.table.with_features(names)
        features = [_native(feature) for feature in part.features]
        n_probes = self.selection.probes if probes else 0
        total = np.zeros(len(names) + n_probes)
        squared_errors = np.zeros(self.table.n)
        for fold, (train, test) in enumerate(self.folds):
            encoding = FeatureEncoding.fit(features, part.values[train])
            X = np.hstack([encoding.encode(part.values), self.noise[:, :n_probes]])
            column_feature = [*encoding.column_feature(), *range(len(names), len(total))]
            require_varying(X[train])
            fused = np.zeros(len(test))
            for name in self.selection.members:
                member = make_light_member(
                    name, self.selection, self.ensemble, seed_for(self.seed, "light", name, fold)
                )
                # The settings were checked already; scikit-learn would check them tree by tree.
                with config_context(skip_parameter_validation=True):
                    member.fit(X[train], self.response[train])
                fused += member.predict(X[test]) / len(self.selection.members)
                share = mean_absolute_shap(name, member, X[test], column_feature)
                total += share / max(share.sum(), np.finfo(float).tiny)
            squared = (self.response[test] - fused) ** 2
            squared_errors[test] += squared / len(self.selection.designs)
        total /= max(total.sum(), np.finfo(float).tiny)
        importance = dict(zip(names, total[: len(names)].tolist(), strict=True))
        return _Round(names, squared_errors, importance, tuple(total[len(names) :].tolist()))

    def walk(self, names: tuple[str, ...]) -> list[_Round]:
        """Return the rounds from all names down; only the first where nothing is eliminated."""
        path = [self.round(names)]
        fewest = self.selection.minimum_features
        while self.selection.rule != "probes" and path[-1].n > fewest:
            last = path[-1]
            n_drop = min(ceil(self.selection.drop_share * last.n), last.n - fewest)
            out = set(last.ascending()[:n_drop])
            path.append(self.round(tuple(name for name in last.features if name not in out)))
        return path

    def against_probes(self, names: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
        """Return the names that rank above the probes' median, and those that don't.

        The best `minimum_features` stay in any case.
        """
        if not self.selection.probes:
            return names, []
        ranked = self._probed(names)
        bar = float(np.median(ranked.probes))
        best = ranked.ascending()[-self.selection.minimum_features :]
        kept = tuple(name for name in names if ranked.importance[name] >= bar or name in best)
        return kept, [name for name in names if name not in kept]

    def below_probes(self, names: tuple[str, ...]) -> list[str]:
        """Return the names that rank below the probes' median, whether or not they must stay."""
        if not self.selection.probes:
            return []
        ranked = self._probed(names)
        bar = float(np.median(ranked.probes))
        return [name for name in names if ranked.importance[name] < bar]

    def _probed(self, names: tuple[str, ...]) -> _Round:
        if names not in self.probed:
            self.probed[names] = self.round(names, probes=True)
        return self.probed[names]


def _native(feature: Feature) -> Feature:
    # While sets are compared, all must be scored on the same rows: a missing value is left to
    # the trees, also where it will cost the row its prediction.
    return replace(feature, missing="native") if feature.missing == "nodata" else feature


def _unusable(table: SampleTable, maximum_missing: float) -> dict[str, str]:
    dropped = {}
    for name, column in zip(table.names, table.values.T, strict=True):
        present = column[np.isfinite(column)]
        missing = 1 - len(present) / table.n
        if not present.size:
            dropped[name] = "missing at every site"
        elif missing > maximum_missing:
            dropped[name] = f"missing at {missing:.0%} of the sites"
        elif present.min() == present.max():
            dropped[name] = f"constant ({present[0]:g} at every site)"
    return dropped


def _clustered(
    table: SampleTable, names: Sequence[str], selection: SelectionSettings
) -> dict[str, str]:
    """Candidates for which an earlier one of the table stands; codes have no order to compare."""
    ordered = [f.name for f in table.features if f.name in names and not f.categorical]
    frame = pd.DataFrame(table.with_features(ordered).values, columns=ordered)
    rho = frame.corr(method="spearman").abs().to_numpy()
    dropped: dict[str, str] = {}
    standing: list[int] = []
    for position, name in enumerate(ordered):
        near = [other for other in standing if rho[position, other] > selection.correlation]
        if near:
            closest = max(near, key=lambda other: rho[position, other])
            dropped[name] = (
                f"correlates with {ordered[closest]}, which stands for both "
                f"(|Spearman's rho| = {rho[position, closest]:.3f})"
            )
        else:
            standing.append(position)
    return dropped


def _result(
    table: SampleTable, chosen: _Round, path: list[_Round], dropped: dict[str, str], note: str
) -> SelectionResult:
    return SelectionResult(
        candidates=table.names,
        chosen=chosen.features,
        dropped=tuple(Dropped(name, dropped[name]) for name in table.names if name in dropped),
        path=tuple(_told(path, table.group)),
        importance=chosen.importance,
        rmse=chosen.rmse,
        note=note,
    )


def _told(path: list[_Round], group: np.ndarray) -> Iterator[PathStep]:
    best = min(path, key=lambda entry: entry.rmse)
    for entry in path:
        error = clustered_standard_error(entry.squared_errors - best.squared_errors, group)
        # d rmse = d mse / (2 rmse)
        yield PathStep(entry.features, entry.rmse, error / (2 * best.rmse) if best.rmse else 0.0)
