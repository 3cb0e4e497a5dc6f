"""What a study may set about optical covariates."""

from gee.frozen import FrozenSettings


class OpticalSettings(FrozenSettings):
    """Keys of `[earthengine.optical]`."""
