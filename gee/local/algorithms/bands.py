"""Bands of an image: selection, names, order, types."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from gee.local import pixel_types
from gee.local.algorithms.strings import replace as replace_text
from gee.local.coercion import to_image, to_pixel_type
from gee.local.errors import InvalidRequestError
from gee.local.grids import WGS84
from gee.local.images import Band, Image, map_band, renamed, unique_name
from gee.local.pixel_types import PixelType
from gee.local.pixels import Pixels, nowhere
from gee.local.registry import algorithm


def chosen_bands(image: Image, selectors: Iterable[Any], name: str) -> list[Band]:
    """The bands that names, patterns or positions select, in the selectors' order."""
    chosen: list[Band] = []
    for selector in selectors:
        if isinstance(selector, int):
            if not 0 <= selector < len(image.bands):
                raise InvalidRequestError(
                    f"{name}: Band number {selector} is out of range: the image has "
                    f"{len(image.bands)} bands."
                )
            chosen.append(image.bands[selector])
            continue
        if not isinstance(selector, str):
            raise InvalidRequestError(f"{name}: A band selector must be a string or a number.")
        exact = [band for band in image.bands if band.name == selector]
        try:
            pattern = re.compile(selector)
        except re.error as error:
            raise InvalidRequestError(f"{name}: Invalid pattern '{selector}'.") from error
        found = exact or [band for band in image.bands if pattern.fullmatch(band.name)]
        if not found:
            raise InvalidRequestError(
                f"{name}: Pattern '{selector}' did not match any bands. Available bands: "
                f"[{', '.join(image.band_names)}]"
            )
        chosen.extend(found)
    return chosen


def select_bands(image: Image, selectors: list[Any], name: str) -> Image:
    """The image with the selected bands; a band that is chosen twice gets a suffix."""
    bands: list[Band] = []
    for band in chosen_bands(image, selectors, name):
        bands.append(replace(band, name=unique_name(band.name, [one.name for one in bands])))
    return image.with_bands(bands)


@algorithm("Image.select")
def select(input: Image, bandSelectors: list[Any], newNames: list[str] | None) -> Image:  # noqa: A002
    """Some bands, under new names where given."""
    if newNames is None:
        return select_bands(input, bandSelectors, "Image.select")
    bands = chosen_bands(input, bandSelectors, "Image.select")
    return input.with_bands(renamed(bands, newNames, "Image.select"))


@algorithm("Image.rename")
def rename(input: Image, names: list[str]) -> Image:  # noqa: A002
    """All bands under other names."""
    return input.with_bands(renamed(input.bands, names, "Image.rename"))


@algorithm("Image.regexpRename")
def regexp_rename(input: Image, regex: str, replacement: str, all: bool) -> Image:  # noqa: A002
    """All bands with a pattern of their names replaced."""
    flags = "g" if all else ""
    names = [replace_text(name, regex, replacement, flags) for name in input.band_names]
    return input.with_bands(renamed(input.bands, names, "Image.regexpRename"))


@algorithm("Image.slice")
def slice_bands(image: Image, start: int, end: int | None) -> Image:
    """The bands from one position to before another."""
    return image.with_bands(image.bands[start:end])


def add_bands(first: Image, second: Image, names: list[str] | None, overwrite: bool) -> Image:
    """All bands of the first and some of the second; repeated names get suffixes or replace."""
    added = list(second.bands) if names is None else chosen_bands(second, names, "Image.addBands")
    bands = list(first.bands)
    for band in added:
        taken = [one.name for one in bands]
        if overwrite and band.name in taken:
            bands[taken.index(band.name)] = band
        else:
            bands.append(replace(band, name=unique_name(band.name, taken)))
    return replace(first, bands=tuple(bands))


@algorithm("Image.addBands")
def add_bands_of(dstImg: Image, srcImg: Image, names: list[str] | None, overwrite: bool) -> Image:
    """The bands of both images."""
    return add_bands(dstImg, srcImg, names, overwrite)


@algorithm("Image.cat")
def cat(images: list[Any]) -> Image:
    """The bands of all images."""
    parts = [to_image(image) for image in images]
    if not parts or any(part is None for part in parts):
        raise InvalidRequestError("Image.cat: Need a list of images or numbers.")
    result = parts[0]
    for part in parts[1:]:
        result = add_bands(result, part, None, overwrite=False)  # type: ignore[arg-type]
    return result  # type: ignore[return-value]


@algorithm("Image.bandNames")
def band_names(image: Image) -> list[str]:
    """Names of the bands."""
    return image.band_names


@algorithm("Image.bandTypes")
def band_types(image: Image) -> dict[str, PixelType]:
    """Types of the bands by name."""
    return {band.name: band.pixel_type for band in image.bands}


def cast_band(band: Band, target: PixelType) -> Band:
    """The band in another type: towards zero, held to its range."""

    def convert(pixels: Pixels, _grid: Any) -> Pixels:
        return Pixels(pixel_types.cast(np.asarray(pixels.values), target), pixels.mask)

    return map_band(band, convert, target)


@algorithm("Image.cast")
def cast(image: Image, bandTypes: dict[str, Any], bandOrder: list[str] | None) -> Image:
    """Some bands in other types; bands that are not there are added masked."""
    bands = {band.name: band for band in image.bands}
    for name in sorted(bandTypes):
        target = to_pixel_type(bandTypes[name])
        if target is None:
            raise InvalidRequestError(f"Image.cast: Unknown type of the band '{name}'.")
        bands[name] = cast_band(bands[name], target) if name in bands else _masked(name, target)
    order = list(bands) if bandOrder is None else bandOrder
    if sorted(order) != sorted(bands):
        raise InvalidRequestError("Image.cast: bandOrder must list every band of the result.")
    return image.with_bands(bands[name] for name in order)


def _masked(name: str, target: PixelType) -> Band:
    zero = target.dtype.type(0)
    return Band(
        name,
        target,
        WGS84,
        lambda grid: Pixels(np.broadcast_to(zero, grid.shape), nowhere(grid)),
    )
