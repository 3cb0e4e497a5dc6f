"""Files that are cut off at any byte, as those are that are still being copied.

Fault caught: the pixels that are not there yet pass for masked ones, or for others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy

from export.covariates.staging.files import FilePixels, PieceFile, check_file
from export.covariates.staging.pieces import Piece
from export.errors import RasterError, TileError
from gee.grid import geobox_of_region

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

GRID = geobox_of_region(93.0, 35.0, 93.3, 35.2, "EPSG:4326", 0.01)
"""20 rows, 30 columns."""
PIECE = Piece("radar", ("vv", "vh"), (0, 0, 20, 30))
VALUES = np.random.default_rng(5).normal(size=(2, 20, 30)).astype(np.float32)
VALUES[:, :3] = -9999


def exported(path: Path, **options: Any) -> bytes:
    with rasterio.open(
        path, "w", driver="GTiff", count=2, height=20, width=30, dtype="float32",
        crs="EPSG:4326", transform=GRID.transform, nodata=-9999, **options,
    ) as dataset:  # fmt: skip
        dataset.write(VALUES)
        dataset.descriptions = PIECE.names
    return path.read_bytes()


def directory_at_the_end(folder: Path) -> bytes:
    return exported(folder / "whole.tif", compress="lzw")


def in_blocks(folder: Path) -> bytes:
    return exported(folder / "whole.tif", tiled=True, blockxsize=16, blockysize=16)


def directory_at_the_front(folder: Path) -> bytes:
    exported(folder / "whole.tif")
    copy(folder / "whole.tif", folder / "front.tif", driver="COG", compress="LZW")
    return (folder / "front.tif").read_bytes()


@pytest.mark.parametrize("layout", [directory_at_the_end, in_blocks, directory_at_the_front])
@pytest.mark.parametrize("allotted", [False, True], ids=["short", "allotted"])
def test_a_file_that_is_cut_off_is_never_taken_for_whole(
    tmp_path: Path, layout: Any, allotted: bool
) -> None:
    """Also where the disk has allotted the rest beforehand, and it holds zeros."""
    content = layout(tmp_path)
    path = tmp_path / "here.tif"
    wanted = np.where(VALUES == -9999, np.nan, VALUES)
    refused = []
    for length in [*range(0, 1200, 23), *range(1200, len(content) - 700, 311),
                   *range(len(content) - 700, len(content), 23)]:  # fmt: skip
        path.write_bytes(content[:length] + bytes(len(content) - length if allotted else 0))
        try:
            span = check_file(path, PIECE.names, GRID, (0, 0), "Bring it")
            found = FilePixels(GRID, {PIECE: [PieceFile(path, span)]}, {}).read(PIECE.names, GRID)
        except (RasterError, TileError) as error:
            refused.append(str(error))
        else:
            np.testing.assert_array_equal(found, wanted, err_msg=f"of {length} bytes")
    assert len(refused) > 50
    for word in ("other bands", "another grid"):
        assert not [one for one in refused if word in one], "that would stop all other files, too"
    path.write_bytes(content)
    span = check_file(path, PIECE.names, GRID, (0, 0), "Bring it")
    found = FilePixels(GRID, {PIECE: [PieceFile(path, span)]}, {}).read(PIECE.names, GRID)
    np.testing.assert_array_equal(found, wanted)
