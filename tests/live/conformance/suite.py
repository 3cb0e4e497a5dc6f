"""All checks in the order of the table: rules that need no asset, then what needs the service's."""

from __future__ import annotations

from conformance import arithmetic, assets, grids, masks, sampling, series
from conformance.record import Check

RULES: tuple[Check, ...] = (
    *arithmetic.CHECKS,
    *masks.CHECKS,
    *series.CHECKS,
    *grids.CHECKS,
    *sampling.CHECKS,
)
CHECKS: tuple[Check, ...] = (*RULES, *assets.CHECKS)
