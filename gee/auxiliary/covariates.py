"""Auxiliary layers: what each covariate is."""

from gee.auxiliary.settings import AuxiliarySettings
from gee.covariate import Covariate


def covariates(settings: AuxiliarySettings) -> tuple[Covariate, ...]:  # noqa: ARG001
    """Return every covariate of this room that the settings allow."""
    return ()
