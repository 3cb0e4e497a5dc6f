"""Which covariate bounds the target from above, and how.

In: the covariates of a table and the settings of the target. Out: a `MaximumRule`, or None.
"""

from collections.abc import Sequence

import numpy as np

from local_ml.errors import SampleTableError
from local_ml.features import Feature
from local_ml.names import nearest
from local_ml.prediction.maximum_rule import MaximumRule
from local_ml.settings import TargetSettings
from local_ml.units import convert, same_dimension


def maximum_rule(features: Sequence[Feature], target: TargetSettings) -> MaximumRule | None:
    """Return how the covariate that the target names bounds it; None where it names none.

    Raises
    ------
    SampleTableError
        There is no such covariate, it holds codes, or its unit measures something else.
    """
    name = target.maximum_covariate
    if name is None:
        return None
    of = {feature.name: feature for feature in features}
    if name not in of:
        raise SampleTableError(
            f"target.maximum_covariate is {name!r}, but no covariate is called so"
            f"{nearest(name, of)}"
        )
    if of[name].categorical:
        raise SampleTableError(
            f"target.maximum_covariate: {name!r} holds codes, which bound nothing"
        )
    if not same_dimension(of[name].unit, target.unit):
        raise SampleTableError(
            f"target.maximum_covariate: {name!r} is in {of[name].unit!r}, which bounds nothing in "
            f"{target.unit!r}"
        )
    scale = float(convert(np.ones(1), of[name].unit, target.unit)[0])
    return MaximumRule(of[name], scale, target.maximum_margin)
