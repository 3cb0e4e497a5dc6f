"""What a study may set about soil."""

from gee.frozen import FrozenSettings


class SoilSettings(FrozenSettings):
    """Keys of `[earthengine.soil]`."""
