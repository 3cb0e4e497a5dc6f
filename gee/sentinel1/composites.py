"""Composites of one pass: thawed, frozen, their difference, and how many scenes are behind them.

In: scenes of the catalogue. Out: images on their way to the grid. Power is averaged over the scenes
of each relative orbit, then over the orbits, then over the lattice's pixels within one of the grid;
decibels come last.
"""

from collections.abc import Collection

import ee

from gee.scope import Scope
from gee.sentinel1.backscatter import POLARISATIONS, corrected_scenes, decibels
from gee.sentinel1.orbits import each_orbit, numbers, or_nothing
from gee.sentinel1.scenes import Season, scenes
from gee.sentinel1.settings import Sentinel1Settings
from gee.terrain.settings import TerrainSettings
from gee.ways import averaged

SEASONS: tuple[Season, ...] = ("thaw", "frozen")
MEANS = {season: [f"{band}_{season}" for band in POLARISATIONS] for season in SEASONS}
COUNT = {season: [f"count_{season}"] for season in SEASONS}
PAIRS = [f"{band}_of_both" for season in SEASONS for band in MEANS[season]]


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
    paired = bool(wanted & {"vv_difference", "vh_difference"})
    seasons = [
        season
        for season in SEASONS
        if paired or any(quantity.split("_")[-1] == season for quantity in wanted)
    ]
    found = {season: scenes(scope, side, season, settings) for season in seasons}

    def summary(orbit: ee.Filter) -> ee.Image:
        """Everything of one relative orbit at once: each scene is corrected once."""
        parts = []
        for season in seasons:
            chosen = found[season].filter(orbit)
            corrected = or_nothing(
                corrected_scenes(chosen, scope, season, settings, terrain), POLARISATIONS
            )
            parts.append(corrected.mean().rename(MEANS[season]))
            parts.append(corrected.select(["VV"]).count().rename(COUNT[season]))
        if paired:
            both: ee.Image = ee.Image.cat(parts).select([*MEANS["thaw"], *MEANS["frozen"]], PAIRS)
            parts.append(both.updateMask(both.mask().reduce(ee.Reducer.min())))
        whole: ee.Image = ee.Image.cat(parts)
        return whole

    bands = [band for season in seasons for band in (*MEANS[season], *COUNT[season])]
    orbits = each_orbit(numbers(*found.values()), summary, bands + (PAIRS if paired else []))

    def on_grid(image: ee.Image) -> ee.Image:
        return averaged(image, scope.geobox, settings.scale_m)

    made: dict[str, ee.Image] = {}
    for season in seasons:
        level = decibels(on_grid(orbits.select(MEANS[season]).mean()))
        vv, vh = (level.select(band) for band in MEANS[season])
        made |= {f"vv_{season}": vv, f"vh_{season}": vh, f"cross_ratio_{season}": vh.subtract(vv)}
        count: ee.Image = orbits.select(COUNT[season]).sum()
        made[f"observations_{season}"] = on_grid(count.unmask(0, False))
    if paired:
        level = decibels(on_grid(orbits.select(PAIRS).mean()))
        vv_thaw, vh_thaw, vv_frozen, vh_frozen = (level.select(band) for band in PAIRS)
        made["vv_difference"] = vv_thaw.subtract(vv_frozen)
        made["vh_difference"] = vh_thaw.subtract(vh_frozen)
    return {quantity: made[quantity] for quantity in quantities}
