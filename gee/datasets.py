"""Every dataset that a covariate is computed from: id on Earth Engine, licence, source.

Ids and licences as in Google's catalogue and the catalogue of community datasets of August 2026.
Beside the datasets that are used by default there are those that a study may name in their place.
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
_MERIT = (
    "CC-BY-NC-4.0 or ODbL-1.0",
    "for commercial use only under ODbL, which asks that derived databases be shared alike",
)
_OPENLANDMAP = ("CC-BY-SA-4.0", "what is made from it is shared under the same licence")

_SOILGRIDS = {
    "clay": "clay",
    "sand": "sand",
    "silt": "silt",
    "soc": "organic carbon",
    "bdod": "bulk density",
    "cfvo": "coarse fragments",
    "phh2o": "pH",
}

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
        Dataset("NASA/NASADEM_HGT/001", "NASADEM elevation, 1 arc-second (NASA)", _NASA),
        Dataset(
            "CGIAR/SRTM90_V4",
            "SRTM elevation, voids filled, 3 arc-seconds (CIAT)",
            "CIAT terms of use",
            "no redistribution, and commercial use only with the publisher's consent",
        ),
        Dataset("MERIT/DEM/v1_0_3", "MERIT elevation, 3 arc-seconds (Yamazaki)", *_MERIT),
        Dataset(
            "MERIT/Hydro/v1_0_1", "MERIT Hydro, upslope area, 3 arc-seconds (Yamazaki)", *_MERIT
        ),
        *(
            Dataset(
                f"projects/soilgrids-isric/{name}_mean",
                f"SoilGrids 2.0, {title}, 250 m (ISRIC)",
                "CC-BY-4.0",
            )
            for name, title in _SOILGRIDS.items()
        ),
        Dataset(
            "OpenLandMap/SOL/SOL_CLAY-WFRACTION_USDA-3A1A1A_M/v02",
            "OpenLandMap, clay, 250 m (EnvirometriX)",
            *_OPENLANDMAP,
        ),
        Dataset(
            "OpenLandMap/SOL/SOL_SAND-WFRACTION_USDA-3A1A1A_M/v02",
            "OpenLandMap, sand, 250 m (EnvirometriX)",
            *_OPENLANDMAP,
        ),
        Dataset(
            "OpenLandMap/SOL/SOL_ORGANIC-CARBON_USDA-6A1C_M/v02",
            "OpenLandMap, organic carbon, 250 m (EnvirometriX)",
            *_OPENLANDMAP,
        ),
        Dataset(
            "OpenLandMap/SOL/SOL_BULKDENS-FINEEARTH_USDA-4A1H_M/v02",
            "OpenLandMap, bulk density, 250 m (EnvirometriX)",
            *_OPENLANDMAP,
        ),
        Dataset(
            "OpenLandMap/SOL/SOL_PH-H2O_USDA-4C1A2A_M/v02",
            "OpenLandMap, pH, 250 m (EnvirometriX)",
            *_OPENLANDMAP,
        ),
        Dataset("ECMWF/ERA5_LAND/HOURLY", "ERA5-Land, hourly (ECMWF)", _ERA5),
        Dataset("ECMWF/ERA5_LAND/MONTHLY_AGGR", "ERA5-Land, monthly (ECMWF)", _ERA5),
        Dataset("JRC/GSW1_4/GlobalSurfaceWater", "Global surface water (JRC)", _COPERNICUS),
        Dataset("GLIMS/current", "GLIMS glacier outlines (NSIDC)", "no restrictions, cite"),
    )
}


def dataset(name: str) -> Dataset:
    """Return what is known of an id; of one that a study brings itself, that nothing is."""
    unknown = Dataset(
        name,
        "chosen by the study itself",
        "not known here",
        "look up its licence before giving on what was made from it",
    )
    return DATASETS.get(name, unknown)
