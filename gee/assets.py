"""Assets of the user: whether they are there, on which grid, and folders for them.

In: names such as ``projects/my-project/assets/alm90/radar``. Out: what the service knows of them,
or an error that says what is wrong.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import ee
from affine import Affine
from odc.geo.geobox import GeoBox

from gee.errors import AssetError, RefusedError
from gee.grid import ALIGNMENT_PX
from gee.session import ask


def exists(name: str) -> bool:
    """Return whether there is such an asset, open to this account."""
    try:
        ask(partial(ee.data.getAsset, name), f"asset '{name}'")
    except AssetError:
        return False
    return True


def make_folder(name: str) -> None:
    """Make a folder for assets, and those above it, unless they are there.

    Raises
    ------
    RefusedError
        the name is none of a folder, or the service refuses to make it.
    """
    root, _, path = name.partition("/assets/")
    if not path:
        raise RefusedError(
            f"'{name}' is no folder for assets; write it like 'projects/my-project/assets/alm90'"
        )
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        folder = f"{root}/assets/{'/'.join(parts[:depth])}"
        if not exists(folder):
            ask(partial(ee.data.createFolder, folder), f"folder '{folder}'")


def listed(folder: str) -> set[str]:
    """Return the full names of what lies in a folder for assets; one listing finds all.

    Raises
    ------
    AssetError
        there is no such folder, or it is not open to this account.
    """
    found = ask(partial(ee.data.listAssets, {"parent": folder}), f"folder '{folder}'")
    return {str(entry["name"]) for entry in found["assets"]}


def check_image(name: str, names: Sequence[str], geobox: GeoBox) -> None:
    """See that an image can stand for what was staged into it.

    Parameters
    ----------
    name : of the asset
    names : bands that it must have
    geobox : a window that it must cover, pixel on pixel

    Raises
    ------
    AssetError
        it is missing, lacks a band, or has other pixels.
    """
    where = f"asset '{name}'"
    found: Any = ask(ee.Image(name).getInfo, where)
    bands = {band["id"]: band for band in found["bands"]}
    lacking = [band for band in names if band not in bands]
    if lacking:
        raise AssetError(
            f"{where} lacks {', '.join(lacking)}; it has {', '.join(bands)}. Delete it, or name "
            "another, and it is computed anew"
        )
    for band in names:
        _check_grid(f"{where}, band {band}", bands[band], geobox)


def _check_grid(where: str, band: dict[str, Any], geobox: GeoBox) -> None:
    wanted = geobox.transform
    transform = Affine(*band["crs_transform"]) * Affine.translation(*band.get("origin", (0, 0)))
    cols, rows = band.get("dimensions", (0, 0))
    # The window's corners in pixels of the asset.
    west, north = ~transform * (wanted.c, wanted.f)
    height, width = geobox.shape.yx
    east, south = ~transform * (wanted * (width, height))
    edges = (west, north, east - west - width, south - north - height)
    on_pixels = all(abs(edge - round(edge)) < ALIGNMENT_PX for edge in edges)
    same_size = abs(edges[2]) < ALIGNMENT_PX and abs(edges[3]) < ALIGNMENT_PX
    if band.get("crs") != str(geobox.crs) or not (on_pixels and same_size):
        raise AssetError(
            f"{where} has other pixels than the study's grid: {band.get('crs')}, "
            f"{band['crs_transform']}. Delete it, or name another, and it is computed anew"
        )
    covers = west > -0.5 and north > -0.5 and east < cols + 0.5 and south < rows + 0.5
    if not covers:
        raise AssetError(
            f"{where} of {rows} x {cols} pixels doesn't cover the window of {height} x {width}: "
            "delete it, or name another, and it is computed anew"
        )
