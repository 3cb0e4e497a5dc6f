"""Temperature: what each covariate is."""

from gee.covariate import Covariate
from gee.temperature.settings import TemperatureSettings


def covariates(settings: TemperatureSettings) -> tuple[Covariate, ...]:  # noqa: ARG001
    """Return every covariate of this room that the settings allow."""
    return ()
