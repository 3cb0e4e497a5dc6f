"""From a fitted member to its compiled form, whichever library fitted it.

In: a fitted RandomForestRegressor, ExtraTreesRegressor, XGBRegressor or CatBoostRegressor. Out: a
`CompiledForest`. The class is recognised by its name, so that no learning library is imported
for the sake of the others.
"""

from typing import Any

from local_ml.errors import BundleError
from local_ml.forest.compiled import CompiledForest
from local_ml.forest.from_catboost import from_catboost
from local_ml.forest.from_sklearn import from_sklearn
from local_ml.forest.from_xgboost import from_xgboost

_COMPILERS = {
    ("sklearn", "RandomForestRegressor"): from_sklearn,
    ("sklearn", "ExtraTreesRegressor"): from_sklearn,
    ("xgboost", "XGBRegressor"): from_xgboost,
    ("catboost", "CatBoostRegressor"): from_catboost,
}


def compile_forest(member: Any) -> CompiledForest:
    """Return the compiled form of a fitted member; it predicts what the library predicts.

    Raises
    ------
    BundleError
        The class is not known, the member is not fitted, or it uses something that the compiled
        form does not express.
    """
    return _COMPILERS[_known_class(member)](member)


def member_kind(member: Any) -> str:
    """Return the class of a member as a bundle records it, such as ``xgboost.XGBRegressor``."""
    return ".".join(_known_class(member))


def _known_class(member: Any) -> tuple[str, str]:
    for cls in type(member).__mro__:
        key = (cls.__module__.partition(".")[0], cls.__name__)
        if key in _COMPILERS:
            return key
    raise BundleError(
        f"a {type(member).__name__} cannot be compiled; known are "
        f"{', '.join('.'.join(key) for key in _COMPILERS)}"
    )
