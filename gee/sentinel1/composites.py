"""Composites of one pass: thawed, frozen, their difference, and how many scenes are behind them.

In: scenes of the catalogue. Out: images on their way to the grid. Power is averaged over the scenes
of each relative orbit, then over the orbits, then over the lattice's pixels within one of the grid;
decibels come last.
"""

from collections.abc import Collection

import ee

from gee.scope import Scope
from gee.sentinel1.backscatter import POLARISATIONS, corrected_scenes, decibels
from gee.sentinel1.orbits import each_orbit, mean_of, numbers, or_nothing
from gee.sentinel1.scenes import Season, scenes
from gee.sentinel1.settings import Sentinel1Settings
from gee.terrain.settings import TerrainSettings
from gee.ways import averaged

SEASONS: tuple[Season, ...] = ("thaw", "frozen")
PAIR = [f"{band}_{season}" for season in SEASONS for band in POLARISATIONS]


def composites(
    quantities: Collection[str],
    side: str,
    scope: Scope,
    settings: Sentinel1Settings,
    terrain: TerrainSettings,
) -> dict[str, ee.Image]:
    """Return one image a quantity of one pass: covariates' names without that of the pass.

    The difference is that of two means over the same relative orbits, those that have scenes of
    both seasons at a pixel: a difference between orbits never enters.
    """
    wanted = set(quantities)
    found = {season: scenes(scope, side, season, settings) for season in SEASONS}

    def corrected(season: Season, orbit: ee.Filter | None = None) -> ee.ImageCollection:
        chosen = found[season] if orbit is None else found[season].filter(orbit)
        return corrected_scenes(chosen, scope, season, settings, terrain)

    def pair(orbit: ee.Filter) -> ee.Image:
        means = [mean_of(corrected(season, orbit), POLARISATIONS) for season in SEASONS]
        both: ee.Image = ee.Image.cat(means).rename(PAIR)
        return both.updateMask(both.mask().reduce(ee.Reducer.min()))

    def on_grid(image: ee.Image) -> ee.Image:
        return averaged(image, scope.geobox, settings.scale_m)

    def level(season: Season) -> ee.Image:
        means = each_orbit(
            numbers(found[season]),
            lambda orbit: mean_of(corrected(season, orbit), POLARISATIONS),
            POLARISATIONS,
        )
        return decibels(on_grid(means.mean()))

    made: dict[str, ee.Image] = {}
    for season in SEASONS:
        if f"observations_{season}" in wanted:
            count: ee.Image = or_nothing(corrected(season), ["VV"]).count()
            made[f"observations_{season}"] = on_grid(count.unmask(0, False))
        if wanted & {f"vv_{season}", f"vh_{season}", f"cross_ratio_{season}"}:
            vv, vh = (level(season).select(band) for band in POLARISATIONS)
            made |= {f"vv_{season}": vv, f"vh_{season}": vh}
            made[f"cross_ratio_{season}"] = vh.subtract(vv)
    if wanted & {"vv_difference", "vh_difference"}:
        both = decibels(on_grid(each_orbit(numbers(found["thaw"]), pair, PAIR).mean()))
        for band in POLARISATIONS:
            thaw, frozen = (both.select(f"{band}_{season}") for season in SEASONS)
            made[f"{band.lower()}_difference"] = thaw.subtract(frozen)
    return {quantity: made[quantity] for quantity in quantities}
