"""Climate and snow: what each covariate is."""

from gee.climate.settings import ClimateSettings
from gee.covariate import Covariate


def covariates(settings: ClimateSettings) -> tuple[Covariate, ...]:  # noqa: ARG001
    """Return every covariate of this room that the settings allow."""
    return ()
