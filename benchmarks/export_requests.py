"""How many requests an export sends, how long they take to plan, how much memory it holds.

    python benchmarks/export_requests.py --side 16000
    python benchmarks/export_requests.py --write 4096 --bands 52 --workers 8

The first plans regions of three shapes in a square: all of it, a disc, an ellipse half as wide. The
ideal is what their pixels, bands and 5 bytes a value take in requests of 24 MiB. The second writes
covariate tiles by the product's own functions from a service that answers with noise, and tells the
process's peak memory (VmHWM) beside that before the first request.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from export.covariates.provider import Cost, CovariateInfo, CovariateStack, TileValues
from export.covariates.region import Extent, Region, extent_of, region_extents
from export.covariates.tile_plans import plan_tiles
from export.covariates.tile_writing import write_covariate_tiles
from export.covariates.windows import windows_of
from export.journal import Journal
from export.progress import silent
from gee.grid import geobox_of_region, tiles_of
from gee.pixels import BUDGET_BYTES, BYTES_PER_VALUE, most_pixels, windows_within_budget

TILE_PX = 512
WIDTH_OF = {"square": None, "disc": 1.0, "ellipse": 0.5}
BANDS = (1, 2, 4, 8, 11, 20, 32, 52)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=16_000, help="of the square, in pixels")
    parser.add_argument("--write", type=int, metavar="SIDE", help="write the tiles of a square")
    parser.add_argument("--bands", type=int, default=52)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=0.0, help="that an answer takes")
    options = parser.parse_args()
    if options.write:
        write(options.write, Service(options.bands, options.workers, options.seconds))
        return
    print("| region | bands | requests | ideal | ratio | of a tile each | planned in CPU s |")
    print("|---|---|---|---|---|---|---|")
    for shape, width in WIDTH_OF.items():
        extents = extents_of(options.side, width)
        for bands in BANDS:
            print(row(shape, extents, bands), flush=True)


def row(shape: str, extents: Sequence[Extent], bands: int) -> str:
    begun = time.process_time()
    windows = windows_of(extents, most_pixels(bands))
    taken = time.process_time() - begun
    requests = sum(len(windows_within_budget(window.shape, bands)) for window in windows)
    by_tile = sum(len(windows_within_budget(extent.tile.shape, bands)) for extent in extents)
    ideal = sum(extent.pixels for extent in extents) * bands * BYTES_PER_VALUE / BUDGET_BYTES
    return (
        f"| {shape} | {bands} | {requests} | {ideal:.1f} | {requests / ideal:.3f} "
        f"| {by_tile / ideal:.3f} | {taken:.2f} |"
    )


def extents_of(side: int, width: float | None) -> list[Extent]:
    """Return where an ellipse as high as a square lies in the square's tiles."""
    extents = []
    for tile in tiles_of(grid_of(side), TILE_PX):
        inside = np.ones(tile.shape, bool)
        if width is not None:
            rows, cols = np.ogrid[: tile.shape[0], : tile.shape[1]]
            up = (2 * (tile.window[0] + rows) + 1) / side - 1
            right = ((2 * (tile.window[1] + cols) + 1) / side - 1) / width
            inside = up**2 + right**2 < 1
        extents.append(extent_of(tile, inside))
    return [extent for extent in extents if extent.pixels]


def write(side: int, service: "Service") -> None:
    workers = service.requests_at_once
    stack, region = CovariateStack.of(service), Region(grid_of(side))
    extents = {extent.name: extent for extent in region_extents(region, TILE_PX)}
    with tempfile.TemporaryDirectory() as scratch:
        journal = Journal(Path(scratch) / "journal.sqlite")
        tiles = [extent.tile for extent in extents.values()]
        plans = plan_tiles(stack, region, tiles, Path(scratch) / "tiles", journal)
        before, begun = peak_mib(), time.monotonic()
        report = write_covariate_tiles(stack, region, plans, journal, silent(), workers, extents)
        taken = time.monotonic() - begun
        journal.close()
    print(
        f"{len(report.written)} tiles of {len(stack.names)} bands from {service.answers} answers, "
        f"{workers} at once: {taken:.0f} s, peak memory {peak_mib():.0f} MiB, {before:.0f} before"
    )


def grid_of(side: int) -> GeoBox:
    return geobox_of_region(0, 0, side, side, "EPSG:32646", 1.0)


def peak_mib() -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this system does not tell a process's peak memory")


class Service:
    """Answers after some seconds with noise."""

    def __init__(self, bands: int, workers: int, seconds: float) -> None:
        self.seconds = seconds
        self.covariates = tuple(
            CovariateInfo(f"b{number}", "1", "nodata", "", categorical=False, source="")
            for number in range(bands)
        )
        self.requests_at_once = workers
        self.answers = 0

    @property
    def service(self) -> "Service":
        return self

    def fingerprint(self, name: str) -> str:
        return name

    def cost(self, names: Sequence[str], shape: tuple[int, int]) -> Cost:
        return Cost(1, len(names) * shape[0] * shape[1] * BYTES_PER_VALUE)

    def most_pixels(self, names: Sequence[str]) -> int:
        return most_pixels(len(names))

    def made_from(self, names: Sequence[str]) -> str:
        return ", ".join(names)

    def refusals(self, names: Sequence[str]) -> list[str]:  # noqa: ARG002
        return []

    def read_window(self, names: Sequence[str], window: GeoBox) -> NDArray[np.float32]:
        self.answers += 1
        time.sleep(self.seconds)
        shape = (len(names), *(int(side) for side in window.shape.yx))
        return np.random.default_rng(self.answers).random(shape, np.float32)

    def screened(self, names: Sequence[str], values: NDArray[np.float32]) -> TileValues:
        return TileValues(values, {name: np.zeros(values.shape[1:], bool) for name in names})


if __name__ == "__main__":
    main()
