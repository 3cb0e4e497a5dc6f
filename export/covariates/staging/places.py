"""What every place offers in which results of batch exports are kept."""

import re
from collections.abc import Collection, Sequence
from typing import Protocol

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
