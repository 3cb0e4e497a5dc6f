"""The example plateau on disk: rasters or scenes, field table, mask and truth of a study."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

from export.plateau.fieldwork import SITES_SETTINGS, field_table, plan_visits
from export.plateau.grid import PixelGrid
from export.plateau.layers import layers_of, own_layers
from export.plateau.scenes import SCENES_FOLDER, scene_settings, write_scenes
from export.plateau.world import make_plateau
from export.rasters.writing import write_bytes

MASK_FILE = "permafrost_mask.tif"
TRUTH_FILE = "truth.tif"


@dataclass(frozen=True)
class PlateauExample:
    """What a study.toml says of the example.

    Parameters
    ----------
    region : west, south, east, north, degrees
    covariates : the [[covariates]] entries
    earthengine : the [earthengine] section, where there are scenes
    sites : the [sites] section
    mask_file, truth_file : in the study's folder
    """

    region: tuple[float, float, float, float]
    covariates: list[dict[str, Any]]
    earthengine: dict[str, Any] | None
    sites: dict[str, Any]
    mask_file: str
    truth_file: str


def write_plateau(
    folder: Path | str,
    *,
    seed: int = 2026,
    shape: tuple[int, int] = (1000, 1000),
    n_sites: int = 342,
    scenes: bool = False,
) -> PlateauExample:
    """Write `folder`/rasters/*.tif, sites.csv, permafrost_mask.tif and truth.tif.

    Parameters
    ----------
    folder : of the study; made where it does not exist
    seed : of all that is random; the same seed and shape give the same bytes
    shape : rows and columns of 90 m pixels, at least 100 each
    n_sites : good sites; the table holds a few blemished ones besides
    scenes : False: all 28 covariates as rasters. True: scenes of satellites in
        `folder`/earthengine, out of which the local Earth Engine computes covariates, and as
        rasters only the three that it has not

    Raises
    ------
    ValueError
        where the region is too small, or has no room for so many sites.
    """
    if min(shape) < 100:
        raise ValueError(f"the example plateau needs at least 100 rows and columns, not {shape}")
    folder = Path(folder)
    plateau = make_plateau(seed, shape)
    (folder / "rasters").mkdir(parents=True, exist_ok=True)
    entries = []
    for layer in own_layers(plateau) if scenes else layers_of(plateau):
        _write_raster(
            folder / layer.file,
            layer.stored(),
            layer.grid,
            nodata=layer.missing_value if layer.declared else None,
            scale_offset=(layer.scale, layer.offset) if layer.scale_in_file else None,
        )
        entries.append(layer.settings())
    if scenes:
        write_scenes(plateau, folder / SCENES_FOLDER)
    mask = plateau.climate.permafrost.astype(np.uint8)
    _write_raster(folder / MASK_FILE, mask, plateau.grid, nodata=255)
    truth = np.where(plateau.active_layer, plateau.moisture.truth, -9999.0).astype(np.float32)
    _write_raster(folder / TRUTH_FILE, truth, plateau.grid, nodata=-9999.0)
    table = field_table(plateau, plan_visits(plateau, n_sites))
    text = table.to_csv(index=False, lineterminator="\r\n")
    write_bytes(folder / SITES_SETTINGS["file"], text.encode())
    return PlateauExample(
        region=plateau.grid.bounds_deg,
        covariates=entries,
        earthengine=scene_settings() if scenes else None,
        sites=SITES_SETTINGS,
        mask_file=MASK_FILE,
        truth_file=TRUTH_FILE,
    )


def _write_raster(
    path: Path,
    values: np.ndarray,
    grid: PixelGrid,
    nodata: float | None,
    scale_offset: tuple[float, float] | None = None,
) -> None:
    """Write one band as others deliver it: no band name, no unit, perhaps no missing value."""
    west, _, _, north = grid.bounds_deg
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=grid.rows,
            width=grid.cols,
            count=1,
            dtype=values.dtype,
            crs="EPSG:4326",
            transform=Affine(grid.pixel_deg, 0.0, west, 0.0, -grid.pixel_deg, north),
            nodata=nodata,
            compress="deflate",
            zlevel=1,
            predictor=2 if values.dtype.kind in "iu" else 3,
            tiled=True,
            blockxsize=256,
            blockysize=256,
        ) as raster:
            raster.write(values, 1)
            if scale_offset is not None:
                raster.scales, raster.offsets = [scale_offset[0]], [scale_offset[1]]
        write_bytes(path, memory.read())
