"""Prediction from a saved model, without the libraries that trained it.

In: the folder of a model bundle (docs/model-bundle.md), and the values of its features as arrays
bound by name, each in the feature's own unit, NaN where missing. Out: the target and its interval
in their own unit, and how unlike the training sites a pixel is; NaN where no prediction can be
made. Imports the standard library, numpy and numba alone.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from local_ml.errors import BundleError, PredictionError
from local_ml.features import Feature
from local_ml.forest.compiled import CompiledForest
from local_ml.forest.evaluate import Evaluator
from local_ml.names import nearest
from local_ml.prediction.applicability_rule import ApplicabilityRule
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.prediction.fusion_rule import FusionRule
from local_ml.prediction.interval_rule import IntervalRule, members_spread
from local_ml.prediction.maximum_rule import MaximumRule
from local_ml.prediction.results import Prediction
from local_ml.prediction.windows import windows_of

SCHEMA_VERSION = 3
MANIFEST = "manifest.json"
ARRAYS = "arrays.npz"
RESIDUAL = "residual_model"
"""What the arrays of the residual model are named by, beside those of the members."""

ADVICE = "train again, or copy the whole folder of the model once more"


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model read from its bundle.

    Parameters
    ----------
    encoding : from the values of the features to the model matrix
    forests : the members, compiled, in the order of the rule
    rule : from the members' predictions to the delivered value
    intervals : from their spread to its interval
    applicability : how unlike the training sites a row of the model matrix is
    target_name, target_unit : of the delivered value
    fingerprint : sha256 of the manifest, which holds the sha256 of the arrays
    no_skill : a sentence where validation showed no skill, None where it did
    maximum : which covariate bounds the target at each place; None: the constant bound alone
    residual : forest whose prediction is added to the fused one; None where the rule has none
    """

    encoding: FeatureEncoding
    forests: tuple[CompiledForest, ...]
    rule: FusionRule
    intervals: IntervalRule
    applicability: ApplicabilityRule
    target_name: str
    target_unit: str
    fingerprint: str
    no_skill: str | None = None
    maximum: MaximumRule | None = None
    residual: CompiledForest | None = None

    @property
    def features(self) -> tuple[Feature, ...]:
        """The covariates that a prediction needs, by name, unit and missing rule.

        Those of the model first; then the one that bounds the target, where it is none of them.
        """
        features = self.encoding.features
        if self.maximum is None or self.maximum.covariate.name in (f.name for f in features):
            return features
        return (*features, self.maximum.covariate)

    @cached_property
    def evaluator(self) -> Evaluator:
        """The members, laid out for evaluation."""
        return Evaluator(*self.forests)

    @cached_property
    def residual_evaluator(self) -> Evaluator | None:
        """The residual model, laid out for evaluation."""
        return None if self.residual is None else Evaluator(self.residual)

    @property
    def has_distribution(self) -> bool:
        """Whether a prediction has the second product too."""
        return self.rule.distribution is not None

    @classmethod
    def load(cls, folder: Path) -> "Predictor":
        """Read a bundle, and check all of it before anything is predicted.

        Raises
        ------
        BundleError
            A file is missing, is not the one that the manifest names by its hash, is of a
            schema_version that this program doesn't read, or holds something else than a model.
        """
        path = Path(folder) / MANIFEST
        content = _read(path)
        try:
            manifest = json.loads(content)
            version = manifest["schema_version"]
        except (ValueError, KeyError, TypeError) as fault:
            raise BundleError(f"{path} is no manifest of a model ({fault!r}); {ADVICE}") from None
        if version != SCHEMA_VERSION:
            raise BundleError(
                f"{path} has schema_version {version}, but this program reads {SCHEMA_VERSION}; "
                "use the version of alm90 that wrote it, or train again"
            )
        arrays = _read_arrays(Path(folder), manifest)
        try:
            return _assemble(manifest, arrays, hashlib.sha256(content).hexdigest())
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise BundleError(
                f"{path} and {ARRAYS} do not make a model ({fault!r}); {ADVICE}"
            ) from None

    def predict(
        self, bands: Mapping[str, np.ndarray], within: np.ndarray | None = None
    ) -> Prediction:
        """Predict pixels or rows.

        Parameters
        ----------
        bands : for each feature its values, (rows, cols) or (n,), in the feature's unit, NaN (or
            masked) where missing. Bound by name: the order has no influence, bands that the model
            doesn't use are ignored
        within : bool, of the shape of the bands: the pixels to predict, such as those inside a
            region. The others are as if a covariate were missing, whatever they hold, and are
            counted nowhere. None: all

        Raises
        ------
        PredictionError
            A feature has no band, or the bands have different shapes or hold no numbers; or
            `within` has another shape or is no mask.
        """
        columns = self._bind(bands)
        shape = columns[0].shape
        within = _require_mask(within, shape)
        # Bands of more dimensions are rows: what lies beside a pixel is known in a raster alone.
        flat = shape if len(shape) == 2 else (columns[0].size,)
        columns = [column.reshape(flat) for column in columns]
        inside = within.reshape(flat)
        found = Prediction.empty(flat, len(self.forests), self.has_distribution)
        unseen_levels = without_maximum = 0
        for window in windows_of(flat):
            if inside[window].any():
                unseen, unbounded = self._predict_window(columns, window, inside[window], found)
                unseen_levels += unseen
                without_maximum += unbounded
        return found.reshaped(shape, unseen_levels, without_maximum)

    def _predict_window(
        self,
        columns: list[np.ndarray],
        window: tuple[slice, ...],
        wanted: np.ndarray,
        found: Prediction,
    ) -> tuple[int, int]:
        """Fill a window of what is found; return how many levels are unseen, and maxima missing.

        Pixels that are not wanted or not valid go along as NaN, where it costs less to compute
        with them than to leave them out.
        """
        values = [_float32(column[window]) for column in columns]
        number = len(self.encoding.columns)
        read, valid, unseen = self.encoding.encode_columns(
            values[: len(self.encoding.features)], further=int(self.residual is not None)
        )
        unseen_levels = int((unseen & wanted).sum())
        valid &= wanted
        if not valid.any():
            return unseen_levels, 0
        predictions = self.evaluator.raster(read[:number], valid)
        rows = predictions.reshape(len(predictions), -1).T
        fused = self.rule.fuse(rows)
        added = None
        if self.residual_evaluator is not None:
            read[number] = fused.reshape(valid.shape)
            added = self.residual_evaluator.raster(read, valid).reshape(-1)
        bound = self._bound(values)
        calibrated = self.rule.calibrate(fused, added)
        value, clipped = self.rule.in_unit(calibrated, bound)
        lower, upper = self.intervals.bounds(calibrated, members_spread(rows), bound)
        unlike, near = self.applicability.measure(read[:number], valid)
        results = {
            "value": value,
            "clipped": clipped,
            "valid": valid,
            "lower": lower,
            "upper": upper,
            "dissimilarity_index": unlike,
            "local_point_density": near,
            "outside_area": near == 0,
        }
        if self.has_distribution:
            results["distribution"], _ = self.rule.deliver_distribution(rows, bound)
        for name, result in results.items():
            getattr(found, name)[window] = result.reshape(valid.shape)
        found.members[:, *window] = predictions
        without = 0 if bound is None else int((np.isnan(bound) & valid.reshape(-1)).sum())
        return unseen_levels, without

    def _bound(self, values: list[np.ndarray]) -> np.ndarray | None:
        """Return the bound of each pixel; None where the constant one holds alone.

        The values are those of `features`.
        """
        if self.maximum is None:
            return None
        names = [feature.name for feature in self.features]
        return self.maximum.bound(values[names.index(self.maximum.covariate.name)].reshape(-1))

    def _bind(self, bands: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        columns: list[np.ndarray] = []
        for feature in self.features:
            if feature.name not in bands:
                raise PredictionError(
                    f"the model needs the band {feature.name!r} (in {feature.unit}), which is not "
                    f"among {', '.join(bands) or 'no bands at all'}{nearest(feature.name, bands)}"
                )
            column = np.asanyarray(bands[feature.name])
            if column.dtype.kind not in "fiub":
                raise PredictionError(
                    f"band {feature.name!r} holds {column.dtype}; numbers are needed"
                )
            if column.ndim == 0:
                raise PredictionError(
                    f"band {feature.name!r} is a single number; an array of pixels is needed"
                )
            if columns and column.shape != columns[0].shape:
                raise PredictionError(
                    f"band {feature.name!r} has the shape {column.shape}, but "
                    f"{self.features[0].name!r} has {columns[0].shape}; all must lie on one grid"
                )
            columns.append(column)
        return columns


def _require_mask(within: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    if within is None:
        return np.ones(shape, bool)
    within = np.asarray(within)
    if within.dtype != bool or within.shape != shape:
        raise PredictionError(
            f"within is {within.dtype} {within.shape}; a mask of the bands' shape {shape} is needed"
        )
    return within


def _float32(values: np.ndarray) -> np.ndarray:
    """Return values as float32, NaN where masked; infinite where too large for float32."""
    if values.dtype == np.float32 and not isinstance(values, np.ma.MaskedArray):
        return values
    with np.errstate(over="ignore"):
        numbers: np.ndarray = np.ma.filled(values.astype(np.float32), np.nan)
    return numbers


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise BundleError(
            f"{path} cannot be read ({fault.strerror}); give the folder of a trained model, "
            f"which holds {MANIFEST} and {ARRAYS}"
        ) from None


def _read_arrays(folder: Path, manifest: dict[str, Any]) -> dict[str, np.ndarray]:
    """Read the arrays, from the very bytes whose hash was compared."""
    path = folder / ARRAYS
    content = _read(path)
    files = manifest.get("files")
    expected = files.get(ARRAYS) if isinstance(files, dict) else None
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise BundleError(
            f"{path} is not the file that {MANIFEST} was written with (sha256 {found}, expected "
            f"{expected}): it was cut off, altered or exchanged; {ADVICE}"
        )
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as fault:
        raise BundleError(f"{path} holds no plain arrays ({fault}); {ADVICE}") from None


def _assemble(
    manifest: dict[str, Any], arrays: Mapping[str, np.ndarray], fingerprint: str
) -> Predictor:
    """Put the model together; any contradiction is a ValueError."""
    encoding = FeatureEncoding(
        tuple(Feature.from_json(fields) for fields in manifest["features"]),
        tuple(manifest["encoding"]["medians"]),
    )
    if list(encoding.columns) != manifest["encoding"]["columns"]:
        raise ValueError("the columns of the encoding are not those of the features")
    rule = FusionRule.from_json(manifest["fusion"])
    target = manifest["target"]
    for name in ("transform", "minimum", "maximum"):
        if getattr(rule, name) != target[name]:
            raise ValueError(f"target and fusion disagree about {name}")
    if [member["name"] for member in manifest["members"]] != list(rule.members):
        raise ValueError("the members are not those that the fusion weighs")
    intervals = IntervalRule.from_json(manifest["intervals"])
    for name in ("transform", "minimum", "maximum"):
        if getattr(intervals, name) != target[name]:
            raise ValueError(f"target and intervals disagree about {name}")
    maximum = manifest["maximum"]
    applicability = ApplicabilityRule.from_arrays(
        arrays, "applicability.", manifest["applicability"]
    )
    if applicability.columns != len(encoding.columns):
        raise ValueError("the area of applicability has other columns than the features make")
    forests = tuple(_forest(member, arrays) for member in manifest["members"])
    for name, forest in zip(rule.members, forests, strict=True):
        if forest.columns > len(encoding.columns):
            raise ValueError(f"{name} reads more columns than the features make")
    residual = None
    if rule.residual:
        residual = _forest({"name": RESIDUAL, **manifest["residual"]}, arrays)
        if residual.columns > len(encoding.columns) + 1:
            raise ValueError("the residual model reads more columns than there are")
    return Predictor(
        encoding=encoding,
        forests=forests,
        rule=rule,
        intervals=intervals,
        applicability=applicability,
        target_name=target["name"],
        target_unit=target["unit"],
        fingerprint=fingerprint,
        no_skill=manifest["no_skill"],
        maximum=None if maximum is None else MaximumRule.from_json(maximum),
        residual=residual,
    )


def _forest(member: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> CompiledForest:
    fields = member["forest"]
    forest = CompiledForest.from_arrays(arrays, f"{member['name']}.", fields)
    if (len(forest.roots), len(forest.feature)) != (fields["trees"], fields["nodes"]):
        raise ValueError(f"{member['name']} has another number of trees or nodes than stated")
    return forest
