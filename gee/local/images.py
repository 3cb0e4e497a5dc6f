"""Images: lists of lazy bands. A band is a function from a pixel grid to masked pixels.

In: functions, types and projections. Out: `Image`, and the helpers with which algorithms build new
images from old ones without computing a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gee.local import footprints
from gee.local.errors import InvalidRequestError
from gee.local.footprints import Footprint
from gee.local.grids import WGS84, PixelGrid, Projection
from gee.local.pixel_types import PixelType
from gee.local.pixels import Compute, ComputeMany, Pixels, current_cache, read


@dataclass(frozen=True, eq=False)
class Band:
    """One lazy band.

    `projection` is the default projection: where a request names none, pixels are computed there.
    `size` is (width, height) in pixels of a band that comes from a raster.
    """

    name: str
    pixel_type: PixelType
    projection: Projection
    compute: Compute
    footprint: Footprint | None = None
    size: tuple[int, int] | None = None

    def pixels(self, grid: PixelGrid) -> Pixels:
        """The pixels on a grid; the request remembers them."""
        pixels: Pixels = read(self.compute, grid)
        return pixels

    def last_pixels(self, grid: PixelGrid) -> Pixels:
        """The pixels on a grid, for a computation that will not ask for them again."""
        pixels = self.pixels(grid)
        current_cache().release(self.compute, grid)
        return pixels

    def to_json(self) -> dict[str, Any]:
        """As `getInfo` shows it."""
        out: dict[str, Any] = {
            "id": self.name,
            "data_type": self.pixel_type.to_json(),
            "crs": self.projection.crs,
            "crs_transform": list(self.projection.transform),
        }
        if self.size is not None:
            out["dimensions"] = list(self.size)
        return out


@dataclass(frozen=True, eq=False)
class Image:
    """Bands and properties."""

    bands: tuple[Band, ...]
    properties: dict[str, Any] = field(default_factory=dict)
    asset_id: str | None = None

    @property
    def band_names(self) -> list[str]:
        """Names of the bands in order."""
        return [band.name for band in self.bands]

    @property
    def footprint(self) -> Footprint | None:
        """The footprint of the whole image: the union of its bands'."""
        return footprints.union([band.footprint for band in self.bands]) if self.bands else None

    def band(self, name: str, algorithm: str) -> Band:
        """The band of a name.

        Raises
        ------
        InvalidRequestError
            There is none.
        """
        for band in self.bands:
            if band.name == name:
                return band
        have = f"Available bands: [{', '.join(self.band_names)}]."
        raise InvalidRequestError(f"{algorithm}: No band named '{name}'. {have}")

    def first_band(self, algorithm: str) -> Band:
        """The first band, which gives an image its default projection."""
        if not self.bands:
            raise InvalidRequestError(f"{algorithm}: The image has no bands.")
        return self.bands[0]

    def with_bands(self, bands: Iterable[Band]) -> Image:
        """The same properties over other bands."""
        return replace(self, bands=tuple(bands), asset_id=None)

    def with_properties(self, properties: dict[str, Any]) -> Image:
        """The same bands with other properties."""
        return replace(self, properties=properties)


def constant_band(name: str, value: float | int, pixel_type: PixelType) -> Band:
    """A band of one value everywhere."""
    typed = pixel_type.dtype.type(value)

    def compute(grid: PixelGrid) -> Pixels:
        return Pixels(np.broadcast_to(typed, grid.shape), np.broadcast_to(np.True_, grid.shape))

    return Band(name, pixel_type, WGS84, compute)


def renamed(bands: Sequence[Band], names: Sequence[str], algorithm: str) -> list[Band]:
    """The bands under other names.

    Raises
    ------
    InvalidRequestError
        The numbers differ, or a name comes twice.
    """
    if len(bands) != len(names):
        raise InvalidRequestError(
            f"{algorithm}: The number of names ({len(names)}) must match the number of bands "
            f"({len(bands)})."
        )
    if len(set(names)) != len(names):
        raise InvalidRequestError(f"{algorithm}: Duplicate band names: [{', '.join(names)}].")
    return [replace(band, name=str(name)) for band, name in zip(bands, names, strict=True)]


def unique_name(name: str, taken: Iterable[str]) -> str:
    """The name itself, or with the first suffix _1, _2, ... that is not taken."""
    used = set(taken)
    if name not in used:
        return name
    number = 1
    while f"{name}_{number}" in used:
        number += 1
    return f"{name}_{number}"


def map_band(
    band: Band,
    function: Callable[[Pixels, PixelGrid], Pixels],
    pixel_type: PixelType | None = None,
) -> Band:
    """A band whose pixels are a function of another's on the same grid."""

    def compute(grid: PixelGrid) -> Pixels:
        return function(band.pixels(grid), grid)

    return replace(band, compute=compute, pixel_type=pixel_type or band.pixel_type)


def joint_bands(compute_all: ComputeMany, templates: Sequence[Band]) -> list[Band]:
    """Bands that one computation yields together; it runs once a grid.

    `templates` give names, types, projections and footprints, in the order of the results.
    """

    def select(index: int) -> Compute:
        def compute(grid: PixelGrid) -> Pixels:
            every: list[Pixels] = read(compute_all, grid)
            return every[index]

        return compute

    return [replace(band, compute=select(index)) for index, band in enumerate(templates)]
