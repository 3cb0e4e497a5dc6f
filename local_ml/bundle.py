"""Saving a trained model as plain arrays and a manifest that people can read.

In: the fitted parts of a pipeline. Out: ``manifest.json`` and ``arrays.npz`` in a folder, as
docs/model-bundle.md describes them, for `predictor` to read. No pickle, no timestamp: the same
parts in the same environment give the same bytes.
"""

import hashlib
import io
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from local_ml.errors import BundleError
from local_ml.files import json_bytes, write_whole
from local_ml.forest.compile import compile_forest, member_kind
from local_ml.forest.compiled import CompiledForest
from local_ml.prediction.applicability_rule import ApplicabilityRule
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.prediction.fusion_rule import FusionRule
from local_ml.prediction.interval_rule import IntervalRule
from local_ml.prediction.maximum_rule import MaximumRule
from local_ml.prediction.predictor import ARRAYS, MANIFEST, RESIDUAL, SCHEMA_VERSION
from local_ml.settings import TargetSettings
from local_ml.versions import library_versions


def write_bundle(
    folder: Path,
    *,
    target: TargetSettings,
    encoding: FeatureEncoding,
    members: Mapping[str, Any],
    rule: FusionRule,
    intervals: IntervalRule,
    applicability: ApplicabilityRule,
    samples_fingerprint: str,
    seed: int,
    settings: Mapping[str, Any],
    no_skill: str | None = None,
    maximum: MaximumRule | None = None,
    residual: Any = None,
    extra: Mapping[str, Any] | None = None,
) -> str:
    """Write a model, and return its fingerprint (sha256 of the manifest).

    The manifest is written last and holds the hash of the arrays, so that a writer that was
    killed leaves a bundle that `Predictor.load` refuses, never one that merely looks whole.

    Parameters
    ----------
    folder : where to; made if absent. Other files in it are left alone
    target : name, unit, bounds and transform of what is predicted
    encoding : fitted on the rows that the members were fitted on
    members : name -> fitted regressor; the names are those of the rule
    rule : weights, calibration and bounds
    intervals : of the delivered value
    applicability : over the columns that the features make
    samples_fingerprint : of the table that the model was trained on
    seed : of the study
    settings : of the learning, plain values
    maximum : covariate that bounds the target at each place; None: the constant bound alone
    residual : fitted regressor of the residuals, which reads one column more than the members, the
        fused prediction; None where the rule has none
    no_skill : a sentence where validation shows no skill; whoever predicts is told it
    extra : further plain values to keep with the model, such as its scores

    Raises
    ------
    BundleError
        The parts do not belong together, a member has no compiled form, or `settings` or `extra`
        hold what JSON cannot.
    """
    _require_agreement(target, members, rule, intervals)
    bounding = None if maximum is None else maximum.covariate.name
    if bounding != target.maximum_covariate:
        raise BundleError(
            f"the target is bounded by {target.maximum_covariate}, but the model by {bounding}"
        )
    forests = {name: compile_forest(members[name]) for name in rule.members}
    for name in forests:
        columns = members[name].n_features_in_
        if columns != len(encoding.columns):
            raise BundleError(
                f"{name} was fitted on {columns} columns, but the features make "
                f"{len(encoding.columns)}: {', '.join(encoding.columns)}"
            )
    if applicability.columns != len(encoding.columns):
        raise BundleError(
            f"the area of applicability has {applicability.columns} columns, but the features "
            f"make {len(encoding.columns)}: {', '.join(encoding.columns)}"
        )
    corrections = _residual_forest(residual, rule, encoding)
    arrays = _npz(forests | corrections, applicability)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "target": target.model_dump(),
        "features": [feature.to_json() for feature in encoding.features],
        "encoding": {"columns": encoding.columns, "medians": encoding.medians},
        "members": [
            {"name": name, **_told(members[name], forest)} for name, forest in forests.items()
        ],
        "residual": _told(residual, corrections[RESIDUAL]) if corrections else None,
        "fusion": rule.to_json(),
        "intervals": intervals.to_json(),
        "applicability": applicability.scalars(),
        "maximum": None if maximum is None else maximum.to_json(),
        "no_skill": no_skill,
        "seed": seed,
        "settings": dict(settings),
        "versions": {"python": platform.python_version()} | library_versions(),
        "samples_fingerprint": samples_fingerprint,
        "files": {ARRAYS: hashlib.sha256(arrays).hexdigest()},
        "extra": dict(extra or {}),
    }
    try:
        content = json_bytes(manifest)
    except (TypeError, ValueError) as fault:
        raise BundleError(
            f"settings and extra must be plain values that JSON holds, without NaN ({fault})"
        ) from None
    write_whole(folder / ARRAYS, arrays)
    write_whole(folder / MANIFEST, content)
    return hashlib.sha256(content).hexdigest()


def _require_agreement(
    target: TargetSettings,
    members: Mapping[str, Any],
    rule: FusionRule,
    intervals: IntervalRule,
) -> None:
    if set(members) != set(rule.members):
        raise BundleError(
            f"members are {', '.join(members)}, but the fusion weighs {', '.join(rule.members)}"
        )
    for name in ("transform", "minimum", "maximum"):
        for part, of_part in (("fusion", rule), ("intervals", intervals)):
            if getattr(target, name) != getattr(of_part, name):
                raise BundleError(
                    f"{name} is {getattr(target, name)} in the target and "
                    f"{getattr(of_part, name)} in the {part}; fit all under the settings of the "
                    "target"
                )


def _residual_forest(
    residual: Any, rule: FusionRule, encoding: FeatureEncoding
) -> dict[str, CompiledForest]:
    if rule.residual != (residual is not None):
        raise BundleError("the fusion adds a residual model, or there is one that it does not add")
    if residual is None:
        return {}
    if residual.n_features_in_ != len(encoding.columns) + 1:
        raise BundleError(
            f"the residual model was fitted on {residual.n_features_in_} columns; it reads the "
            f"{len(encoding.columns)} of the features and the fused prediction"
        )
    return {RESIDUAL: compile_forest(residual)}


def _told(fitted: Any, forest: CompiledForest) -> dict[str, Any]:
    size = {"trees": len(forest.roots), "nodes": len(forest.feature)}
    return {"kind": member_kind(fitted), "forest": size | forest.scalars()}


def _npz(forests: Mapping[str, CompiledForest], applicability: ApplicabilityRule) -> bytes:
    """Return all arrays as one npz, stored plainly: compressors differ, and so would the bytes."""
    arrays: dict[str, Any] = applicability.to_arrays("applicability.")
    for name, forest in forests.items():
        arrays |= forest.to_arrays(f"{name}.")
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # entries are dated 1980 by numpy
    return buffer.getvalue()
