"""Surface moisture by inversion of the water-cloud model.

Attema and Ulaby (1978): sigma = A V^E cos(theta) (1 - T) + T sigma_soil with
T = exp(-2 B V / cos(theta)), in power; V is the water of the vegetation in kg m-2. The soil is
linear in decibels: 10 log10(sigma_soil) = C + D m_v.

In: sigma nought in power, incidence angle in degrees, NDVI. Out: m_v in m3 m-3, masked where
vegetation alone would give more than what was seen.
"""

import math
from collections.abc import Sequence

import ee

from gee.optical.images import images as optical_images
from gee.optical.settings import OpticalSettings
from gee.scope import Scope
from gee.sentinel1.backscatter import corrected_scenes, decibels
from gee.sentinel1.orbits import each_orbit, mean_of, numbers
from gee.sentinel1.scenes import scenes
from gee.sentinel1.settings import Sentinel1Settings, WaterCloudSettings
from gee.terrain.settings import TerrainSettings
from gee.ways import averaged

BANDS = ["sigma", "angle"]


def vwc_water_cloud(
    sides: Sequence[str],
    scope: Scope,
    settings: Sentinel1Settings,
    optical: OpticalSettings,
    terrain: TerrainSettings,
) -> ee.Image:
    """Return moisture from the mean VV of thawed ground over all passes."""
    by_pass = [_mean_of_pass(side, scope, settings, terrain) for side in sides]
    mean = averaged(ee.ImageCollection.fromImages(by_pass).mean(), scope.geobox, settings.scale_m)
    model = settings.water_cloud
    ndvi = optical_images([model.ndvi], scope, optical)[model.ndvi]
    return inverted(mean.select("sigma"), mean.select("angle"), ndvi, model)


def inverted(
    sigma: ee.Image, angle_deg: ee.Image, ndvi: ee.Image, model: WaterCloudSettings
) -> ee.Image:
    """Return moisture, held between the model's minimum and maximum."""
    water = vegetation_water(ndvi, model)
    cosine = angle_deg.multiply(math.pi / 180).cos()
    transmitted = water.divide(cosine).multiply(-2 * model.canopy_b).exp()
    canopy = (
        water.pow(model.canopy_exponent)
        .multiply(model.canopy_a)
        .multiply(cosine)
        .multiply(transmitted.multiply(-1).add(1))
    )
    soil_db = decibels(sigma.subtract(canopy).divide(transmitted))
    moisture = soil_db.subtract(model.soil_intercept_db).divide(model.soil_slope_db)
    return moisture.clamp(model.minimum, model.maximum)


def vegetation_water(ndvi: ee.Image, model: WaterCloudSettings) -> ee.Image:
    """Return the water of the vegetation in kg m-2, at least 0 (after Jackson et al. 1999)."""
    square, linear = model.vegetation_sparse
    slope, intercept = model.vegetation_dense
    sparse = ndvi.multiply(ndvi).multiply(square).add(ndvi.multiply(linear))
    dense = ndvi.multiply(slope).add(intercept)
    water: ee.Image = sparse.where(ndvi.gt(model.vegetation_break), dense).max(0)
    return water


def _mean_of_pass(
    side: str, scope: Scope, settings: Sentinel1Settings, terrain: TerrainSettings
) -> ee.Image:
    found = scenes(scope, side, "thaw", settings)

    def sigma_and_angle(scene: ee.Image) -> ee.Image:
        angle = scene.select("angle")
        sigma: ee.Image = scene.select("VV")
        if settings.slope_model != "none":  # the model is written for sigma nought
            sigma = sigma.multiply(angle.multiply(math.pi / 180).cos())
        return sigma.rename("sigma").addBands(angle)

    def of_orbit(orbit: ee.Filter) -> ee.Image:
        chosen = found.filter(orbit)
        corrected = corrected_scenes(
            chosen, scope, "thaw", settings, terrain, at_reference_angle=False
        )
        return mean_of(corrected.map(sigma_and_angle), BANDS)

    mean: ee.Image = each_orbit(numbers(found), of_orbit, BANDS).mean()
    return mean
