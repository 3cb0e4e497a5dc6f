"""Tiles of both sources: what they hold, and what is asked for again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import rasterio

from export.covariates.provider import CovariateInfo
from export.covariates.sampling import skew_check


def test_tiles_hold_both_sources_and_what_was_sampled(earth_engine_study: Any) -> None:
    study = earth_engine_study
    done = study.alm90("export")
    assert done.exit_code == 0, done.output
    assert "4 of 4 tiles with 4 covariates (4 written, 0 kept)" in done.stdout
    samples = pd.read_csv(study.folder / "samples.csv")
    outside = 0
    for path in (study.folder / "covariates" / "tiles").iterdir():
        with rasterio.open(path) as dataset:
            assert dataset.descriptions == ("region", "slope", "wetness", "twi", "elevation")
            assert dataset.units[4] == "m"
            bands, tags = dataset.read(), dataset.tags()
            top, left, *_ = (int(number) for number in tags["window"].split())
        outside += json.loads(tags["pixels_out_of_range"])["elevation"]
        assert set(json.loads(tags["made_from"])) == {"slope", "wetness", "twi", "elevation"}
        here = samples[
            samples["row"].between(top, top + 31) & samples["col"].between(left, left + 31)
        ]
        for band, name in enumerate(["slope", "wetness", "twi", "elevation"], start=1):
            held = bands[band, here["row"] - top, here["col"] - left]
            np.testing.assert_array_equal(held, here[name].to_numpy(np.float32), err_msg=name)
    assert outside > 0
    assert f"out of range and so missing: elevation in {outside} pixels" in done.stdout


def test_auxiliary_layers_lie_in_the_tiles_but_are_never_sampled(earth_engine_study: Any) -> None:
    """Fault: a model that learns from the lakes, or tiles without what the map's flags need."""
    study = earth_engine_study
    lakes = {"name": "water_occurrence", "file": "rasters/wetness.tif", "role": "auxiliary"}
    study.write(covariates=[*study.values["covariates"], lakes])
    assert study.alm90("sample").exit_code == 0
    assert "water_occurrence" not in pd.read_csv(study.folder / "samples.csv").columns
    done = study.alm90("export")
    assert done.exit_code == 0, done.output
    assert "4 covariates and water_occurrence" in done.stdout
    with rasterio.open(study.folder / "covariates" / "tiles" / "tile_r0000_c0000.tif") as dataset:
        assert dataset.descriptions[-1] == "water_occurrence"
        bands = dict(zip(dataset.descriptions, dataset.read(), strict=True))
    np.testing.assert_array_equal(bands["water_occurrence"][:5], bands["wetness"][:5])


def test_only_tiles_of_the_region_are_asked_for(
    earth_engine_study: Any, earth_engine_grid: Any
) -> None:
    study = earth_engine_study
    inside = np.zeros((64, 64), np.uint8)
    inside[:32, 20:] = 1
    path = study.folder / "mask.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=64, width=64, dtype="uint8",
        crs="EPSG:4326", transform=earth_engine_grid.transform,
    ) as dataset:  # fmt: skip
        dataset.write(inside, 1)
    study.write(region={"mask": "mask.tif"})
    assert study.alm90("sites").exit_code == 0
    early = study.alm90("export")
    assert "warning: region or grid: changed since the sites were sampled" in early.stdout
    assert study.alm90("sample").exit_code == 0
    done = study.alm90("export")
    assert done.exit_code == 0
    assert "changed since" not in done.stdout
    assert sorted(study.tile_bytes()) == ["tile_r0000_c0000.tif", "tile_r0000_c0001.tif"]
    (body,) = study.pixel_requests()
    # Both tiles in one request, cropped to the mask's 32 rows and 44 columns.
    assert json.loads(body)["grid"]["dimensions"] == {"width": 44, "height": 32}


