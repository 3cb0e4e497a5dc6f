"""Soil: from layers to one image a covariate."""

from collections.abc import Collection

import ee

from gee.scope import Scope
from gee.soil.depths import mean_between_points, mean_of_layers
from gee.soil.settings import SoilSettings
from gee.soil.sources import FOLLOWS_FROM, SoilLayers, SoilSource, source_of
from gee.ways import interpolated, interpolated_to_the_edge


def images(
    names: Collection[str],
    scope: Scope,  # noqa: ARG001 # soil maps have no dates, and are read where they are asked for
    settings: SoilSettings,
) -> dict[str, ee.Image]:
    """Return one single-band image a name, in the catalogue's unit, on its way to the grid."""
    source = source_of(settings)
    mean = mean_of_layers if source.of_layers else mean_between_points
    top_cm, bottom = settings.depth_cm[0], _bottom(settings)
    made = {}
    for name in names:
        profile = _profile(name, source, settings)
        average = mean(profile, source.depths_cm, top_cm, bottom)
        lattice = profile[0].projection()
        made[name] = interpolated_to_the_edge(average, lattice)
    return made


def _bottom(settings: SoilSettings) -> ee.Image:
    """Return the depth in cm down to which properties are averaged."""
    deepest = settings.depth_cm[1]
    if settings.active_layer_asset is None:
        everywhere: ee.Image = ee.Image(deepest)
        return everywhere
    thickness = ee.Image(settings.active_layer_asset).select([settings.active_layer_band or 0])
    in_cm = thickness.toDouble().multiply(settings.active_layer_scale_cm)
    bottom: ee.Image = interpolated(in_cm, thickness.projection()).min(deepest)
    return bottom


def _profile(name: str, source: SoilSource, settings: SoilSettings) -> list[ee.Image]:
    """Return a property in its unit, one image a depth from the top."""
    if name in source.properties:
        return _read(source.properties[name])
    if name == "silt":
        clay, sand = (_profile(part, source, settings) for part in FOLLOWS_FROM["silt"])
        return [one.add(other).multiply(-1).add(100) for one, other in zip(clay, sand, strict=True)]
    density = _profile("bulk_density", source, settings)
    return [layer.divide(-settings.particle_density_g_cm3).add(1) for layer in density]


def _read(layers: SoilLayers) -> list[ee.Image]:
    return [
        ee.Image(image)
        .select([band if band is not None else 0], ["value"])
        .toDouble()
        .multiply(layers.scale)
        .add(layers.offset)
        for image, band in layers.bands
    ]
