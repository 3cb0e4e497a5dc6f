"""Values that are possible and yet seldom true: they are kept, and told.

In: the usable rows of a field table, in the schema's units. Out: warnings, each with the numbers of
the lines and what may stand behind it.
"""

import numpy as np
import pandas as pd

from local_ml.settings import TargetSettings
from local_ml.sites.cells import line_numbers

# Beyond these a depth of thaw or of a sample is mostly in centimetres; bogs thaw no deeper, and
# soil is seldom sampled so.
_DEPTHS_M = {"thaw_depth_m": 20.0, "depth_bottom_m": 20.0, "reflector_depth_m": 20.0}
_EARLIEST_YEAR = 1950
_LEAST_ZEROS = 3


def warn_of_oddities(rows: pd.DataFrame, target: TargetSettings) -> list[str]:
    """Warn of standard deviations, depths, years and zeros that look like something else.

    Parameters
    ----------
    rows : of a field table that were not left out, with `file_row`, `target`, `target_sd` and
        whatever of the other columns there is
    """
    warnings = []
    low, high = target.minimum, target.maximum
    reach = np.ptp(rows["target"].dropna()) if rows["target"].notna().any() else 0.0
    if low is not None and high is not None:
        reach = high - low
    wide = rows[rows["target_sd"] > reach]
    if len(wide) and reach > 0:
        warnings.append(
            f"{target.name}_sd is larger than the whole range of {target.name}, {reach:g} "
            f"{target.unit}, in {_at(wide, 'target_sd')}: such a row hardly counts; is it in "
            "another unit?"
        )
    for name, most in _DEPTHS_M.items():
        deep = rows[rows[name] > most] if name in rows else rows[:0]
        if len(deep):
            warnings.append(
                f"{name} is above {most:g} m in {_at(deep, name)}: if it is in centimetres, set "
                f"units.{name} = 'cm' in [sites]"
            )
    early = rows[rows["year"] < _EARLIEST_YEAR]
    if len(early):
        warnings.append(f"the year lies before {_EARLIEST_YEAR} in {_at(early, 'year')}")
    zeros = rows[rows["target"] == 0]
    if len(zeros) >= _LEAST_ZEROS:
        warnings.append(
            f"{target.name} is exactly 0 in {len(zeros)} of {len(rows)} rows "
            f"({line_numbers(zeros['file_row'])}): if 0 stands for a missing value there, declare "
            "it in missing_codes"
        )
    return warnings


def _at(rows: pd.DataFrame, column: str) -> str:
    """Return 'rows 4, 9 (the largest 210)', or 'row 4 (210)'."""
    values = rows[column]
    far = values.min() if column == "year" else values.max()
    which = "" if len(rows) == 1 else "the first " if column == "year" else "the largest "
    return f"{line_numbers(rows['file_row'])} ({which}{far:g})"
