"""Optical: what each covariate is."""

from gee.covariate import Covariate
from gee.optical.settings import OpticalSettings


def covariates(settings: OpticalSettings) -> tuple[Covariate, ...]:  # noqa: ARG001
    """Return every covariate of this room that the settings allow."""
    return ()