def test_a_disc_sends_hardly_more_requests_than_its_pixels_take(
    earth_engine_study: Any, earth_engine_grid: Any
) -> None:
    """Counted in the service's log; and no pixel is asked for twice."""
    study = earth_engine_study
    row, col = np.ogrid[:64, :64]
    disc = (row - 31.5) ** 2 + (col - 31.5) ** 2 < 32**2
    with rasterio.open(
        study.folder / "mask.tif", "w", driver="GTiff", count=1, height=64, width=64,
        dtype="uint8", crs="EPSG:4326", transform=earth_engine_grid.transform,
    ) as dataset:  # fmt: skip
        dataset.write(disc.astype(np.uint8), 1)
    per_request = 64
    study.write(
        region={"mask": "mask.tif"}, earthengine={"request_mib": per_request * 3 * 5 / 2**20}
    )
    for command in ("sites", "sample", "export"):
        done = study.alm90(command)
        assert done.exit_code == 0, done.output
    asked = np.zeros((64, 64), int)
    bodies = [json.loads(body) for body in study.pixel_requests()]
    for body in bodies:
        at = ~earth_engine_grid.transform * [
            body["grid"]["affineTransform"][name] for name in ("translateX", "translateY")
        ]
        first_col, first_row = (round(place) for place in at)
        size = body["grid"]["dimensions"]
        assert size["width"] * size["height"] <= per_request
        asked[first_row : first_row + size["height"], first_col : first_col + size["width"]] += 1
    assert asked.max() == 1
    assert (asked[disc] == 1).all()
    assert disc.sum() / per_request <= len(bodies) <= 1.15 * disc.sum() / per_request


def test_a_second_export_sends_no_request_for_pixels(earth_engine_study: Any) -> None:
    study = earth_engine_study
    study.write_small_requests()
    assert study.alm90("export").exit_code == 0
    sent, before = len(study.pixel_requests()), study.tile_bytes()
    assert sent == 4
    again = study.alm90("export")
    assert "(0 written, 4 kept)" in again.stdout
    assert "out of range and so missing: elevation" in again.stdout  # what tiles hold stays so
    assert len(study.pixel_requests()) == sent
    assert study.tile_bytes() == before


