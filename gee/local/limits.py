"""The service's limits, and the words with which it refuses what goes beyond them.

In: sizes in pixels and bytes. Out: nothing, or the service's own error.
"""

from __future__ import annotations

from collections.abc import Sequence

from gee.local.errors import InvalidRequestError
from gee.local.images import Band

MAXIMUM_REQUEST_BYTES = 48 * 2**20
"""Uncompressed pixels of one computePixels request, one mask byte a band and pixel included."""
MAXIMUM_DOWNLOAD_BYTES = 32 * 2**20
MAXIMUM_SIDE_PX = 32_768
MAXIMUM_DOWNLOAD_SIDE_PX = 10_000
MAXIMUM_BANDS = 1024
MAXIMUM_ELEMENTS = 5000
MAXIMUM_PAYLOAD_BYTES = 10 * 2**20
MAXIMUM_EXPORT_PIXELS = 10**8
MAXIMUM_QUEUED_TASKS = 3000


def check_pixels(bands: Sequence[Band], width: int, height: int, download: bool = False) -> None:
    """Refuse a request for pixels that the service would refuse for its size."""
    side = MAXIMUM_DOWNLOAD_SIDE_PX if download else MAXIMUM_SIDE_PX
    if width > side or height > side:
        raise InvalidRequestError(
            f"Pixel grid dimensions ({width}x{height}) must be less than or equal to {side}."
        )
    for band in bands:
        if band.pixel_type.dimensions:
            raise InvalidRequestError(
                f"Pixels of the array band '{band.name}' cannot be written; flatten it first "
                "(arrayFlatten)."
            )
    if len(bands) > MAXIMUM_BANDS:
        raise InvalidRequestError(
            f"Image has too many bands ({len(bands)}); must be less than or equal to "
            f"{MAXIMUM_BANDS}."
        )
    limit = MAXIMUM_DOWNLOAD_BYTES if download else MAXIMUM_REQUEST_BYTES
    size = sum(band.pixel_type.dtype.itemsize + 1 for band in bands) * width * height
    if size > limit:
        raise InvalidRequestError(
            f"Total request size ({size} bytes) must be less than or equal to {limit} bytes."
        )


def check_payload(size_bytes: int) -> None:
    """Refuse a request body of more than 10 MB."""
    if size_bytes > MAXIMUM_PAYLOAD_BYTES:
        raise InvalidRequestError(
            f"Request payload size exceeds the limit: {MAXIMUM_PAYLOAD_BYTES} bytes."
        )


def check_region(pixels: int, maximum: int, algorithm: str) -> None:
    """Refuse to aggregate more pixels than `maxPixels`."""
    if pixels > maximum:
        raise InvalidRequestError(
            f"{algorithm}: Too many pixels in the region. Found {pixels}, but maxPixels allows "
            f"only {maximum}.\nEnsure that you are not aggregating at a higher resolution than you "
            "intended; that is a frequent cause of this error. If not, then you may set the "
            "'maxPixels' argument to a limit suitable for your computation; set 'bestEffort' to "
            "true to aggregate at whatever scale results in 'maxPixels' total pixels; or both."
        )
