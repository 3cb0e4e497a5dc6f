"""`alm90 plan`: what an export takes, said before anything is asked for."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest


def told(output: str, words: str) -> int:
    found = re.search(words, output)
    assert found, output
    return int(found[1])


def test_the_plan_is_what_the_export_then_does(earth_engine_study: Any) -> None:
    study = earth_engine_study
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
    done = study.alm90("plan")
    assert done.exit_code == 0, done.output
    assert "warning: what is there already is not known" in done.stdout
    assert told(done.stdout, r"asked of Earth Engine: (\d+) requests") == 4
    assert "EECU-hours: unknown" in done.stdout


@pytest.mark.parametrize("preset", ["published", "extended"])
def test_a_large_region_is_planned_in_seconds(earth_engine_study: Any, preset: str) -> None:
    """16,000 x 16,000 pixels: a request as near to half the service's limit as bands divide."""
    study = earth_engine_study
    (study.folder / "model" / "manifest.json").unlink()
    study.values = {
        **study.values,
        "region": {"west": 80.0, "south": 28.0, "east": 96.0, "north": 44.0},
        "grid": {"pixel_size": 0.001},
        "covariates": [],
        "earthengine": {"preset": preset, "url": "local:scenes"},
    }
    study.write()
    begun = time.process_time()
    done = study.alm90("plan")
    assert time.process_time() - begun < 15
    assert done.exit_code == 0, done.output
    assert "1024 tiles of 512 pixels a side touch the region" in done.stdout
    bands = told(done.stdout, r"; (\d+) covariates")
    requests = told(done.stdout, r"asked of Earth Engine: (\d+) requests")
    # At 24 MiB a tile of 512 pixels holds 19 bands; the tiles at the edge are half as wide.
    assert 31**2 * -(-bands // 19) < requests <= 32**2 * -(-bands // 19)
