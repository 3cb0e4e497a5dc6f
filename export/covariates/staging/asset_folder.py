"""Assets as the place of what was exported: pixels are then asked of them.

In: a folder of assets. Out: for names and a window an image whose pixels are those of the
composites.
"""

from collections.abc import Callable, Mapping, Sequence

import ee
from odc.geo.geobox import GeoBox

from export.covariates.source import coinciding_origin
from export.covariates.staging.pieces import Piece, overlap
from export.parallel import in_order
from gee import assets
from gee.batch import Export, ToAsset
from gee.errors import ServiceError


class AssetFolder:
    """A folder of assets (a `Place`).

    Parameters
    ----------
    folder : such as ``projects/my-project/assets/alm90``; made where it is missing
    workers : requests at once
    """

    comes_back = True

    def __init__(self, folder: str, workers: int) -> None:
        self._folder, self._workers = folder, workers
        self._checked: set[str] = set()
        assets.make_folder(folder)

    def destination(self, base: str) -> ToAsset:
        return ToAsset(f"{self._folder}/{base}")

    def present(self, exports: Sequence[Export]) -> set[str]:
        there = assets.listed(self._folder)
        found = [export for export in exports if _name(export) in there]
        new = [export for export in found if export.key not in self._checked]
        for export in in_order(_check, new, self._workers):
            self._checked.add(export.key)
        return {export.key for export in found}


def staged_images(
    grid: GeoBox,
    staged: Mapping[Piece, Export],
    failed: Mapping[Piece, ServiceError],
    others: Callable[[Sequence[str], GeoBox], ee.Image],
) -> Callable[[Sequence[str], GeoBox], ee.Image]:
    """Return what makes an image of assets, for names and the window of a request.

    Parameters
    ----------
    grid : the study's, whole
    staged : pieces that lie in assets
    failed : pieces that could not be made; who asks for their pixels gets the error
    others : makes an image of covariates that are not staged
    """
    groups: dict[str, str] = {name: piece.group for piece in staged for name in piece.names}
    groups |= {name: piece.group for piece in failed for name in piece.names}

    def image_of(names: Sequence[str], window: GeoBox) -> ee.Image:
        origin = coinciding_origin(window, grid)
        assert origin is not None, "a window of the grid"
        height, width = window.shape.yx
        span = (*origin, int(height), int(width))
        images = []
        for group in dict.fromkeys(groups[name] for name in names if name in groups):
            wanted = [name for name in names if groups.get(name) == group]

            def concerns(piece: Piece, group: str = group, wanted: list[str] = wanted) -> bool:
                return (
                    piece.group == group
                    and piece.holds(wanted)
                    and overlap(piece.window, span) is not None
                )

            for error in (error for piece, error in failed.items() if concerns(piece)):
                raise error
            parts = [
                ee.Image(_name(export)).select(wanted)
                for piece, export in staged.items()
                if concerns(piece)
            ]
            # Pieces never overlap, and all lie on one grid: the mosaic has each one's own pixels.
            images.append(parts[0] if len(parts) == 1 else ee.ImageCollection(parts).mosaic())
        direct = [name for name in names if name not in groups]
        images += [others(direct, window)] if direct else []
        joined: ee.Image = ee.Image.cat(images).select(list(names))
        return joined

    return image_of


def _name(export: Export) -> str:
    assert isinstance(export.destination, ToAsset)
    return export.destination.name


def _check(export: Export) -> Export:
    assets.check_image(_name(export), export.names, export.geobox)
    return export
