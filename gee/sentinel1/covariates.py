"""Radar: what each covariate is."""

from gee.covariate import Covariate
from gee.sentinel1.settings import Sentinel1Settings


def covariates(settings: Sentinel1Settings) -> tuple[Covariate, ...]:  # noqa: ARG001
    """Return every covariate of this room that the settings allow."""
    return ()
