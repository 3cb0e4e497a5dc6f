"""Everything that is fitted, in one object: what validation refits in each fold and training fits.

In: a table of training rows. Out: a fitted pipeline that predicts the target in its own unit.
Imputation, selection, members, weights and calibration are all fitted inside `fit`, on the rows
given and no others. A pipeline holds settings and never a fitted state, so that a fold cannot
inherit anything from another.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from local_ml.domain import DomainSample
from local_ml.errors import PredictionError, TrainingError
from local_ml.folds.splitters import intensity_weights, places_of
from local_ml.learning.ensemble import (
    OutOfFoldPredictions,
    fit_members,
    out_of_fold,
    predict_members,
)
from local_ml.learning.fusion import fit_alternatives, fit_fusion, precision_weights
from local_ml.learning.learners import Member
from local_ml.learning.residual_model import cross_fitted, fit_residual_model
from local_ml.learning.selection import SelectionResult, select_features
from local_ml.names import counted
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.prediction.fusion_rule import FusionRule, with_fused
from local_ml.prediction.interval_rule import members_spread
from local_ml.prediction.maximum_rule import MaximumRule
from local_ml.prediction.target_transform import TargetTransform
from local_ml.samples import SampleTable
from local_ml.settings import FEWEST_ROWS, LearningSettings

FIT_PARTS = ("covariates selected", "rows held out and predicted", "members fitted")
"""What `MoisturePipeline.fit` tells of, in this order."""


@dataclass(frozen=True)
class Delivered:
    """Predictions of n rows; NaN where none can be given.

    Parameters
    ----------
    value : (n,) float64, in the target's unit, within its bounds
    clipped : (n,) bool, where a bound was put in the place of the value
    transformed : (n,) calibrated, on the transformed scale, not clipped
    spread : (n,) how far the members stand apart, on the transformed scale
    alternatives : (n,) each, as `value`: what each correction would have delivered
    """

    value: np.ndarray
    clipped: np.ndarray
    transformed: np.ndarray
    spread: np.ndarray
    alternatives: dict[str, np.ndarray]


@dataclass(frozen=True)
class FittedPipeline:
    """A fitted model of the target.

    Parameters
    ----------
    candidates : names of the features of the table that it was fitted on
    selection : what was kept and why
    encoding : of the features kept
    members : fitted on all rows used
    rule : how their predictions become the delivered value
    out_of_fold : their held-out predictions of the rows used
    used_rows : (n_used,) positions in the table; the others miss a value in a feature kept
    weight : (n_used,) of the sites, mean 1
    alternatives : rules of every correction, fitted on the same predictions, to be scored beside
        `rule`
    residual_model : forest of the out-of-fold residuals, for the correction of that name
    maximum : which covariate bounds the target at each place; None: the constant bound alone
    """

    candidates: tuple[str, ...]
    selection: SelectionResult
    encoding: FeatureEncoding
    members: dict[str, Member]
    rule: FusionRule
    out_of_fold: OutOfFoldPredictions
    used_rows: np.ndarray
    weight: np.ndarray
    alternatives: dict[str, FusionRule]
    residual_model: Member
    maximum: MaximumRule | None = None

    def predict(self, table: SampleTable | np.ndarray) -> np.ndarray:
        """Return the delivered values, (n,) float64, target's unit; NaN where none can be given.

        Parameters
        ----------
        table : features are taken by name; or an array (n, candidates) in their order
        """
        return self.deliver(table).value

    def predict_transformed(self, table: SampleTable | np.ndarray) -> np.ndarray:
        """Return the calibrated predictions, (n,), transformed scale, not clipped."""
        return self.deliver(table).transformed

    def predict_alternatives(self, table: SampleTable | np.ndarray) -> dict[str, np.ndarray]:
        """Return what each correction would have delivered; units and NaN as in `predict`."""
        return self.deliver(table).alternatives

    def predict_spread(self, table: SampleTable | np.ndarray) -> np.ndarray:
        """Return how far the members stand apart, (n,), transformed scale; NaN as in `predict`."""
        return self.deliver(table).spread

    def deliver(self, table: SampleTable | np.ndarray) -> Delivered:
        """Return all that can be said of rows; the members predict once. `table` as above."""
        matrix, valid, X = self.member_predictions(table)
        upper = self._upper(table)
        fused, added = self.rule.fuse(matrix), np.zeros(len(matrix))
        if valid.any():
            added[valid] = self.residual_model.predict(with_fused(X, fused[valid]))

        def known(values: np.ndarray) -> np.ndarray:
            return np.where(valid, values, np.nan)

        value, clipped = self.rule.deliver(matrix, upper, added)
        return Delivered(
            value=known(value),
            clipped=clipped & valid,
            transformed=known(self.rule.calibrate(fused, added)),
            spread=known(members_spread(matrix)),
            alternatives={
                name: known(rule.deliver(matrix, upper, added)[0])
                for name, rule in self.alternatives.items()
            },
        )

    def _upper(self, table: SampleTable | np.ndarray) -> np.ndarray | None:
        """Return the bound of each row by a covariate, (n,), NaN where there is none."""
        if isinstance(table, SampleTable):
            return table.maximum
        if self.maximum is None:
            return None
        name = self.maximum.covariate.name
        if name not in self.candidates:
            raise PredictionError(
                f"values of the candidates alone don't hold '{name}', which bounds the target: "
                "give the table"
            )
        return self.maximum.bound(table[:, self.candidates.index(name)])

    def member_predictions(
        self, table: SampleTable | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the members' predictions, which rows have any, and the matrix of those rows.

        Parameters
        ----------
        table : n rows; an array holds all candidates, (n, candidates)

        Returns
        -------
        predictions : (n, members) float64, transformed scale; 0 where a row has none
        valid : (n,) bool
        matrix : (valid rows, columns) float32, the model matrix

        Raises
        ------
        PredictionError
            Not one column a candidate.
        """
        if isinstance(table, SampleTable):
            values = table.with_features(self.selection.chosen).values
        else:
            if table.ndim != 2 or table.shape[1] != len(self.candidates):
                raise PredictionError(
                    f"values of shape {table.shape} do not fit the {len(self.candidates)} "
                    "candidates that the model was trained with"
                )
            columns = [self.candidates.index(name) for name in self.selection.chosen]
            values = table[:, columns]
        valid = self.encoding.valid(values)
        predictions = np.zeros((len(values), len(self.members)))
        X = self.encoding.encode(values[valid])
        if valid.any():
            predictions[valid] = predict_members(self.members, X)
        return predictions, valid, X


