"""What the rows left out have in common: a unit that was forgotten, one reason that takes many.

In: the rows of a field table and the reasons against them. Out: warnings.
"""

import pandas as pd

from local_ml.settings import TargetSettings
from local_ml.sites.cells import line_numbers
from local_ml.sites.column_reader import WRONG_FIELDS
from local_ml.sites.settings import SiteTableSettings
from local_ml.units import one_in

# A single reason that takes a larger share of the rows than this seldom is the rows' own fault.
MANY = 0.2


def warn_of_percent(
    rows: pd.DataFrame, settings: SiteTableSettings, target: TargetSettings
) -> list[str]:
    """Warn of each method whose values of the target look like percent, where a ratio is expected.

    Each method is looked at by itself: rows whose value came from a radar velocity are never in
    percent, and would hide those that are.

    Parameters
    ----------
    rows : of a field table, with `method` and `target` (target's unit)
    """
    high, scale = target.maximum, one_in("1", target.unit)
    if (
        high is None
        or 10 * high >= 100
        or "%" in settings.units.get(target.name, "")
        or scale is None
    ):
        return []
    warnings = []
    known = rows.dropna(subset=["target"])
    for method, values in known.groupby("method")["target"]:
        median = values.median()
        if high < median <= 100:
            of = f" of method '{method}'" if known["method"].nunique() > 1 else ""
            if scale != 1:  # the target itself is in percent, and its bound alone is not
                warnings.append(
                    f"the values of {target.name}{of} have a median of {median:.3g} {target.unit}, "
                    f"but target.maximum is {high:g} {target.unit}: set maximum = {high * scale:g} "
                    f"in [target] if it was meant as a ratio"
                )
                continue
            warnings.append(
                f"the values of {target.name}{of} look like percent: set units.{target.name} = '%' "
                f"in [sites] (their median is {median:.3g}, at most {high:g} is possible)"
            )
    return warnings


def warn_of_losses(
    rows: pd.DataFrame, left_out: pd.DataFrame, expected: tuple[str, ...]
) -> list[str]:
    """Warn of each reason that takes more than a fifth of the rows, or the last of a method.

    Parameters
    ----------
    rows : of a field table, with `file_row` and `method`
    left_out : `row` (line of the file), `reason` and `detail`
    expected : reasons that are no surprise however many rows they take
    """
    lost = left_out.merge(rows[["file_row", "method"]], left_on="row", right_on="file_row")
    kept = set(rows.loc[~rows["file_row"].isin(lost["row"]), "method"])
    warnings = []
    for reason, block in lost[~lost["reason"].isin(expected)].groupby("reason"):
        # a record of the wrong width says nothing certain about its method
        gone = set() if reason == WRONG_FIELDS else set(block["method"]) - kept
        share = len(block) / len(rows)
        if share > MANY or gone:
            methods = " or ".join(f"'{method}'" for method in sorted(gone))
            warnings.append(
                f"{len(block)} of {len(rows)} rows ({share:.0%}) are left out: {reason} "
                f"({line_numbers(block['row'])}; first: {block['detail'].iloc[0]})"
                + (f"; no row of method {methods} remains" if gone else "")
            )
    return warnings
