"""Batch exports: an image is computed once on the service, and kept as an asset or as a file.

In: an image, a window of the study's grid, a place to keep it. Out: tasks and their states. An
asset's pixels are then read by `gee.pixels.read_window`; they equal those of the image itself.

A task is known by a key of all that makes its pixels. So whoever comes later, after an interruption
or in another process, finds the task that there is; and any number of tasks is found by one
listing. `gee.completion` brings them to their end.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import ee
from odc.geo.geobox import GeoBox

from gee.errors import BusyError, RefusedError, ServiceError
from gee.kinds import error_of_answer
from gee.masked import without_mask
from gee.pixels import request_grid
from gee.session import ask
from gee.stack import graph

NODATA = -9999.0
"""Stands for masked pixels in files; the service itself fills them with minus infinity."""
BLOCK_PX = 256
"""Files have a multiple of this as sides, or the service refuses."""
LARGEST_FILE_PX = 16_384

State = Literal["waiting", "running", "done", "failed", "cancelled"]

_STATES: dict[str, State] = {
    "PENDING": "waiting",
    "RUNNING": "running",
    "CANCELLING": "running",
    "SUCCEEDED": "done",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
}
_KEY_LENGTH = 40
_PASSING_CODES = (8, 13, 14)
"""Of gRPC: resource exhausted, internal, unavailable."""


@dataclass(frozen=True)
class ToAsset:
    """An asset, such as ``projects/my-project/assets/alm90/radar``; an existing one is kept."""

    name: str


@dataclass(frozen=True)
class ToBucket:
    """A file of Cloud Storage: ``<prefix>.tif``."""

    bucket: str
    prefix: str


@dataclass(frozen=True)
class ToDrive:
    """A file in a folder of Drive: ``<prefix>.tif``."""

    folder: str
    prefix: str


Destination = ToAsset | ToBucket | ToDrive


@dataclass(frozen=True)
class Export:
    """An image that is to be computed and kept.

    Parameters
    ----------
    label : what people see in the list of tasks: letters, digits, '_' and '-', at most 50
    image : has a band of each name
    names : the bands, float32 each
    geobox : a window of the study's grid
    destination : where it is kept
    """

    label: str
    image: ee.Image
    names: tuple[str, ...]
    geobox: GeoBox
    destination: Destination

    @cached_property
    def key(self) -> str:
        """Of the graph, the bands, the grid and the destination; 40 hexadecimal digits."""
        parts = [
            graph(self.image).decode(),
            self.names,
            request_grid(self.geobox),
            type(self.destination).__name__,
            vars(self.destination),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_KEY_LENGTH]

    @property
    def file_names(self) -> tuple[str, ...]:
        """Names of the files that it writes: one, or ``<prefix>-<row>-<col>.tif`` of its parts."""
        if isinstance(self.destination, ToAsset):
            return ()
        rows, cols = (int(side) for side in self.geobox.shape.yx)
        firsts = [
            (row, col)
            for row in range(0, rows, _file_side(rows))
            for col in range(0, cols, _file_side(cols))
        ]
        if len(firsts) == 1:
            return (f"{self.destination.prefix}.tif",)
        return tuple(f"{self.destination.prefix}-{row:010d}-{col:010d}.tif" for row, col in firsts)

    @property
    def description(self) -> str:
        return f"{self.label}-{self.key}"

    def request(self) -> dict[str, Any]:
        """What is sent, but for the request's id."""
        rows, cols = (int(side) for side in self.geobox.shape.yx)
        image = self.image.select(list(self.names)).toFloat()
        common = {
            "description": self.description,
            "grid": request_grid(self.geobox),
            "maxPixels": {"value": str(rows * cols)},
        }
        if isinstance(self.destination, ToAsset):
            kept = {"name": self.destination.name, "overwrite": False}
            # An asset keeps masks; the mean over valid pixels makes its coarser levels.
            options = {"earthEngineDestination": kept, "pyramidingPolicy": "MEAN"}
            return {**common, "expression": image, "assetExportOptions": options}
        if isinstance(self.destination, ToBucket):
            place = {"bucket": self.destination.bucket, "filenamePrefix": self.destination.prefix}
            where = {"cloudStorageDestination": place}
        else:
            place = {"folder": self.destination.folder, "filenamePrefix": self.destination.prefix}
            where = {"driveDestination": place}
        files = {
            "noData": {"floatValue": NODATA},
            "tileDimensions": {"width": _file_side(cols), "height": _file_side(rows)},
        }
        return {
            **common,
            "expression": without_mask(image, self.names, NODATA),
            "fileExportOptions": {"fileFormat": "GEO_TIFF", "geoTiffOptions": files, **where},
        }


@dataclass(frozen=True)
class Task:
    """What became of an export.

    Parameters
    ----------
    key : of the export
    operation : its name on the service
    state : waiting, running, done, failed or cancelled
    attempts : how often it was started
    error : why it failed, of the kind that says what to do
    uris : what was written, once it is done
    eecu_seconds : what it cost so far, where the service says so
    """

    key: str
    operation: str
    state: State
    attempts: int
    error: ServiceError | None = None
    uris: tuple[str, ...] = ()
    eecu_seconds: float | None = None


def start(export: Export, attempt: int) -> Task:
    """Start an export; the same attempt never starts twice.

    Neither if the answer to the first request was lost, nor if another process is as far at the
    same time.

    Raises
    ------
    ServiceError
        it is refused, or the queue of 3,000 tasks stays full.
    """
    send = partial(ee.data.exportImage, f"{export.key}-{attempt}", export.request())
    return _task(export.key, ask(send, f"export of {export.label}"), attempt)


def tasks(keys: Iterable[str]) -> dict[str, Task]:
    """Return the tasks of exports by key, the newest attempt of each; one listing finds all.

    Keys that the service doesn't know are left out.
    """
    wanted = set(keys)
    listed: list[dict[str, Any]] = ask(ee.data.listOperations, "list of tasks") if wanted else []
    attempts: dict[str, list[dict[str, Any]]] = {}
    for operation in listed:
        key = operation.get("metadata", {}).get("description", "")[-_KEY_LENGTH:]
        if key in wanted:
            attempts.setdefault(key, []).append(operation)
    return {
        key: _task(key, max(found, key=_created), len(found)) for key, found in attempts.items()
    }


def _task(key: str, operation: Mapping[str, Any], attempts: int) -> Task:
    metadata = operation.get("metadata", {})
    state = _STATES.get(metadata.get("state", ""), "waiting")
    error = None
    if state == "failed":
        failure = operation.get("error", {})
        message, what = str(failure.get("message", "")), f"task {metadata.get('description')}"
        # Their codes are those of gRPC, not those of HTTP; what is too heavy has that of others.
        error = error_of_answer(None, message, what)
        if isinstance(error, RefusedError) and failure.get("code") in _PASSING_CODES:
            error = BusyError(f"{what}: {message}; go on later")
    eecu = metadata.get("batchEecuUsageSeconds")
    return Task(
        key,
        str(operation["name"]),
        state,
        attempts,
        error,
        tuple(metadata.get("destinationUris", ())),
        None if eecu is None else float(eecu),
    )


def _created(operation: Mapping[str, Any]) -> str:
    return str(operation.get("metadata", {}).get("createTime", ""))


def _file_side(pixels: int) -> int:
    return min(LARGEST_FILE_PX, math.ceil(pixels / BLOCK_PX) * BLOCK_PX)
