"""How Earth Engine computes a covariate, and why otherwise than it did.

In: `[earthengine]` and the study's grid. Out: a covariate's recipe, by fingerprints; and of two
recipes in words what makes them differ: which settings, the grid, or the software. The client must
be connected; nothing is sent.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from odc.geo.geobox import GeoBox
from pydantic import ValidationError

from export.covariates.changes import (
    differing,
    settings_reason,
    software,
    software_reason,
    with_value_of,
)
from export.covariates.local_scenes import LocalScenes
from export.fingerprints import fingerprint
from gee.catalogue import catalogue
from gee.errors import GeeError
from gee.grid import grid_from_json
from gee.scope import Scope
from gee.settings import CompositeSettings
from gee.stack import fingerprint as graph_fingerprint
from gee.stack import graph, stack

CLIENT = "earthengine-api"
"""What encodes graphs, besides alm90."""
_CHOOSING = {"preset", "covariates", "without"}
COMPOSING = set(CompositeSettings.model_fields) - _CHOOSING
"""Settings that may change how covariates are computed; the others choose among them."""


class Recipe(NamedTuple):
    """How a covariate is computed.

    Parameters
    ----------
    graph : fingerprint of its graph over the whole grid
    valid : the least and the greatest value that counts
    scenes : dataset of a folder's → fingerprint of what it holds; empty where that is unknown
    """

    graph: str
    valid: list[float]
    scenes: dict[str, str]

    @property
    def key(self) -> str:
        """Of the computation alone, whatever the scenes hold."""
        return fingerprint(graph=self.graph, valid=self.valid)


def recipe_of(
    name: str, settings: CompositeSettings, geobox: GeoBox, scenes: LocalScenes | None = None
) -> Recipe:
    """Return how a covariate is computed.

    Raises
    ------
    CatalogueError
        where settings have no such covariate.
    """
    image = stack([name], settings, Scope(geobox, settings.years, None))
    entry = catalogue(settings)[name]
    held = {} if scenes is None else scenes.made_from(graph(image))
    return Recipe(graph_fingerprint(image), [entry.minimum, entry.maximum], held)


def recipe_reasons(
    name: str, before: Mapping[str, Any], settings: CompositeSettings, geobox: GeoBox
) -> list[str]:
    """Say which settings, or what else, have a covariate computed otherwise than it was.

    Each setting that has changed is taken back alone: where that makes another recipe, it is a
    reason. What remains when all are taken back is the software's.

    Parameters
    ----------
    before : what was described then: ``settings``, ``grid``, ``software``, ``covariates``
    """
    now = _key(name, settings, geobox)
    grid = grid_from_json(before["grid"])
    chosen = settings.model_dump(include=_CHOOSING)
    try:
        earlier = CompositeSettings.model_validate({**before["settings"], **chosen})
    except ValidationError:  # of a version that had other keys
        earlier = settings
    found = settings_reason(
        ".".join(("earthengine", *path))
        for path in differing(earlier, settings, CompositeSettings)
        if _key(name, with_value_of(settings, earlier, path), geobox) != now
    )
    if grid != geobox and _key(name, settings, grid) != now:
        found.append("the study's grid")
    if _key(name, earlier, grid) != before["covariates"][name]["recipe"]:
        found.append(software_reason(before["software"], software(CLIENT)))
    return found


def _key(name: str, settings: CompositeSettings, geobox: GeoBox) -> str:
    """Return a recipe's key, another one than any where settings have no such covariate."""
    try:
        return recipe_of(name, settings, geobox).key
    except GeeError:
        return ""
