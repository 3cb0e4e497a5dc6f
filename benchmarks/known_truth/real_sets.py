"""Real tables of soil properties, whose truth elsewhere nobody knows.

In: a name, and the folder that holds ``vindum`` and ``meuse``. Out: a sample table, a sample of
the domain where there are rasters, and the target's settings. The tables of LimeSoDa (Schmidinger
et al. 2025, doi:10.5281/zenodo.14936177) come with the Python package of that name: those with at
least a hundred rows, coordinates and no spectra, each with its three soil properties.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from pyproj import Transformer

from local_ml.domain import DomainSample
from local_ml.features import Feature
from local_ml.samples import SampleTable
from local_ml.settings import TargetSettings
from local_ml.sites.groups import group_sites
from local_ml.sites.settings import GroupSettings

LIMESODA = ("B.204", "BB.250", "G.104", "G.150", "MG.112", "MGS.101")
PROPERTIES = {"SOC": "%", "pH": "1", "Clay": "%"}
NAMES = (
    "vindum",
    "meuse",
    *(f"{table} {soil_property}" for table in LIMESODA for soil_property in PROPERTIES),
)
GROUP_M = {"vindum": 20.0, "meuse": 150.0}
LIMESODA_GROUP_M = 150.0
SHARE = 0.1  # fields sampled on a grid are one chain of neighbours, divided into ten parts or more
DOMAIN = 1000
Read = tuple[SampleTable, DomainSample | None, TargetSettings]


def read_set(name: str, data: Path | None) -> Read:
    """Return a real table, its domain and its target.

    Parameters
    ----------
    name : one of `NAMES`
    data : folder of ``vindum`` and ``meuse``, which the tables of LimeSoDa do without
    """
    if name not in NAMES:
        raise ValueError(f"no table {name!r}; there are {', '.join(NAMES)}")
    if name not in GROUP_M:
        return _limesoda(*name.split(" "))
    if data is None:
        raise ValueError(f"{name} needs the folder that holds it")
    return _with_rasters(name, data / name)


def _limesoda(table: str, soil_property: str) -> Read:
    from LimeSoDa import load_dataset

    loaded = load_dataset(table)
    frame, places = loaded["Dataset"], loaded["Coordinates"]
    columns = [name for name in frame.columns if not name.endswith("_target")]
    east, north = (str(column) for column in places.columns)
    epsg = int(east.rsplit("_", 1)[1])
    observed = frame[f"{soil_property}_target"].to_numpy(float)
    sample = _table(
        [Feature(column, "1", missing="native") for column in columns],
        frame[columns].to_numpy(np.float32),
        observed,
        places[east].to_numpy(),
        places[north].to_numpy(),
        epsg,
        LIMESODA_GROUP_M,
    )
    unit = PROPERTIES[soil_property]
    target = TargetSettings(name=soil_property.lower(), unit=unit, minimum=0.0, maximum=100.0)
    return sample, None, target


def _with_rasters(name: str, folder: Path) -> Read:
    import rasterio
    from rasterio.transform import rowcol

    epsg = {"vindum": 25832, "meuse": 28992}[name]
    observed = {"vindum": "som_pct", "meuse": "zinc"}[name]
    points = pd.read_csv(folder / "points.csv")
    features, at_points, everywhere = [], [], []
    for path in sorted((folder / "rasters").glob("*.tif")):
        with rasterio.open(path) as raster:
            band = raster.read(1).astype(np.float64)
            # Two conventions of nodata, one of them written with fewer digits than pixels hold.
            band[(np.abs(band) > 1e6) | (band == raster.nodata)] = np.nan
            rows, cols = rowcol(raster.transform, points["x"], points["y"])
            at_points.append(band[np.asarray(rows, int), np.asarray(cols, int)])
            everywhere.append(band)
            transform = raster.transform
        coded = name == "meuse" and path.stem in ("soil", "ffreq")
        levels = tuple(int(v) for v in np.unique(band[np.isfinite(band)])) if coded else None
        features.append(Feature(path.stem, "1", missing="native", levels=levels))
    sample = _table(
        features,
        np.column_stack(at_points),
        points[observed].to_numpy(float),
        points["x"].to_numpy(float),
        points["y"].to_numpy(float),
        epsg,
        GROUP_M[name],
    )
    pixels = np.argwhere(np.isfinite(everywhere).all(axis=0))
    drawn = pixels[np.random.default_rng(0).choice(len(pixels), DOMAIN, replace=False)]
    east, north = transform * (drawn[:, 1] + 0.5, drawn[:, 0] + 0.5)
    longitude, latitude = _degrees(epsg, east, north)
    values = np.column_stack([band[drawn[:, 0], drawn[:, 1]] for band in everywhere])
    domain = DomainSample(sample.names, values.astype(np.float32), longitude, latitude)
    unit, maximum = {"vindum": ("%", 100.0), "meuse": ("mg kg-1", 5000.0)}[name]
    target = TargetSettings(name=observed, unit=unit, minimum=0.0, maximum=maximum, transform="log")
    return sample, domain, target


def _table(
    features: list[Feature],
    values: np.ndarray,
    observed: np.ndarray,
    east: np.ndarray,
    north: np.ndarray,
    epsg: int,
    distance_m: float,
) -> SampleTable:
    longitude, latitude = _degrees(epsg, east, north)
    group, _ = group_sites(
        longitude,
        latitude,
        [(row, 0) for row in range(len(east))],
        [frozenset()] * len(east),
        np.ones(len(east), dtype=bool),
        GroupSettings(distance_m=distance_m, maximum_share=SHARE),
    )
    return SampleTable.in_memory(
        features,
        values,
        observed,
        group=np.array(group),
        longitude=longitude,
        latitude=latitude,
    )


def _degrees(epsg: int, east: np.ndarray, north: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    transformer = Transformer.from_crs(f"EPSG:{epsg}", "EPSG:4326", always_xy=True)
    longitude, latitude = transformer.transform(east, north)
    return np.asarray(longitude), np.asarray(latitude)