@dataclass(frozen=True)
class MoisturePipeline:
    """Selection, ensemble and fusion, with their settings."""

    settings: LearningSettings

    def fit(
        self,
        table: SampleTable,
        explain: bool = False,
        domain: DomainSample | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> FittedPipeline:
        """Fit everything on the rows of the table.

        Parameters
        ----------
        table : training rows alone; its column `split` is not looked at
        explain : also compute the SHAP values of the held-out rows
        domain : points of the region, which folds of design ``knndm`` and weights by sampling
            intensity need
        tell : called with each of `FIT_PARTS` when it is done

        Raises
        ------
        TrainingError
            Too few rows or groups, a constant target, or nothing to learn from.
        """
        settings, seed = self.settings, self.settings.seed
        _require_learnable(table, "")
        if settings.target.maximum_covariate is not None and np.isnan(table.maximum).all():
            raise TrainingError(
                f"target.maximum_covariate is {settings.target.maximum_covariate!r}, but it is "
                "known at none of the training sites (a table made in memory learns it by "
                "`SampleTable.bounded`)"
            )
        response = TargetTransform(settings.target.transform).forward(table.target)
        # Places are found anew from the rows given: nothing of an outer fold's test rows is left.
        places = None
        if {"block", "knndm"} & set(settings.selection.designs):
            places = places_of(table, domain, settings.validation)
        selection = select_features(
            table, response, settings.selection, settings.ensemble, seed, places
        )
        tell = tell or (lambda _: None)
        tell(FIT_PARTS[0])
        kept = table.with_features(selection.chosen)
        encoding = FeatureEncoding.fit(kept.features, kept.values)
        used_rows = np.flatnonzero(encoding.valid(kept.values))
        used, response = kept.rows(used_rows), response[used_rows]
        _require_learnable(
            used,
            f" that have a value in every feature kept ({', '.join(kept.names)}); "
            "another rule for missing values of a feature keeps more",
        )
        encoding = FeatureEncoding.fit(used.features, used.values)
        measured = used.target_sd
        if settings.target.transform == "log":
            measured = measured / used.target  # the first-order error of a logarithm
        weight = precision_weights(measured, selection.rmse**2)
        held_out = out_of_fold(
            used, response, settings.ensemble, settings.fusion, seed, weight, explain
        )
        tell(FIT_PARTS[1])
        X = encoding.encode(used.values)
        weight_in_fusion = weight * self._rarity(used, domain)
        weight_in_fusion /= weight_in_fusion.mean()
        residual_model, added = self._residuals(X, held_out, response, weight_in_fusion)
        members = fit_members(X, response, settings.ensemble, seed, weight)
        tell(FIT_PARTS[2])
        return FittedPipeline(
            candidates=table.names,
            selection=selection,
            encoding=encoding,
            members=members,
            rule=fit_fusion(
                held_out, response, settings.target, settings.fusion, weight_in_fusion, added
            ),
            alternatives=fit_alternatives(
                held_out, response, settings.target, settings.fusion, weight_in_fusion, added
            ),
            residual_model=residual_model,
            out_of_fold=held_out,
            used_rows=used_rows,
            weight=weight,
            maximum=table.bounding,
        )

    def _rarity(self, used: SampleTable, domain: DomainSample | None) -> np.ndarray:
        """Return what the sites' surroundings add to their weight in the fusion, (n,)."""
        if self.settings.fusion.site_weights == "measurement":
            return np.ones(used.n)
        if domain is None:
            raise TrainingError(
                "fusion.site_weights is 'measurement_and_intensity', but without points of the "
                "domain (domain.csv; domain.pixels above 0) nobody can tell how densely which "
                "part of the region was sampled"
            )
        return intensity_weights(used, domain, self.settings.validation)

    def _residuals(
        self,
        X: np.ndarray,
        held_out: OutOfFoldPredictions,
        response: np.ndarray,
        weight: np.ndarray,
    ) -> tuple[Member, np.ndarray | None]:
        """Fit the residual model, and tell what it adds to rows that it did not know.

        The latter only where something is made of it: the smearing of a logarithm.
        """
        settings, seed = self.settings, self.settings.seed
        plain = settings.fusion.model_copy(update={"correction": "none", "variance_dial": 0.0})
        rule = fit_fusion(held_out, response, settings.target, plain, weight)
        fused, rows = rule.fuse(held_out.predictions), held_out.rows
        residual = response[rows] - fused
        model = fit_residual_model(X[rows], fused, residual, settings.ensemble, seed, weight[rows])
        if settings.target.transform == "none":
            return model, None
        added = cross_fitted(
            X[rows], fused, residual, held_out, settings.ensemble, seed, weight[rows]
        )
        return model, added


def _require_learnable(table: SampleTable, which: str) -> None:
    if table.n < FEWEST_ROWS:
        raise TrainingError(
            f"{counted(table.n, 'training site')}{which}: at least {FEWEST_ROWS} are needed, and "
            "some hundred for a map worth having"
        )
    if np.ptp(table.target) == 0:
        raise TrainingError(
            f"the target is {table.target[0]:g} at all {table.n} training sites{which}: "
            "there is nothing to learn"
        )
