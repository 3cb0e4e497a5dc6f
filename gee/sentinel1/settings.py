"""What a study may set about radar covariates."""

from gee.frozen import FrozenSettings


class Sentinel1Settings(FrozenSettings):
    """Keys of `[earthengine.sentinel1]`."""
