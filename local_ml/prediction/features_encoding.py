"""From covariate values to the columns that the trees see.

In: values of the features, float32, (n, features), in each feature's own unit, NaN where
missing. Out: the model matrix, float32, (n, columns), and for each row whether a prediction
may be made of it. The same rules hold for rows of the training table and for pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from local_ml.errors import PredictionError, TrainingError
from local_ml.features import Feature

# float32 holds every whole number up to here, so a larger code could be mistaken for its neighbour.
LARGEST_LEVEL = 2**24


@dataclass(frozen=True)
class FeatureEncoding:
    """One-hot columns of categorical features, imputation, and the validity of rows.

    A value that is not finite (NaN, or an infinity) counts as missing. What that does to its row
    is the feature's own rule: ``nodata`` makes the row invalid; ``native`` hands NaN to the trees
    (in every column of a categorical feature); ``impute`` puts the median of the training rows.
    A level that a categorical feature does not list makes the row invalid under any rule.

    Parameters
    ----------
    features : in the order of the columns of `values`
    medians : one a feature, in its unit: the fill value under ``impute``, None under other rules

    Raises
    ------
    ValueError
        The parameters contradict each other.
    """

    features: tuple[Feature, ...]
    medians: tuple[float | None, ...]

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features]
        if not names:
            raise ValueError("no features: at least one is needed to predict from")
        if len(set(names)) < len(names):
            raise ValueError(f"a feature is named twice in {names}")
        if len(self.medians) != len(names):
            raise ValueError(f"{len(self.medians)} medians for {len(names)} features")
        for feature, median in zip(self.features, self.medians, strict=True):
            _check(feature)
            if (feature.missing == "impute") != (median is not None):
                raise ValueError(
                    f"feature {feature.name}: a median goes with missing='impute' and with no "
                    f"other rule; the rule is {feature.missing!r}, the median {median}"
                )
            if median is not None and not np.isfinite(median):
                raise ValueError(f"feature {feature.name}: the median {median} is not finite")

    @classmethod
    def fit(cls, features: Sequence[Feature], values: np.ndarray) -> "FeatureEncoding":
        """Take the medians of the rows given; they must be training rows alone.

        Parameters
        ----------
        features : in the order of the columns of `values`
        values : (n, features) float32, NaN where missing

        Raises
        ------
        TrainingError
            A rule that the feature cannot have, or nothing to take a median of.
        """
        medians: list[float | None] = []
        for index, feature in enumerate(features):
            if feature.missing != "impute":
                medians.append(None)
                continue
            column = np.asarray(values[:, index], dtype=np.float64)
            present = column[np.isfinite(column)]
            if not present.size:
                raise TrainingError(
                    f"feature {feature.name} is missing in all {len(column)} training rows, so "
                    "that missing='impute' has no median; leave it out or set another rule"
                )
            medians.append(float(np.median(present)))
        try:
            return cls(tuple(features), tuple(medians))
        except ValueError as fault:
            raise TrainingError(str(fault)) from None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the model's columns: ``twi``, or ``soil=1``, ``soil=2``."""
        return tuple(name for _, _, name in self._columns())

    def column_feature(self) -> tuple[int, ...]:
        """Return for each column the index of its feature."""
        return tuple(index for index, _, _ in self._columns())

    def unseen_level(self, values: np.ndarray) -> np.ndarray:
        """Return for each row, (n,) bool, whether some code in it is no level of its feature."""
        return self.encode_columns(self._require_shape(values).T)[2]

    def valid(self, values: np.ndarray) -> np.ndarray:
        """Return for each row, (n,) bool, whether a prediction may be made of it."""
        return self.encode_columns(self._require_shape(values).T)[1]

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return the model matrix.

        Rows that are not `valid` are encoded too (missing as NaN, an unseen level as zeros); the
        caller leaves them out.

        Parameters
        ----------
        values : (n, features) float32, NaN where missing

        Returns
        -------
        matrix : (n, columns) float32
        """
        return np.ascontiguousarray(self.encode_columns(self._require_shape(values).T)[0].T)

    def encode_columns(
        self, values: Sequence[np.ndarray] | np.ndarray, further: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the columns of the model matrix, and of what a prediction may be made.

        Parameters
        ----------
        values : for each feature an array, float32, of any shape that they share, NaN where missing
        further : columns behind them that the caller fills

        Returns
        -------
        columns : (columns + further, *shape) float32
        valid : (*shape) bool
        unseen : (*shape) bool, where some code is no level of its feature
        """
        shape = values[0].shape
        columns = np.empty((len(self.columns) + further, *shape), np.float32)
        valid, unseen = np.ones(shape, bool), np.zeros(shape, bool)
        free = iter(columns)
        for feature, median, column in zip(self.features, self.medians, values, strict=True):
            known = np.isfinite(column)
            gaps = None if known.all() else ~known
            if gaps is not None and feature.missing == "nodata":
                valid &= known
            parts = [column]
            if feature.levels is not None:
                parts = [column == np.float32(level) for level in feature.levels]
                unseen |= known & ~np.logical_or.reduce(parts)
            for part in parts:
                encoded = next(free)
                encoded[...] = part
                if gaps is not None:
                    np.copyto(encoded, np.float32(np.nan if median is None else median), where=gaps)
        return columns, valid & ~unseen, unseen

    def _columns(self) -> Iterator[tuple[int, int | None, str]]:
        for index, feature in enumerate(self.features):
            if feature.levels is None:
                yield index, None, feature.name
            else:
                for level in feature.levels:
                    yield index, level, f"{feature.name}={level}"

    def _require_shape(self, values: np.ndarray) -> np.ndarray:
        values = np.asarray(values, dtype=np.float32)
        if values.ndim != 2 or values.shape[1] != len(self.features):
            raise PredictionError(
                f"values of shape {values.shape} do not fit {len(self.features)} features "
                f"({', '.join(feature.name for feature in self.features)}); "
                "one column a feature is needed"
            )
        return values


def _check(feature: Feature) -> None:
    if feature.missing not in ("nodata", "native", "impute"):
        raise ValueError(
            f"feature {feature.name}: missing={feature.missing!r} is no rule; "
            "set 'nodata', 'native' or 'impute'"
        )
    if feature.levels is None:
        return
    if feature.missing == "impute":
        raise ValueError(
            f"feature {feature.name} is categorical, and a median of codes means nothing; "
            "set missing='nodata' or 'native' for it"
        )
    if not feature.levels:
        raise ValueError(f"feature {feature.name} is categorical but lists no levels")
    if list(feature.levels) != sorted(set(feature.levels)):
        raise ValueError(
            f"feature {feature.name}: levels must ascend without repeats: {feature.levels}"
        )
    if max(map(abs, feature.levels)) > LARGEST_LEVEL:
        raise ValueError(
            f"feature {feature.name}: codes beyond ±{LARGEST_LEVEL} are not exact in float32; "
            "renumber its levels"
        )
