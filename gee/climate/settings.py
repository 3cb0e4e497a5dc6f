"""What a study may set about climate and snow."""

from gee.frozen import FrozenSettings


class ClimateSettings(FrozenSettings):
    """Keys of `[earthengine.climate]`."""
