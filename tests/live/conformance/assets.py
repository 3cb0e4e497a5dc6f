"""What only the service has: today's assets, at a known place, through the product's own stack.

Facts of the place: the weather station of Wudaoliang (35.22 N, 93.08 E) lies at 4,612 m, on gentle
ground. Facts of Sentinel-1: 175 relative orbits, incidence angles of 29 to 46 degrees in IW mode,
a heading of some 190 degrees on the descending pass, and a look to the right.
"""

from __future__ import annotations

import math
from typing import Any

import ee
import numpy as np
from affine import Affine
from conformance.place import Place, at_points, pixel, value
from conformance.record import Check, Within
from odc.geo.geobox import GeoBox

from gee.catalogue import candidates
from gee.datasets import DATASETS
from gee.pixels import read_window
from gee.scope import Scope
from gee.sentinel1.backscatter import decibels
from gee.sentinel1.scenes import ORBIT, scenes, with_weather
from gee.sentinel1.slope_correction import towards_sensor, towards_sensor_by_heading
from gee.settings import CompositeSettings
from gee.stack import stack
from gee.terrain import surface
from gee.terrain.ellipsoid import metres_per_degree

PUBLISHED = candidates(CompositeSettings())
DATASETS_OF_PUBLISHED = tuple(
    sorted({name for covariate in PUBLISHED for name in covariate.datasets})
)
LEAST_SHARE = 0.5
"""Of the tile's pixels, with a value of a band; fewer count as an empty band."""
SLOPE_PX = 3


def _scope(place: Place, rows: int, cols: int) -> Scope:
    return Scope(place.grid, place.settings.years, place.window(rows, cols))


def _first_scene(place: Place) -> ee.Image:
    """The first descending scene of the thaw season at the pixel, not in its surroundings alone."""
    area = ee.Geometry.Rectangle(place.edges(1, 1), "EPSG:4326", False)
    scene: ee.Image = ee.Image(
        _descending(place).filterBounds(area).sort("system:time_start").first()
    )
    return scene


def _descending(place: Place) -> ee.ImageCollection:
    return scenes(_scope(place, 1, 1), "descending", "thaw", place.settings.sentinel1)


def _bands_of_datasets(place: Place) -> list[str]:
    """Ids that have no band; one that is missing is an error that names it."""
    counts = {}
    for name in DATASETS_OF_PUBLISHED:
        whole = DATASETS[name].id
        image = ee.Image(whole) if _is_image(whole) else ee.ImageCollection(whole).first()
        counts[name] = ee.Image(image).bandNames().size()
    found = value(ee.Dictionary(counts))
    return sorted(name for name, count in found.items() if count < 1)


def _is_image(name: str) -> bool:
    return name.startswith(("USGS/SRTM", "MERIT/", "projects/soilgrids-isric/"))


def _terrain(place: Place) -> dict[str, float | None]:
    names = ["elevation", "slope", "tpi_900m"]
    image = stack(names, place.settings, _scope(place, 1, 1))
    return dict(zip(names, pixel(place, image, *names), strict=True))


def _slope_difference(place: Place) -> float:
    """Largest difference between the product's slope and Horn's from the same heights, degrees."""
    heights = surface.elevation(place.settings.terrain)
    transform = value(heights.projection())["transform"]
    lattice = Affine(*transform)
    west, _, _, north = place.edges(1, 1)
    col, row = (math.floor(number) for number in ~lattice * (west, north))
    side = SLOPE_PX + 2
    window = GeoBox((side, side), lattice * Affine.translation(col, row), "EPSG:4326")
    rise = surface.slope(surface.gradient(heights)).rename("slope")
    image = heights.addBands(rise.reproject(heights.projection()))
    elevation_m, slope_deg = read_window(image, ["elevation", "slope"], window).astype(float)
    latitude_deg = north - lattice.a * (np.arange(side) + 0.5)
    sides = [metres_per_degree(float(latitude)) for latitude in latitude_deg]
    by_hand = horn_slope_deg(elevation_m, np.array(sides)[1:-1] * lattice.a)
    return float(np.abs(by_hand - slope_deg[1:-1, 1:-1]).max())


