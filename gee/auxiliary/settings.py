"""What a study may set about auxiliary layers."""

from typing import Literal

from pydantic import Field

from gee.frozen import FrozenSettings


class AuxiliarySettings(FrozenSettings):
    """Keys of `[earthengine.auxiliary]`."""

    layers: tuple[Literal["water_occurrence", "glacier"], ...] = Field(
        ("water_occurrence", "glacier"),
        description="layers that are written into the tiles beside the kept covariates; the map's "
        "flags of water and of glaciers come from them",
    )
