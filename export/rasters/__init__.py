"""Rasters on disk and in object storage, read and written in one way."""

import os

from export.rasters.options import GDAL_CACHE_MB

# GDAL's cache of blocks is 5 % of the memory unless said otherwise, however much that is. Said for
# the process: rasterio.Env takes the number as bytes, and at its end lifts it for all threads.
os.environ.setdefault("GDAL_CACHEMAX", str(GDAL_CACHE_MB))
