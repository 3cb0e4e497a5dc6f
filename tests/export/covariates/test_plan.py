"""`alm90 plan`: what an export takes, said before anything is asked for."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine


def told(output: str, words: str) -> int:
    found = re.search(words, output)
    assert found, output
    return int(found[1])


def test_the_plan_is_what_the_export_then_does(earth_engine_study: Any) -> None:
    study = earth_engine_study
    study.write_small_requests()
    early = study.alm90("plan")
    assert early.exit_code == 0, early.output
    assert "there already: 0 tiles whole" in early.stdout
    assert study.pixel_requests() == []
    planned = told(early.stdout, r"asked of Earth Engine: (\d+) requests")
    assert study.alm90("export").exit_code == 0
    assert len(study.pixel_requests()) == planned == 4
    # 64 x 64 pixels of three bands of 4 B and a byte of mask; the raster's band costs nothing.
    assert f"{64 * 64 * 3 * 5 / 1e3:.1f} kB in all" in early.stdout
    size = sum(len(content) for content in study.tile_bytes().values())
    assert size < 64 * 64 * 5 * 4 + 4 * 20_000  # what "at most" says, and the tiles' headers
    assert f"disk: at most {64 * 64 * 5 * 4 / 1e3:.1f} kB" in early.stdout
    late = study.alm90("plan")
    assert "there already: 4 tiles whole" in late.stdout
    assert told(late.stdout, r"asked of Earth Engine: (\d+) requests") == 0
    study.write(earthengine={"terrain": {"least_gradient": 0.1}})
    changed = study.alm90("plan")
    assert "0 tiles whole, 4 in part" in changed.stdout
    assert "only twi will be read" in changed.stdout
    assert f"{64 * 64 * 5 / 1e3:.1f} kB in all" in changed.stdout
    assert len(study.pixel_requests()) == planned


def test_without_a_connection_all_is_counted(earth_engine_study: Any) -> None:
    study = earth_engine_study
    study.write(earthengine={"url": "http://127.0.0.1:9", "patience_s": 0.0, "deadline_s": 1.0})
    study.write_small_requests()
    done = study.alm90("plan")
    assert done.exit_code == 0, done.output
    assert "warning: what is there already is not known" in done.stdout
    assert told(done.stdout, r"asked of Earth Engine: (\d+) requests") == 4
    assert "time and EECU-hours: unknown" in done.stdout


SIDE_PX = 16_000
BUDGET_BYTES = 24 * 2**20


def large(study: Any, earthengine: dict[str, Any]) -> None:
    """16,000 x 16,000 pixels, nothing trained."""
    (study.folder / "model" / "manifest.json").unlink()
    study.values = {
        **study.values,
        "region": {"west": 80.0, "south": 28.0, "east": 96.0, "north": 44.0},
        "grid": {"pixel_size": 0.001},
        "covariates": [],
        "earthengine": {"url": "local:scenes", "auxiliary": {"layers": []}, **earthengine},
    }
    study.write()


def write_disc(path: Path) -> int:
    """Write the largest disc in the region as its mask; return its pixels."""
    middle = (SIDE_PX - 1) / 2
    row, col = np.ogrid[:SIDE_PX, :SIDE_PX]
    inside = ((row - middle) ** 2 + (col - middle) ** 2 < middle**2).astype(np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=SIDE_PX, width=SIDE_PX, dtype="uint8",
        crs="EPSG:4326", transform=Affine(0.001, 0, 80, 0, -0.001, 44), tiled=True,
        compress="deflate",
    ) as dataset:  # fmt: skip
        dataset.write(inside, 1)
    return int(inside.sum())


def planned(study: Any) -> tuple[int, int]:
    """Requests and bands that the plan tells, within seconds."""
    begun = time.process_time()
    done = study.alm90("plan")
    assert time.process_time() - begun < 15
    assert done.exit_code == 0, done.output
    assert study.pixel_requests() == []
    bands = told(done.stdout, r"; (\d+) covariates")
    return told(done.stdout, r"asked of Earth Engine: (\d+) requests"), bands


@pytest.mark.parametrize("preset", ["published", "extended"])
def test_a_large_region_takes_hardly_more_requests_than_its_bytes(
    earth_engine_study: Any, preset: str
) -> None:
    study = earth_engine_study
    large(study, {"preset": preset})
    requests, bands = planned(study)
    ideal = SIDE_PX**2 * bands * 5 / BUDGET_BYTES
    assert ideal <= requests <= 1.05 * ideal


@pytest.mark.slow
def test_a_disc_takes_hardly_more_requests_than_its_own_bytes(earth_engine_study: Any) -> None:
    """Fault: requests for the rectangle around a mask, or a whole one for each cut tile."""
    study = earth_engine_study
    pixels = write_disc(study.folder / "mask.tif")
    large(study, {"preset": "published"})
    study.write(region={"mask": "mask.tif"})
    requests, bands = planned(study)
    ideal = pixels * bands * 5 / BUDGET_BYTES
    assert ideal <= requests <= 1.15 * ideal
