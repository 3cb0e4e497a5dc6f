"""Soil: what each covariate is."""

from gee.covariate import Covariate
from gee.soil.settings import SoilSettings


def covariates(settings: SoilSettings) -> tuple[Covariate, ...]:  # noqa: ARG001
    """Return every covariate of this room that the settings allow."""
    return ()
