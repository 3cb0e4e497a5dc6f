"""Bands that are still of use outlive a failure, and no map is made of those that are not.

One setting changes: what it bears on is asked for anew, the other bands are taken over from the
tiles that are there. Faults caught: a window that is refused, or a file that is yet to come, costs
all other bands of its tile, which are computed again; a map in part of earlier settings.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from export.journal import Journal


def map_tiles(study: Any) -> list[str]:
    return sorted(path.name for path in (study.folder / "map" / "tiles").glob("*.tif"))


def recorded_failures(study: Any) -> list[str]:
    journal = Journal(study.folder / "journal.sqlite")
    try:
        return list(journal.failures("covariate_tiles"))
    finally:
        journal.close()


def test_a_refused_window_costs_no_other_band(
    earth_engine_study: Any, fault: Callable[..., None], model: Callable[..., None]
) -> None:
    study = earth_engine_study
    model("slope", "twi")
    study.write_small_requests()
    study.write(earthengine={"request_mib": 2 * 32 * 32 * 5 / 2**20})  # one band of two tiles
    assert study.alm90("export").exit_code == 0
    before = study.tile_bytes()
    assert study.alm90("predict").exit_code == 0
    assert map_tiles(study) == sorted(before)

    study.write(earthengine={"terrain": {"least_gradient": 0.1}})
    assert study.alm90("sample").exit_code == 0
    fault("memory", times=4)  # a window of two tiles, and parts of parts of it
    done = study.alm90("export")
    assert done.exit_code == 5, done.output
    now = study.tile_bytes()
    assert sorted(now) == sorted(before)
    stale = [name for name in sorted(now) if now[name] == before[name]]
    assert len(stale) == 2
    assert recorded_failures(study) == [Path(name).stem for name in stale]

    predicted = study.alm90("predict")
    assert predicted.exit_code == 5, predicted.output
    assert map_tiles(study) == sorted(set(now) - set(stale))
    for name in stale:
        assert Path(name).stem in predicted.stderr
    assert predicted.stderr.count("its covariate tile holds") == 1

    sent = len(study.pixel_requests())
    assert study.alm90("export").exit_code == 0
    asked = study.pixel_requests()[sent:]
    assert asked
    assert all('"twi"' in body and '"slope"' not in body for body in asked)
    assert recorded_failures(study) == []
    assert study.alm90("predict").exit_code == 0
    assert map_tiles(study) == sorted(before)


def test_settings_that_are_taken_back_find_their_tiles(
    earth_engine_study: Any, fault: Callable[..., None], model: Callable[..., None]
) -> None:
    """Fault: tiles that failed with others stay failures, or are made again."""
    study = earth_engine_study
    model("slope", "twi")
    assert study.alm90("export").exit_code == 0
    before = study.tile_bytes()
    study.write(earthengine={"terrain": {"least_gradient": 0.1}})
    assert study.alm90("sample").exit_code == 0
    fault("memory", times=None)
    done = study.alm90("export")
    assert done.exit_code == 3, done.output
    assert len(recorded_failures(study)) == 4
    refused = study.alm90("predict")
    assert refused.exit_code == 3, refused.output
    assert "all covariate tiles hold covariates of earlier settings" in refused.stderr

    study.write(earthengine={"terrain": {}})
    assert study.alm90("sample").exit_code == 0
    back = study.alm90("export")
    assert "(0 written, 4 kept)" in back.stdout, back.output
    assert recorded_failures(study) == []
    assert study.tile_bytes() == before
    assert study.alm90("predict").exit_code == 0


def test_a_raster_that_breaks_costs_no_other_band(earth_engine_study: Any) -> None:
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    before = study.tile_bytes()
    path = study.folder / "rasters" / "wetness.tif"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000])
    assert study.alm90("export").exit_code in (3, 5)
    assert sorted(study.tile_bytes()) == sorted(before)
    path.write_bytes(whole)
    sent = len(study.pixel_requests())
    assert study.alm90("export").exit_code == 0
    assert study.tile_bytes() == before
    assert len(study.pixel_requests()) == sent


def test_a_tile_of_which_no_band_is_of_use_goes(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    study = earth_engine_study
    study.write_small_requests()
    assert study.alm90("export").exit_code == 0
    before = study.tile_bytes()
    # Another grid makes all bands others.
    study.write(region={"east": 93.126})
    assert study.alm90("sites").exit_code == 0
    assert study.alm90("sample").exit_code == 0
    fault("memory", times=4)
    done = study.alm90("export")
    assert done.exit_code == 5, done.output
    assert sorted(study.tile_bytes()) == sorted(before)[1:]
