"""Where soil properties come from: images and bands, depths, and units as they are stored.

Units here: clay, sand, silt and coarse fragments %, organic carbon g kg-1, bulk density g cm-3,
pH and porosity without.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gee.soil.settings import STANDARD_BOUNDARIES_CM, STANDARD_NAMES, SoilAsset, SoilSettings


@dataclass(frozen=True)
class SoilLayers:
    """A property as it is stored, from the top: value = stored x scale + offset.

    Parameters
    ----------
    bands : image id and band by depth; without a band the image's first
    """

    bands: tuple[tuple[str, str | None], ...]
    scale: float
    offset: float = 0.0


@dataclass(frozen=True)
class SoilSource:
    """Properties at common depths.

    Parameters
    ----------
    depths_cm : boundaries of n layers (n + 1 numbers), or depths of n values
    of_layers : whether values are those of layers, or hold at a depth each
    properties : by the covariate's name
    """

    depths_cm: tuple[float, ...]
    of_layers: bool
    properties: Mapping[str, SoilLayers]

    def offers(self) -> tuple[str, ...]:
        """Return the names of what can be had, those that follow from others included."""
        found = set(self.properties)
        if {"clay", "sand"} <= found:
            found.add("silt")
        if "bulk_density" in found:
            found.add("porosity")
        return tuple(sorted(found))

    def images_of(self, name: str) -> tuple[str, ...]:
        """Return the ids of the images that a property is computed from, each once."""
        names = [name] if name in self.properties else FOLLOWS_FROM[name]
        ids = [image for part in names for image, _ in self.properties[part].bands]
        return tuple(dict.fromkeys(ids))


FOLLOWS_FROM = {"silt": ("clay", "sand"), "porosity": ("bulk_density",)}
"""What is computed where the source does not have it."""

# SoilGrids 2.0 stores whole numbers: name in the ids, and what one stored unit is worth.
_SOILGRIDS = {
    "clay": ("clay", 0.1),
    "sand": ("sand", 0.1),
    "silt": ("silt", 0.1),
    "organic_carbon": ("soc", 0.1),
    "bulk_density": ("bdod", 0.01),
    "coarse_fragments": ("cfvo", 0.1),
    "ph": ("phh2o", 0.1),
}
_OPENLANDMAP = {
    "clay": ("SOL_CLAY-WFRACTION_USDA-3A1A1A_M", 1.0),
    "sand": ("SOL_SAND-WFRACTION_USDA-3A1A1A_M", 1.0),
    "organic_carbon": ("SOL_ORGANIC-CARBON_USDA-6A1C_M", 5.0),
    "bulk_density": ("SOL_BULKDENS-FINEEARTH_USDA-4A1H_M", 0.01),
    "ph": ("SOL_PH-H2O_USDA-4C1A2A_M", 0.1),
}
_OPENLANDMAP_DEPTHS_CM = (0, 10, 30, 60, 100, 200)


def source_of(settings: SoilSettings) -> SoilSource:
    """Return the source that the settings choose."""
    if settings.source == "asset":
        assert settings.asset is not None, "the settings' own check"
        return _own_asset(settings.asset)
    return soilgrids() if settings.source == "soilgrids" else openlandmap()


def soilgrids() -> SoilSource:
    """Return SoilGrids 2.0 (Poggio et al. 2021), means of six layers."""
    properties = {
        name: SoilLayers(
            tuple(
                (f"projects/soilgrids-isric/{theirs}_mean", f"{theirs}_{depth}_mean")
                for depth in STANDARD_NAMES
            ),
            scale,
        )
        for name, (theirs, scale) in _SOILGRIDS.items()
    }
    return SoilSource(STANDARD_BOUNDARIES_CM, True, properties)


def openlandmap() -> SoilSource:
    """Return OpenLandMap, values at six depths."""
    properties = {
        name: SoilLayers(
            tuple(
                (f"OpenLandMap/SOL/{theirs}/v02", f"b{depth}") for depth in _OPENLANDMAP_DEPTHS_CM
            ),
            scale,
        )
        for name, (theirs, scale) in _OPENLANDMAP.items()
    }
    return SoilSource(tuple(map(float, _OPENLANDMAP_DEPTHS_CM)), False, properties)


def _own_asset(asset: SoilAsset) -> SoilSource:
    properties = {}
    for name, one in asset.properties.items():
        bands = tuple(
            (
                asset.image.format(property=one.name, depth=depth),
                asset.band and asset.band.format(property=one.name, depth=depth),
            )
            for depth in asset.depths
        )
        properties[name] = SoilLayers(bands, one.scale, one.offset)
    return SoilSource(
        asset.boundaries_cm, True, {str(name): one for name, one in properties.items()}
    )
