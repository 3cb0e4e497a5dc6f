"""Names of covariates → one Earth Engine image, float32, masked, bands in the order asked for."""

import hashlib
import json
from collections.abc import Callable, Sequence

import ee

from gee.auxiliary.images import images as auxiliary_images
from gee.catalogue import catalogue
from gee.climate.images import images as climate_images
from gee.errors import CatalogueError
from gee.optical.images import images as optical_images
from gee.scope import Scope
from gee.sentinel1.images import images as radar_images
from gee.settings import CompositeSettings
from gee.soil.images import images as soil_images
from gee.temperature.images import images as temperature_images
from gee.terrain.images import images as terrain_images

Images = dict[str, ee.Image]


def stack(names: Sequence[str], settings: CompositeSettings, scope: Scope) -> ee.Image:
    """Return one image with a float32 band a name.

    Pixels are those of `scope.geobox` once a request carries that grid; nothing is sent here.

    Raises
    ------
    CatalogueError
        where a name is unknown or given twice.
    """
    known = catalogue(settings)
    unknown = [name for name in names if name not in known]
    if unknown or not names or len(set(names)) < len(names):
        raise CatalogueError(
            f"a stack needs names of the catalogue, each once; got {', '.join(names) or 'none'}"
            + (f"; unknown: {', '.join(unknown)}" if unknown else "")
        )
    made: dict[str, ee.Image] = {}
    for group, images in _rooms(scope, settings).items():
        wanted = [name for name in names if known[name].group == group]
        if wanted:
            made |= images(wanted)
    stacked: ee.Image = ee.Image.cat([made[name].toFloat().rename(name) for name in names])
    return stacked


def graph(image: ee.Image) -> bytes:
    """Return the image's expression graph as canonical JSON: the same bytes for the same image."""
    encoded = ee.serializer.encode(image, for_cloud_api=True)
    return json.dumps(encoded, sort_keys=True, separators=(",", ":")).encode()


def fingerprint(image: ee.Image) -> str:
    """Return the SHA-256 of the image's graph, in hexadecimal."""
    return hashlib.sha256(graph(image)).hexdigest()


def _rooms(scope: Scope, settings: CompositeSettings) -> dict[str, Callable[[list[str]], Images]]:
    return {
        "radar": lambda names: radar_images(
            names, scope, settings.sentinel1, settings.optical, settings.terrain
        ),
        "optical": lambda names: optical_images(names, scope, settings.optical),
        "temperature": lambda names: temperature_images(names, scope, settings.temperature),
        "terrain": lambda names: terrain_images(names, scope, settings.terrain),
        "soil": lambda names: soil_images(names, scope, settings.soil),
        "climate": lambda names: climate_images(names, scope, settings.climate),
        "auxiliary": lambda names: auxiliary_images(names, scope),
    }
