"""What every place offers in which results of batch exports are kept."""

import re
from collections.abc import Collection, Sequence
from typing import Protocol

from odc.geo.geobox import GeoBox

from gee.batch import Destination, Export


class Place(Protocol):
    """A folder of assets, a bucket, or a folder of Drive whose files the user brings."""

    @property
    def comes_back(self) -> bool:
        """Whether what was exported is found here by itself, so that what isn't here is gone."""

    def destination(self, base: str) -> Destination:
        """Return where a result of this name goes."""

    def present(self, exports: Sequence[Export]) -> set[str]:
        """Return the keys of exports whose results are here, whole.

        Raises
        ------
        ServiceError, ExportError
            where one that is here is not what was exported.
        """


def files_of(prefix: str, names: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return the files that an export wrote, each with the row and column of its first pixel.

    Parameters
    ----------
    prefix : of the export
    names : of all files; the service writes ``<prefix>.tif``, or ``<prefix>-<row>-<col>.tif`` of
        ten digits each, counted in pixels of the exported window
    """
    pattern = re.compile(rf"{re.escape(prefix)}(?:-(\d{{10}})-(\d{{10}}))?\.tif")
    found = {name: pattern.fullmatch(name) for name in sorted(names)}
    return {
        name: (int(match[1] or 0), int(match[2] or 0)) for name, match in found.items() if match
    }


def files_of_export(
    prefix: str, names: Collection[str], expected: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Return `files_of` an export; where all are there that it was to write, those alone."""
    found = files_of(prefix, names)
    if found.keys() >= set(expected):
        return {name: found[name] for name in expected}
    return found


def may_be_whole(firsts: Collection[tuple[int, int]], window: GeoBox) -> bool:
    """Say whether files, all of one size but the last, may be all of a window.

    Parameters
    ----------
    firsts : row and column of each file's first pixel. How large a file is shows by where the next
        one begins, so that a single row or column of files is believed to reach to the end
    """
    rows, cols = sorted({row for row, _ in firsts}), sorted({col for _, col in firsts})
    return len(rows) * len(cols) == len(firsts) and all(
        _reaches(starts, int(side)) for starts, side in zip((rows, cols), window.shape, strict=True)
    )


def _reaches(starts: Sequence[int], length: int) -> bool:
    """Say whether equal steps lead from 0 to the end of a length."""
    if not starts or len(starts) == 1:
        return list(starts) == [0]
    step = starts[1]
    return list(starts) == list(range(0, length, step))
