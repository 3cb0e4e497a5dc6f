"""What a study may set about terrain."""

from gee.frozen import FrozenSettings


class TerrainSettings(FrozenSettings):
    """Keys of `[earthengine.terrain]`."""
