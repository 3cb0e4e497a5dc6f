"""What a study may set about auxiliary layers."""

from gee.frozen import FrozenSettings


class AuxiliarySettings(FrozenSettings):
    """Keys of `[earthengine.auxiliary]`: none yet."""
