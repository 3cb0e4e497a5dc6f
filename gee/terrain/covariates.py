"""Terrain: what each covariate is."""

from gee.covariate import Covariate
from gee.terrain.settings import TerrainSettings


def covariates(settings: TerrainSettings) -> tuple[Covariate, ...]:  # noqa: ARG001
    """Return every covariate of this room that the settings allow."""
    return ()
