"""Every covariate, the choice that a study makes among them, and what it is bound to.

`python -m gee.catalogue > docs/covariates.md` writes the page about them.
"""

import difflib
from collections.abc import Iterable
from dataclasses import replace

from gee.auxiliary.covariates import covariates as auxiliary_covariates
from gee.auxiliary.settings import AuxiliarySettings
from gee.climate.covariates import covariates as climate_covariates
from gee.covariate import Covariate
from gee.datasets import Dataset, dataset
from gee.errors import CatalogueError
from gee.optical.covariates import covariates as optical_covariates
from gee.sentinel1.covariates import covariates as radar_covariates
from gee.settings import CompositeSettings
from gee.soil.covariates import covariates as soil_covariates
from gee.temperature.covariates import covariates as temperature_covariates
from gee.terrain.covariates import covariates as terrain_covariates


def catalogue(settings: CompositeSettings) -> dict[str, Covariate]:
    """Return every covariate by name, auxiliary layers last; this order is that of all tables."""
    entries = (
        *radar_covariates(settings.sentinel1, settings.optical, settings.terrain),
        *optical_covariates(settings.optical),
        *temperature_covariates(settings.temperature),
        *terrain_covariates(settings.terrain),
        *soil_covariates(settings.soil),
        *climate_covariates(settings.climate),
        *auxiliary_covariates(settings.auxiliary),
    )
    return {entry.name: entry for entry in entries}


def candidates(settings: CompositeSettings) -> tuple[Covariate, ...]:
    """Return the covariates that a study learns from, in the catalogue's order.

    Raises
    ------
    CatalogueError
        where a name is not in the catalogue, or is an auxiliary layer.
    """
    known = {name: entry for name, entry in catalogue(settings).items() if entry.role == "feature"}
    for key, names in (("covariates", settings.covariates), ("without", settings.without)):
        for name in names:
            if name not in known:
                reason = _reason(key, name, settings)
                raise CatalogueError(f"earthengine.{key} names '{name}', {reason}")
    chosen = settings.covariates or tuple(
        name for name, entry in known.items() if settings.preset in entry.presets
    )
    return tuple(
        entry for name, entry in known.items() if name in chosen and name not in settings.without
    )


def auxiliary_layers(
    settings: CompositeSettings, asked: str | None = None
) -> tuple[Covariate, ...]:
    """Return the layers that are computed though never learned from.

    Parameters
    ----------
    asked : name of one that is wanted besides those of `settings.auxiliary`, such as the porosity
        that bounds a target; a name that is none of an auxiliary layer adds nothing
    """
    names = {*settings.auxiliary.layers, asked}
    return tuple(
        entry
        for entry in catalogue(settings).values()
        if entry.role == "auxiliary" and entry.name in names
    )


def licences(
    covariates: Iterable[Covariate], settings: CompositeSettings | None = None
) -> tuple[Dataset, ...]:
    """Return what the covariates are computed from, each dataset once, with licence and condition.

    `settings` tell under which licence a study's own layers of soil were given.
    """
    ids = dict.fromkeys(name for entry in covariates for name in entry.datasets)
    return tuple(_dataset(name, settings) for name in ids)


def _dataset(name: str, settings: CompositeSettings | None) -> Dataset:
    found = dataset(name)
    own = settings.soil.asset if settings is not None else None
    if own is None or own.image != name:
        return found
    return replace(found, licence=own.licence, condition=own.condition)


def _reason(key: str, name: str, settings: CompositeSettings) -> str:
    known = catalogue(settings)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"the nearest is '{near[0]}'" if near else f"there are {', '.join(known)}"
        return f"which is not in the catalogue; {hint}"
    reason = "an auxiliary layer: it is never learned from"
    if key == "without":
        return f"{reason}, so there is nothing to leave out"
    if name in AuxiliarySettings().layers:
        return f"{reason}; earthengine.auxiliary.layers puts it into the tiles"
    return (
        f"{reason}. Take it off that list; to bound the target by it, set "
        f'target.maximum_covariate = "{name}"'
    )


if __name__ == "__main__":
    from gee.catalogue_page import page

    print(page(CompositeSettings()), end="")
