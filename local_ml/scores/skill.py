"""Whether the score shows that the map knows anything at all.

In: the designs of ``validation.json``. Out: a plain sentence where it does not, else None.
"""

from collections.abc import Mapping
from typing import Any

DECIDING = ("knndm", "grouped", "block", "random")
"""Designs by how near they come to the map as a whole."""


def no_skill(designs: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Say that no skill is shown, where the 95 % interval of R² does not lie above 0.

    Parameters
    ----------
    designs : by name, each with `scores` and `intervals`; the first of `DECIDING` decides

    Returns
    -------
    sentence : None where there is skill. It names the design that decided, and says so where
        that is not the one meant for the map
    """
    name = next((name for name in DECIDING if name in designs), None)
    if name is None:
        return None
    scores, intervals = designs[name]["scores"], designs[name]["intervals"]
    under = f"under {name} folds"
    if name != DECIDING[0]:
        under += f" ({DECIDING[0]} ones were not validated)"
    if scores is None or scores["r2"] is None:
        return f"no skill is shown: no R² could be found {under}"
    told = f"no skill is shown: R² {under} is {_number(scores['r2'])}"
    if intervals is None:
        return f"{told}, and one group of sites alone does not tell how sure that is"
    ends = intervals["r2"]
    if ends is None:
        return (
            f"{told}, and how sure that is cannot be told: among the draws of its "
            f"{intervals['clusters']} groups of sites none defines an R²"
        )
    if ends[0] > 0:
        return None
    return (
        f"{told}, its 95 % interval {_number(ends[0])} to {_number(ends[1])}; the mean of the "
        "sites may predict the map as well"
    )


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