def horn_slope_deg(
    elevation_m: np.ndarray[Any, Any], sides_m: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Return the slope of the inner pixels in degrees (Horn 1981), (rows - 2, cols - 2).

    `sides_m`: (rows - 2, 2), the width and height of the pixels of each inner row.
    """
    h = elevation_m
    east = h[:-2, 2:] + 2 * h[1:-1, 2:] + h[2:, 2:] - h[:-2, :-2] - 2 * h[1:-1, :-2] - h[2:, :-2]
    south = h[2:, :-2] + 2 * h[2:, 1:-1] + h[2:, 2:] - h[:-2, :-2] - 2 * h[:-2, 1:-1] - h[:-2, 2:]
    rise = np.hypot(east / (8 * sides_m[:, :1]), south / (8 * sides_m[:, 1:]))
    slope: np.ndarray[Any, Any] = np.degrees(np.arctan(rise))
    return slope


def _same_as_points(place: Place) -> float:
    names, count = ["slope"], 5
    image = stack(names, place.settings, _scope(place, 1, count))
    tile = read_window(image, names, place.window(1, count))[0, 0]
    points = np.array(at_points(place, image, "slope", count), dtype=float)
    return float(np.abs(points - tile).max())


def _scene_properties(place: Place) -> dict[str, Any]:
    scene = _first_scene(place)
    told = ee.Dictionary(
        {
            "relative orbit": scene.get(ORBIT),
            "heading": scene.get("platformHeading"),
            "geometry": scene.geometry().type(),
            "bands": scene.bandNames(),
        }
    )
    found: dict[str, Any] = value(told)
    heading = found.get("heading")
    return {**found, "heading": heading if heading is None else heading % 360}


def _scene_angle(place: Place) -> dict[str, float | None]:
    scene = _first_scene(place)
    by_angle = towards_sensor(scene, place.settings.sentinel1.look_scale_m)
    product = by_angle.multiply(towards_sensor_by_heading(scene))
    agreement = product.select("east").add(product.select("north"))
    image = ee.Image.cat(scene.select("angle").toFloat(), agreement.toFloat())
    values = pixel(place, image.rename(["angle", "agreement"]), "angle", "agreement")
    return dict(zip(("angle", "agreement"), values, strict=True))


def _backscatter(place: Place) -> list[float | None]:
    return at_points(place, decibels(_descending(place).select("VV").mean()), "VV", 5)


def _share_with_weather(place: Place) -> float:
    found = _descending(place)
    joined = with_weather(found, _scope(place, 1, 1), "thaw", place.settings.sentinel1)
    number, with_hour = value(ee.List([found.size(), joined.size()]))
    return float(with_hour / number)


def _full_stack(place: Place) -> dict[str, Any]:
    """Bands of the published preset that are empty, or beyond their range, in one tile."""
    covariates = candidates(place.settings)
    names = [covariate.name for covariate in covariates]
    side = place.tile_px
    image = stack(names, place.settings, _scope(place, side, side))
    values = read_window(image, names, place.window(side, side))
    empty, outside = [], []
    for covariate, band in zip(covariates, values, strict=True):
        seen = band[np.isfinite(band)]
        if seen.size < LEAST_SHARE * band.size:
            empty.append(f"{covariate.name} ({seen.size} of {band.size})")
        beyond = seen[(seen < covariate.minimum) | (seen > covariate.maximum)]
        if beyond.size:
            outside.append(f"{covariate.name} ({beyond.size}, such as {beyond[0]:g})")
    return {"bands": len(values), "empty": empty, "beyond their range": outside}


CHECKS = (
    Check(
        "datasets",
        f"whether the {len(DATASETS_OF_PUBLISHED)} datasets of the published preset are there; "
        "those without a band",
        _bands_of_datasets,
        [],
        "fact",
        "an asset was moved or closed: name another in the study, or leave its covariates out",
        assets=DATASETS_OF_PUBLISHED,
    ),
    Check(
        "terrain",
        "elevation (m), slope (degree) and topographic position within 900 m (m) at the place",
        _terrain,
        {
            "elevation": Within(4500, 4800),
            "slope": Within(0, 15),
            "tpi_900m": Within(-60, 60),
        },
        "fact",
        "another place, another unit, or positions shifted",
        pixels=3,
        assets=("USGS/SRTMGL1_003",),
    ),
    Check(
        "slope_by_hand",
        "largest difference between the slope and Horn's from the same SRTM heights (degree)",
        _slope_difference,
        Within(0.0, 0.02),
        "fact",
        "kernels, pixel coordinates or lattices are not what terrain takes them for",
        requests=2,
        pixels=50,
        assets=("USGS/SRTMGL1_003",),
    ),
    Check(
        "slope_at_points",
        "largest difference of the slope of five pixels between a tile and points (degree)",
        _same_as_points,
        Within(0.0, 0.001),
        "fact",
        "sites would be trained on other values than the map is made from",
        requests=2,
        pixels=10,
        assets=("USGS/SRTMGL1_003",),
    ),
    Check(
        "radar_scene",
        "relative orbit, heading (degree), geometry and bands of the first descending scene",
        _scene_properties,
        {
            "relative orbit": Within(1, 175),
            "heading": Within(180, 205),
            "geometry": "Polygon",
            "bands": ["VV", "VH", "angle"],
        },
        "fact",
        "orbits would not be told apart; no direction of look by heading; a geometry that is no "
        "area has no mean angle, and hence no direction of look by angle",
        assets=("COPERNICUS/S1_GRD_FLOAT",),
    ),
    Check(
        "radar_look",
        "that scene's incidence angle at the place (degree), and the cosine between the "
        "directions of look by angle and by heading",
        _scene_angle,
        {"angle": Within(29, 47), "agreement": Within(0.98, 1.0001)},
        "fact",
        "near -1: slopes that face the sensor are brightened in place of darkened, for one of "
        "the two settings of look_from",
        pixels=2,
        assets=("COPERNICUS/S1_GRD_FLOAT",),
    ),
    Check(
        "radar_points",
        "VV at five points, mean power of the descending scenes of the thaw season (dB)",
        _backscatter,
        [Within(-35, 10)] * 5,
        "fact",
        "values that are no power, or scenes that are not at the place",
        pixels=5,
        assets=("COPERNICUS/S1_GRD_FLOAT",),
    ),
    Check(
        "radar_weather",
        "share of the descending scenes of the thaw season that find their hour of ERA5-Land",
        _share_with_weather,
        Within(0.99, 1),
        "fact",
        "scenes that cannot be screened are left out: composites of fewer looks, or none",
        assets=("COPERNICUS/S1_GRD_FLOAT", "ECMWF/ERA5_LAND/HOURLY"),
    ),
    Check(
        "full_stack",
        "one tile of the published preset of two years: bands with values in fewer than half of "
        "the pixels, and bands beyond their range",
        _full_stack,
        {"bands": len(PUBLISHED), "empty": [], "beyond their range": []},
        "fact",
        "the covariate named is not what the catalogue says of it; docs/covariates.md tells "
        "where it may be masked by right",
        pixels=64 * 64 * len(PUBLISHED),
        assets=DATASETS_OF_PUBLISHED,
    ),
)
