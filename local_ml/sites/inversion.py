"""The radar rows of a field table: which are inverted, what came of it, what looks wrong.

In and out: the rows of a field table; units as in its schema, the target in its own.
"""

import re

import numpy as np
import pandas as pd

from local_ml.errors import SiteTableError
from local_ml.settings import TargetSettings
from local_ml.sites.cells import line_numbers
from local_ml.sites.gpr import velocity_of_reflection, water_content
from local_ml.sites.settings import GprSettings
from local_ml.units import convert, same_dimension

_MASS = re.compile(r"(?<![A-Za-z])(?:[kmµ]?g|ppm)(?![A-Za-z])")


def is_volumetric(unit: str) -> bool:
    """Say whether `unit` can be that of a volumetric water content: a ratio, not one of masses."""
    return same_dimension(unit, "m3 m-3") and _MASS.search(unit) is None


def invert_velocity(
    rows: pd.DataFrame, settings: GprSettings, target: TargetSettings
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Fill `target` and `target_sd` from the radar velocity where the settings say so.

    Returns
    -------
    rows, notes, warnings

    Raises
    ------
    SiteTableError
        where rows give a velocity but the target is no volumetric water content.
    """
    velocity = rows["velocity_m_ns"].to_numpy(float)
    offset, time, depth = (
        rows[name].to_numpy(float)
        for name in ("antenna_offset_m", "two_way_time_ns", "reflector_depth_m")
    )
    from_reflection = np.isnan(velocity) & np.isfinite(offset * time * depth)
    computed = velocity_of_reflection(offset, time, depth)
    velocity = np.where(from_reflection, computed, velocity)
    given = np.isfinite(velocity)
    if settings.invert == "never" or not given.any():
        return rows, [], []
    if not is_volumetric(target.unit):
        raise SiteTableError(
            f"a radar velocity gives a volumetric water content, but the target '{target.name}' "
            f"is in '{target.unit}': leave the velocity out, or set gpr.invert = 'never' in [sites]"
        )
    result = water_content(
        velocity,
        rows["velocity_sd_m_ns"].to_numpy(float),
        rows["porosity"].to_numpy(float),
        settings,
    )
    value = np.asarray(convert(result.value, "m3 m-3", target.unit), float)
    sd = np.asarray(convert(result.sd, "m3 m-3", target.unit), float)
    own = np.isfinite(rows["target"].to_numpy(float))
    inverted = given & ~own if settings.invert == "missing" else given
    notes, warnings = [], []
    if inverted.any():
        notes.append(
            f"{inverted.sum()} rows got their value from the radar velocity by the CRIM formula "
            f"(exponent {settings.exponent:g}, water {settings.water_permittivity:g}, "
            f"solids {settings.solid_permittivity:g})"
        )
    both = given & own
    if both.any():
        difference = value[both] - rows["target"].to_numpy(float)[both]
        kept = "inverted anew" if settings.invert == "always" else "kept as the table has them"
        notes.append(
            f"{both.sum()} rows give a velocity and a value, which were {kept}; the inversion "
            f"differs by {difference.mean():+.3f} {target.unit} on average (root mean square "
            f"{np.sqrt(np.mean(difference**2)):.3f})"
        )
    if inverted.any() and (both & ~inverted).any():
        warnings.append(
            "some radar values are the table's own and some were inverted here: two formulas may "
            "be mixed; set gpr.invert to 'always' or 'never' in [sites] to use one"
        )
    wet = inverted & result.above_porosity
    if wet.any():
        warnings.append(
            f"{wet.sum()} inverted water contents exceed the porosity: either the velocity or the "
            f"porosity is wrong; they are kept as they are ({line_numbers(rows.loc[wet, 'row'])})"
        )
    too_fast = from_reflection & (result.value < 0)
    if too_fast.any():
        warnings.append(
            "time, offset and depth of the reflector give a velocity too high for any soil: "
            f"{line_numbers(rows.loc[too_fast, 'row'])}"
        )
    method = rows["method"].where(~(inverted & (rows["method"] == "").to_numpy()), "gpr")
    return (
        rows.assign(
            velocity_m_ns=velocity,
            target=np.where(inverted, value, rows["target"]),
            target_sd=np.where(inverted, sd, rows["target_sd"]),
            method=method,
        ),
        notes,
        warnings,
    )
