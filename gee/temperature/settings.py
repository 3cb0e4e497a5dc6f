"""What a study may set about land surface temperature."""

from gee.frozen import FrozenSettings


class TemperatureSettings(FrozenSettings):
    """Keys of `[earthengine.temperature]`."""