def test_one_changed_setting_asks_for_its_covariate_alone(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    """Faults: the whole stack is computed anew, a month's quota for one number; or what will be
    asked for is said when it has been.
    """
    study = earth_engine_study
    study.write_small_requests()
    assert study.alm90("export").exit_code == 0
    sent, before = len(study.pixel_requests()), study.tile_bytes()
    study.write(earthengine={"terrain": {"least_gradient": 0.1}})
    planned = study.alm90("plan")
    assert "0 tiles whole, 4 in part" in planned.stdout
    assert "only twi will be read" in planned.stdout
    assert "asked of Earth Engine: 2 requests" in planned.stdout
    assert len(study.pixel_requests()) == sent
    fault("forbidden")
    refused = study.alm90("export")
    assert refused.exit_code == 4
    assert "in part there already: 4 of the tiles; reading only twi" in refused.stdout
    assert study.tile_bytes() == before
    sent = len(study.pixel_requests())
    early = study.alm90("export")
    assert (
        "warning: twi (setting earthengine.terrain.least_gradient): changed since the sites"
        in early.stdout
    )
    # The tiles no longer hold what the sites' samples do, so a model must not see them.
    assert early.exit_code == 3
    assert "sampled values are not what their tiles hold" in early.stderr
    assert "twi" in early.stderr
    assert "slope" not in early.stderr
    assert "in part there already: 4 of the tiles; reading only twi" in early.stdout
    asked = study.pixel_requests()[sent:]
    assert len(asked) == 2  # a third of the bands: each serves two tiles
    assert all('"twi"' in body and '"slope"' not in body for body in asked)
    assert study.alm90("sample").exit_code == 0
    done = study.alm90("export")
    assert done.exit_code == 0, done.output
    assert len(study.pixel_requests()) == sent + 2
    with rasterio.open(study.folder / "covariates/tiles/tile_r0000_c0001.tif") as dataset:
        now = dict(zip(dataset.descriptions, dataset.read(), strict=True))
    with rasterio.MemoryFile(before["tile_r0000_c0001.tif"]) as memory, memory.open() as old:
        then = dict(zip(old.descriptions, old.read(), strict=True))
    for name in ("slope", "elevation", "wetness"):
        np.testing.assert_array_equal(now[name], then[name])
    assert not np.array_equal(now["twi"], then["twi"], equal_nan=True)


def test_a_tile_taken_over_in_part_is_that_of_a_fresh_export(earth_engine_study: Any) -> None:
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    study.write(earthengine={"terrain": {"least_gradient": 0.1}})
    assert study.alm90("sample").exit_code == 0
    assert study.alm90("export").exit_code == 0
    in_part = study.tile_bytes()
    study.remove_tiles()
    assert study.alm90("export").exit_code == 0
    assert study.tile_bytes() == in_part


def test_an_altered_tile_is_no_source_of_bands(earth_engine_study: Any) -> None:
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    before = study.tile_bytes()
    with rasterio.open(study.folder / "covariates/tiles/tile_r0001_c0001.tif", "r+") as dataset:
        dataset.write(np.zeros((32, 32), np.float32), 1)
    again = study.alm90("export")
    assert "(1 written, 3 kept)" in again.stdout
    assert study.tile_bytes() == before


def test_the_skew_check_allows_the_service_a_little_and_a_raster_nothing(
    earth_engine_study: Any, earth_engine_grid: Any
) -> None:
    study = earth_engine_study
    assert study.alm90("export").exit_code == 0
    files = {path.stem: path for path in (study.folder / "covariates" / "tiles").iterdir()}
    samples = pd.read_csv(study.folder / "samples.csv").dropna(subset=["elevation"]).head(20)
    moved = samples[["elevation"]].to_numpy(np.float32) + np.float32(0.5)

    def differences(tolerance: float, values: np.ndarray) -> int:
        info = CovariateInfo("elevation", "m", "nodata", "terrain", False, "", tolerance=tolerance)
        return len(
            skew_check(values, [info], samples["row"], samples["col"], earth_engine_grid, 32, files)
        )

    assert differences(1e-4 * 9500, moved) == 0
    assert differences(0.0, moved) == 20
    assert differences(0.4, moved) == 20
    assert differences(1e-4 * 9500, np.full_like(moved, np.nan)) == 20


def test_all_candidates_are_exported_on_request(earth_engine_study: Any) -> None:
    """Without a model; what a model keeps later is then there already."""
    study = earth_engine_study
    manifest = study.folder / "model" / "manifest.json"
    few = {"features": [{"name": "slope"}, {"name": "wetness"}], "maximum": None}
    manifest.unlink()
    done = study.alm90("export")
    assert done.exit_code == 3, done.output
    assert "alm90 train" in done.stderr
    assert "; 4 covariates" in study.alm90("plan", "--all").stdout
    done = study.alm90("export", "--all")
    assert done.exit_code == 0, done.output
    assert "4 of 4 tiles with 4 covariates" in done.stdout
    with rasterio.open(study.folder / "covariates/tiles/tile_r0000_c0000.tif") as dataset:
        assert dataset.descriptions[1:] == ("wetness", "elevation", "slope", "twi")
    sent = len(study.pixel_requests())
    manifest.write_text(json.dumps(few), "utf-8")
    assert study.alm90("export").exit_code == 0
    assert len(study.pixel_requests()) == sent
    with rasterio.open(study.folder / "covariates/tiles/tile_r0000_c0000.tif") as dataset:
        assert dataset.descriptions[1:] == ("slope", "wetness")


def test_how_tiles_are_divided_into_requests_changes_no_byte(earth_engine_study: Any) -> None:
    """One request for all, one a tile, several a tile that end amid pixels of another's."""
    study = earth_engine_study
    found = []
    for pixels in (64 * 64, 32 * 32, 150):
        study.write(earthengine={"request_mib": pixels * 3 * 5 / 2**20})
        before = len(study.pixel_requests()) if found else 0
        assert study.alm90("export").exit_code == 0
        found.append((len(study.pixel_requests()) - before, study.tile_bytes()))
        study.remove_tiles()
    requests = [count for count, _ in found]
    assert requests[:2] == [1, 4]
    assert 64 * 64 / 150 <= requests[2] <= 1.3 * 64 * 64 / 150
    assert all(tiles == found[0][1] for _, tiles in found)
