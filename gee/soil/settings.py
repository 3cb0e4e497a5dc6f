"""What a study may set about soil."""

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from gee.frozen import FrozenSettings

SoilProperty = Literal[
    "clay",
    "sand",
    "silt",
    "organic_carbon",
    "bulk_density",
    "coarse_fragments",
    "ph",
    "porosity",
]
STANDARD_BOUNDARIES_CM = (0.0, 5.0, 15.0, 30.0, 60.0, 100.0, 200.0)
STANDARD_NAMES = ("0-5cm", "5-15cm", "15-30cm", "30-60cm", "60-100cm", "100-200cm")


class SoilAssetProperty(FrozenSettings):
    """One soil property of a study's own asset: value = stored x scale + offset."""

    name: str = Field(
        min_length=1, description="what stands for {property} in the patterns, such as 'OC'"
    )
    scale: float = Field(1.0, description="factor to the covariate's unit; not 0")
    offset: float = Field(0.0, description="added after the factor")

    @model_validator(mode="after")
    def _scale_keeps_values(self) -> Self:
        if self.scale == 0:
            raise ValueError("scale = 0 would make every value the same")
        return self


class SoilAsset(FrozenSettings):
    """Layers of soil that lie as assets of one's own on Earth Engine, such as CSDLv2."""

    image: str = Field(
        min_length=1,
        description="id of an image, with {property} and {depth} where ids differ: 'projects/me/assets/csdl/{property}_{depth}'. Images of a collection have such ids too",
    )
    band: str | None = Field(
        None,
        description="its band, with {property} and {depth} likewise; unless given, the first one",
    )
    properties: dict[SoilProperty, SoilAssetProperty] = Field(
        min_length=1,
        description="the properties that there are; units: clay, sand, silt and coarse_fragments in %, organic_carbon in g kg-1, bulk_density in g cm-3, ph and porosity without",
    )
    boundaries_cm: tuple[float, ...] = Field(
        STANDARD_BOUNDARIES_CM, min_length=2, description="depths between the layers, from the top"
    )
    depths: tuple[str, ...] = Field(
        STANDARD_NAMES, min_length=1, description="what stands for {depth}, layer by layer"
    )
    licence: str = Field(
        "as its owner states it", min_length=1, description="under which the layers were given"
    )
    condition: str = Field(
        "ask the owner before giving on what was made from it",
        description="what the licence asks of who uses or gives on the results",
    )

    @model_validator(mode="after")
    def _layers_are_told_apart(self) -> Self:
        _check_rising("boundaries_cm", self.boundaries_cm)
        if len(self.depths) != len(self.boundaries_cm) - 1:
            raise ValueError(
                f"depths names {len(self.depths)} layers, but boundaries_cm has room for "
                f"{len(self.boundaries_cm) - 1}"
            )
        patterns = self.image + (self.band or "")
        for key in ("{depth}", "{property}"):
            wanted = len(self.depths) if key == "{depth}" else len(self.properties)
            if key not in patterns and wanted > 1:
                raise ValueError(
                    f"neither image nor band holds {key}: all would be read from the same band"
                )
        try:
            patterns.format(property="", depth="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"image and band may hold {{property}} and {{depth}} and no other braces: {patterns}"
            ) from error
        return self


class SoilSettings(FrozenSettings):
    """Keys of `[earthengine.soil]`."""

    source: Literal["soilgrids", "openlandmap", "asset"] = Field(
        "soilgrids",
        description="'soilgrids' (SoilGrids 2.0), 'openlandmap', or 'asset': layers of one's own, described in [earthengine.soil.asset]",
    )
    asset: SoilAsset | None = Field(None, description="layers of one's own")
    depth_cm: tuple[float, float] = Field(
        (0.0, 200.0),
        description="from and to which depth properties are averaged, weighted by thickness",
    )
    active_layer_asset: str | None = Field(
        None,
        min_length=1,
        description="image of the thickness of the active layer: properties are averaged down to it, at most to the second number of depth_cm",
    )
    active_layer_band: str | None = Field(
        None, min_length=1, description="its band; unless given, the first one"
    )
    active_layer_scale_cm: float = Field(
        100.0, gt=0, description="centimetres in one unit of that image: 100 where it is in metres"
    )
    particle_density_g_cm3: float = Field(
        2.65,
        ge=1,
        le=4,
        description="density of the solid, for porosity = 1 - bulk density / particle density where the source has no porosity",
    )

    @model_validator(mode="after")
    def _source_is_described(self) -> Self:
        if self.source == "asset" and self.asset is None:
            raise ValueError(
                "source = 'asset' needs [earthengine.soil.asset] with image and properties"
            )
        _check_rising("depth_cm", self.depth_cm)
        deepest = self.asset.boundaries_cm[-1] if self.asset and self.source == "asset" else 200.0
        if self.depth_cm[0] >= deepest:
            raise ValueError(
                f"depth_cm = {list(self.depth_cm)} begins below the deepest layer ({deepest:g} cm)"
            )
        return self


def _check_rising(key: str, depths: tuple[float, ...]) -> None:
    if depths[0] < 0 or any(lower <= upper for upper, lower in pairwise(depths)):
        raise ValueError(f"{key} = {list(depths)}: depths begin at 0 or below it and rise")
