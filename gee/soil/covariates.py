"""Soil: what each covariate is."""

from typing import NamedTuple

from gee.covariate import Covariate
from gee.soil.settings import SoilSettings
from gee.soil.sources import source_of

BOUND = "porosity"
"""No covariate to learn from, since bulk density tells the models the same: it bounds what the
soil can hold, where a study says so."""


class _Property(NamedTuple):
    name: str
    description: str
    unit: str
    minimum: float
    maximum: float


_PROPERTIES = (
    _Property("clay", "Clay, share of the fine earth's mass", "%", 0, 100),
    _Property("sand", "Sand, share of the fine earth's mass", "%", 0, 100),
    _Property("silt", "Silt, share of the fine earth's mass", "%", 0, 100),
    _Property("organic_carbon", "Organic carbon of the fine earth", "g kg-1", 0, 600),
    _Property("bulk_density", "Bulk density of the fine earth", "g cm-3", 0.02, 2.65),
    _Property("coarse_fragments", "Coarse fragments (> 2 mm), share of volume", "%", 0, 100),
    _Property("ph", "pH in water", "1", 2, 12),
    _Property("porosity", "Porosity, share of volume", "1", 0, 1),
)


def covariates(settings: SoilSettings) -> tuple[Covariate, ...]:
    """Return every covariate that the source has, or that follows from what it has."""
    source = source_of(settings)
    top, bottom = settings.depth_cm
    depth = f"{top:g} to {bottom:g} cm"
    reason = "no soil map there, such as in lakes and on glaciers"
    extra: tuple[str, ...] = ()
    if settings.active_layer_asset is not None:
        depth = f"{top:g} cm to the bottom of the active layer, at most {bottom:g} cm"
        reason += ", or no thickness of the active layer"
        extra = (settings.active_layer_asset,)
    mean = (
        "mean weighted by thickness"
        if source.of_layers
        else "mean of the straight lines between depths"
    )
    # Layers of one's own have an id each; their pattern says whose they are.
    own = None if settings.source != "asset" or settings.asset is None else settings.asset.image
    return tuple(
        Covariate(
            name=one.name,
            description=_described(one, one.name in source.properties, settings),
            unit=one.unit,
            minimum=one.minimum,
            maximum=one.maximum,
            group="soil",
            datasets=(*([own] if own else source.images_of(one.name)), *extra),
            period="timeless",
            reducer=f"{mean}, {depth}",
            way="interpolated between its own pixels; beside a gap the pixel's own value",
            masked_where=reason,
            presets=() if one.name == BOUND else ("published", "extended"),
            role="auxiliary" if one.name == BOUND else "feature",
        )
        for one in _PROPERTIES
        if one.name in source.offers()
    )


def _described(one: _Property, stored: bool, settings: SoilSettings) -> str:
    if stored:
        return one.description
    if one.name == "silt":
        return f"{one.description}: what clay and sand leave of 100"
    return f"{one.description}: 1 - bulk density / {settings.particle_density_g_cm3:g} g cm-3"
