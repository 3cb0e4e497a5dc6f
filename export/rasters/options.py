"""The formats of what is written, as creation options of GDAL.

GDAL ignores a creation option that it does not know. All options therefore stand in this file,
and a test holds them against what the driver accepts.
"""

from collections.abc import Mapping
from typing import Any

BLOCK_PX = 256

# Band-interleaved, so that one band is read without the others. ZSTD reads twice as fast as
# DEFLATE; these tiles are read by this software far more often than by another. With differences
# (a predictor) they would be a sixth smaller, read half as fast and written a quarter as fast.
TILE_OPTIONS: Mapping[str, Any] = {
    "driver": "GTiff",
    "tiled": True,
    "blockxsize": BLOCK_PX,
    "blockysize": BLOCK_PX,
    "interleave": "band",
    "compress": "zstd",
    "zstd_level": 1,
    "bigtiff": "if_safer",
}
FLOAT_PREDICTOR, INTEGER_PREDICTOR = 3, 2

MAP_BLOCK_PX = 512

# The map is read by others: DEFLATE is in every build of GDAL, QGIS, R and ArcGIS, ZSTD is not.
MAP_OPTIONS: Mapping[str, Any] = {
    "driver": "COG",
    "compress": "deflate",
    "level": 1,
    "predictor": "floating_point",
    "blocksize": MAP_BLOCK_PX,
    "overviews": "force_use_existing",
    "overview_compress": "deflate",
    "overview_predictor": "floating_point",
    "sparse_ok": True,
    "bigtiff": "if_safer",
}

# Few codes in large areas: LZW, which is in every build too, makes them smaller than DEFLATE at its
# sixth level, in half the time.
FLAG_OPTIONS: Mapping[str, Any] = {
    **{option: value for option, value in MAP_OPTIONS.items() if option != "level"},
    "compress": "lzw",
    "predictor": "no",
    "overview_compress": "lzw",
    "overview_predictor": "no",
}

# What the map is made from: read twice, at the place of the map, blocks that are empty left out.
JOINED_OPTIONS: Mapping[str, Any] = {
    "driver": "GTiff",
    "tiled": True,
    "blockxsize": MAP_BLOCK_PX,
    "blockysize": MAP_BLOCK_PX,
    "interleave": "band",
    "sparse_ok": True,
    "bigtiff": "if_safer",
}
OVERVIEW_SETTINGS: Mapping[str, Any] = {
    "SPARSE_OK_OVERVIEW": True,
    "GDAL_TIFF_OVR_BLOCKSIZE": MAP_BLOCK_PX,
    "BIGTIFF_OVERVIEW": "IF_SAFER",
}

# One band, written window by window.
SCRATCH_OPTIONS: Mapping[str, Any] = {
    "driver": "GTiff",
    "tiled": True,
    "blockxsize": 512,
    "blockysize": 512,
    "compress": "zstd",
    "zstd_level": 1,
    "predictor": FLOAT_PREDICTOR,
    "sparse_ok": True,
    "bigtiff": "if_safer",
}

GDAL_CACHE_MB = 64
