"""Every dataset that a covariate is computed from: id on Earth Engine, licence, source.

Ids and licences as in Google's catalogue and the catalogue of community datasets of August 2026.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """A collection or an image on Earth Engine.

    Parameters
    ----------
    id : as the service knows it
    title : in words, with the publisher
    licence : its name
    condition : what the licence asks of who uses or gives on what was made from it; empty where
        nothing but a citation
    """

    id: str
    title: str
    licence: str
    condition: str = ""


_COPERNICUS = "Copernicus Sentinel data terms"
_LANDSAT = "public domain (USGS)"
_NASA = "no restrictions (NASA)"
_ERA5 = "Copernicus C3S licence"

DATASETS: dict[str, Dataset] = {
    dataset.id: dataset
    for dataset in (
        Dataset("COPERNICUS/S1_GRD_FLOAT", "Sentinel-1 GRD, linear power (ESA)", _COPERNICUS),
        Dataset("COPERNICUS/S2_SR_HARMONIZED", "Sentinel-2 surface reflectance (ESA)", _COPERNICUS),
        Dataset("GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED", "Cloud Score+ (Google)", "CC-BY-4.0"),
        Dataset("LANDSAT/LT05/C02/T1_L2", "Landsat 5 Collection 2 Level 2 (USGS)", _LANDSAT),
        Dataset("LANDSAT/LE07/C02/T1_L2", "Landsat 7 Collection 2 Level 2 (USGS)", _LANDSAT),
        Dataset("LANDSAT/LC08/C02/T1_L2", "Landsat 8 Collection 2 Level 2 (USGS)", _LANDSAT),
        Dataset("LANDSAT/LC09/C02/T1_L2", "Landsat 9 Collection 2 Level 2 (USGS)", _LANDSAT),
        Dataset("MODIS/061/MOD11A1", "Terra land surface temperature, daily 1 km (NASA)", _NASA),
        Dataset("MODIS/061/MYD11A1", "Aqua land surface temperature, daily 1 km (NASA)", _NASA),
        Dataset("MODIS/061/MOD10A1", "Terra snow cover, daily 500 m (NSIDC)", _NASA),
        Dataset("USGS/SRTMGL1_003", "SRTM elevation, 1 arc-second (NASA, USGS)", _NASA),
        Dataset("ECMWF/ERA5_LAND/HOURLY", "ERA5-Land, hourly (ECMWF)", _ERA5),
        Dataset("ECMWF/ERA5_LAND/MONTHLY_AGGR", "ERA5-Land, monthly (ECMWF)", _ERA5),
        Dataset(
            "MERIT/Hydro/v1_0_1",
            "MERIT Hydro, upslope area, 3 arc-seconds (Yamazaki)",
            "CC-BY-NC-4.0 or ODbL-1.0",
            "for commercial use only under ODbL, which asks that derived databases be shared alike",
        ),
        Dataset("JRC/GSW1_4/GlobalSurfaceWater", "Global surface water (JRC)", _COPERNICUS),
        Dataset("GLIMS/current", "GLIMS glacier outlines (NSIDC)", "no restrictions, cite"),
    )
}
