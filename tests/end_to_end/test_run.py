"""From the field table to the map through the command line, as a user types it."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from edited import edited_json
from rio_cogeo.cogeo import cog_validate
from typer.testing import Result

RESULTS = (
    "samples.csv",
    "samples.json",
    "domain.csv",
    "sites/screened.csv",
    "sites/excluded.csv",
    "model/manifest.json",
    "model/arrays.npz",
    "model/validation.json",
    "model/out_of_fold.csv",
    "model/selection.json",
    "model/importance.csv",
    "map/vwc.tif",
    "map/vwc_companion.tif",
    "map/vwc_flags.tif",
    "map/comparison.json",
    "report.html",
)

Alm90 = Callable[..., Result]


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


def test_the_map_is_a_cog_that_says_what_it_holds(finished: Path) -> None:
    path = finished / "map" / "vwc.tif"
    valid, errors, _ = cog_validate(path, strict=True)
    assert valid, errors
    with rasterio.open(path) as dataset:
        assert (dataset.count, dataset.dtypes[0], dataset.nodata) == (1, "float32", -9999.0)
        assert dataset.shape == (160, 160)
        assert dataset.units[0] == "m3 m-3"
        tags = dataset.tags()
        values = dataset.read(1, masked=True)
    assert len(tags["model_fingerprint"]) == 64
    assert len(tags["study_fingerprint"]) == 64
    assert 0 <= values.min() < values.max() <= 0.85


def test_the_map_holds_what_the_bundle_predicts_from_the_tiles(finished: Path) -> None:
    """An independent walk from tiles to map: a shifted tile or a swapped band would show."""
    from local_ml.prediction.predictor import Predictor

    predictor = Predictor.load(finished / "model")
    with rasterio.open(finished / "map" / "vwc.tif") as dataset:
        whole = dataset.read(1)
    checked = 0
    for path in (finished / "covariates" / "tiles").glob("*.tif"):
        row, col = (int(part[1:]) for part in path.stem.split("_")[1:])
        with rasterio.open(path) as dataset:
            bands = dict(zip(dataset.descriptions, dataset.read(), strict=True))
        predicted = predictor.predict(bands).value
        predicted[bands["region"] == 0] = np.nan
        height, width = predicted.shape
        part = whole[row * 64 : row * 64 + height, col * 64 : col * 64 + width]
        np.testing.assert_array_equal(np.where(np.isnan(predicted), -9999.0, predicted), part)
        checked += predicted.size
    assert checked == 160 * 160


def test_beside_the_map_lie_its_interval_and_its_flags(finished: Path) -> None:
    with rasterio.open(finished / "map" / "vwc.tif") as dataset:
        value, grid = dataset.read(1, masked=True), dataset.transform
    with rasterio.open(finished / "map" / "vwc_companion.tif") as dataset:
        assert dataset.transform == grid
        bands = dict(zip(dataset.descriptions, dataset.read(masked=True), strict=True))
    with rasterio.open(finished / "map" / "vwc_flags.tif") as dataset:
        flags = dataset.read(1)
    manifest = json.loads((finished / "model" / "manifest.json").read_text())
    predicted = ~np.ma.getmaskarray(value)
    for name, band in bands.items():
        np.testing.assert_array_equal(~np.ma.getmaskarray(band), predicted, err_msg=name)
    assert (bands["lower"] <= value).all()
    assert (value <= bands["upper"]).all()
    threshold = np.float32(manifest["applicability"]["threshold"])
    outside = predicted & (bands["dissimilarity_index"].filled(0) > threshold)
    np.testing.assert_array_equal((flags & 1) > 0, outside | (flags == 255))
    np.testing.assert_array_equal(bands["local_point_density"].filled(9) == 0, outside)
    counts = json.loads((finished / "map" / "counts.json").read_text())
    assert counts["outside_area"] == outside.sum()
    # A truth without noise is held more often than a new measurement would be.
    with rasterio.open(next(finished.rglob("truth.tif"))) as dataset:
        truth = dataset.read(1)
    inside = (bands["lower"] <= truth) & (truth <= bands["upper"])
    assert 0.75 < inside[predicted].mean() <= 1


def test_the_scores_of_intervals_name_the_design_that_they_hold_under(finished: Path) -> None:
    document = json.loads((finished / "model" / "validation.json").read_text())
    intervals = document["intervals"]
    assert intervals["promised_under"] == "grouped"
    ninety = intervals["designs"]["grouped"]["levels"][3]
    assert ninety["level"] == 0.9
    assert 0.7 < ninety["picp"] <= 1
    assert document["applicability"]["design"] == "grouped"


def test_a_companion_may_be_left_out(alm90: Alm90, study: Path) -> None:
    path = study / "study.toml"
    path.write_text(path.read_text().replace("# companion = true", "companion = false"))
    assert alm90("run", study).exit_code == 0
    assert [file.name for file in (study / "map").glob("*.tif")] == ["vwc.tif"]
    assert not list((study / "map").glob("*_tiles/*.tif"))


def test_every_good_site_is_used_and_every_blemish_has_its_reason(finished: Path) -> None:
    screened = pd.read_csv(finished / "sites" / "screened.csv")
    excluded = pd.read_csv(finished / "sites" / "excluded.csv")
    assert len(screened) == 80
    assert len(pd.read_csv(finished / "samples.csv")) == 80
    assert set(excluded["reason"]) == {
        "longitude and latitude look swapped",
        "out of the region",
        "target missing",
    }


def test_a_second_run_does_nothing(alm90: Alm90, study: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*.tif")}
    again = alm90("run", study)
    assert again.exit_code == 0
    lines = [line for line in again.stdout.splitlines() if "unchanged, nothing to do" in line]
    assert [line.split()[0] for line in lines] == [
        "sites",
        "sample",
        "train",
        "mosaic",
        "compare",
        "report",
    ]
    assert "(0 written" in again.stdout
    assert "(0 predicted" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*.tif")} == before


def test_the_same_study_gives_the_same_bytes_with_other_workers(
    alm90_process: Alm90,
    finished: Path,
    fresh: Callable[..., Path],
    plateau_values: tuple[Path, dict[str, Any]],
) -> None:
    values = plateau_values[1]
    other = fresh(
        map={**values["map"], "workers": 1}, validation={**values["validation"], "workers": 2}
    )
    assert alm90_process("run", other).returncode == 0
    assert results(finished) == results(other)


HELD = """
import re, sys, time
from export import cli, progress

step, sys.argv[1:] = sys.argv[1], sys.argv[2:]
say = progress._PlainTask._say

def say_and_wait(self, line):
    say(self, line)
    if re.match(step, line):
        time.sleep(600)

progress._PlainTask._say = say_and_wait
progress._SECONDS_APART = 0
progress.PlainLines.__init__.__defaults__ = (0.0,)
cli.main()
"""


def started(folder: Path, held_at: str | None = None) -> "subprocess.Popen[str]":
    """A run of its own process, whose progress can be read while it works.

    `held_at`: it comes no further than the first line of progress that this matches, however late
    that is read.
    """
    program = ["-m", "export.cli"] if held_at is None else ["-c", HELD, held_at]
    return subprocess.Popen(
        [sys.executable, "-u", *program, "run", str(folder)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("step", ["nested folds: [1-9]0 %", "map tiles"])
def test_a_run_killed_in_mid_step_resumes_to_the_same_bytes(
    alm90: Alm90, finished: Path, fresh: Callable[..., Path], step: str
) -> None:
    folder = fresh()
    said = ""
    with started(folder, held_at=step) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said += line
            if re.match(step, line):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL, said
    assert not (folder / "report.html").exists()
    resumed = alm90("run", folder)
    assert resumed.exit_code == 0, (resumed.output, resumed.exception)
    assert results(folder) == results(finished)


def test_an_interrupted_run_says_so_and_ends_with_130(fresh: Callable[..., Path]) -> None:
    folder = fresh()
    said = ""
    with started(folder) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said += line
            if line.startswith("final model"):
                process.send_signal(signal.SIGINT)
                break
        said += process.stderr.read()
    assert process.returncode == 130
    assert "the same command resumes" in said


def test_a_changed_title_redoes_the_map_but_not_the_model(alm90: Alm90, study: Path) -> None:
    path = study / "study.toml"
    path.write_text(path.read_text().replace('# title = ""', 'title = "Wetter"'))
    done = alm90("run", study)
    assert done.exit_code == 0
    for step in ("sites", "sample", "train"):
        assert any(
            line.startswith(step) and "unchanged" in line for line in done.stdout.splitlines()
        )
    with rasterio.open(study / "map" / "vwc.tif") as dataset:
        assert dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "Wetter"


def test_a_tile_altered_behind_our_back_is_made_again(
    alm90: Alm90, study: Path, finished: Path
) -> None:
    tile = sorted((study / "map" / "tiles").glob("*.tif"))[0]
    tile.write_bytes(tile.read_bytes()[:-100])
    done = alm90("run", study)
    assert done.exit_code == 0
    assert "(1 predicted" in done.stdout
    assert tile.read_bytes() == (finished / "map" / "tiles" / tile.name).read_bytes()


def test_large_tiles_are_mapped_in_parts_without_a_hole_and_to_the_same_bytes(
    alm90: Alm90, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that the map takes for strangers, and their tile for a hole."""
    before = {path.name: path.read_bytes() for path in (study / "map").glob("*.tif")}
    monkeypatch.setattr("export.map.tile_parts.PART_PX", 32)
    monkeypatch.setattr("export.map.tile_parts.FEWEST_PX", 8)
    result = alm90("run", study)
    assert result.exit_code == 0, result.output
    tiles = {path.stem for path in (study / "map" / "tiles").iterdir()}
    assert "tile_r0001_c0001_r00016_c00000" in tiles
    assert "tile_r0001_c0001" not in tiles
    assert {path.name: path.read_bytes() for path in (study / "map").glob("*.tif")} == before


def test_a_raster_broken_at_export_leaves_a_hole_and_exit_code_5(alm90: Alm90, study: Path) -> None:
    kept = json.loads((study / "model" / "manifest.json").read_text())["features"][0]["name"]
    path = next(study.glob(f"rasters/{kept}.tif"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path.write_bytes(content)
    done = alm90("export", study)
    assert done.exit_code in (3, 5), done.output
    assert kept in done.output


def test_predict_works_on_tiles_and_a_model_of_others(
    alm90: Alm90, finished: Path, tmp_path: Path
) -> None:
    """Bands in another order, no region band: bound by name, the map is the same."""
    tiles = tmp_path / "theirs"
    tiles.mkdir()
    for path in (finished / "covariates" / "tiles").glob("*.tif"):
        with rasterio.open(path) as dataset:
            profile = dataset.profile
            names = list(reversed(dataset.descriptions[1:]))
            bands = dataset.read()[1:][::-1]
        profile.update(count=len(bands))
        with rasterio.open(tiles / path.name, "w", **profile) as dataset:
            dataset.write(bands)
            dataset.descriptions = names
    done = alm90(
        "predict", "--model", finished / "model", "--covariates", tiles, "--out", tmp_path / "map"
    )
    assert done.exit_code == 0, done.output
    with rasterio.open(tmp_path / "map" / "vwc.tif") as theirs:
        found = theirs.read(1)
        row, col = (
            round(x)
            for x in (
                ~rasterio.open(finished / "map/vwc.tif").transform
                * (theirs.transform.c, theirs.transform.f)
            )[::-1]
        )
    with rasterio.open(finished / "map" / "vwc.tif") as ours:
        expected = ours.read(1)[row : row + found.shape[0], col : col + found.shape[1]]
    np.testing.assert_array_equal(found, expected)


def test_train_works_on_samples_of_others(alm90: Alm90, finished: Path, tmp_path: Path) -> None:
    for name in ("samples.csv", "samples.json"):
        shutil.copy(finished / name, tmp_path / name)
    done = alm90(
        "train",
        "--samples",
        tmp_path / "samples.csv",
        "--model",
        tmp_path / "model",
        "--settings",
        finished / "study.toml",
    )
    assert done.exit_code == 0, done.output
    ours = (finished / "model" / "manifest.json").read_bytes()
    assert (tmp_path / "model" / "manifest.json").read_bytes() == ours


def test_a_changed_warning_of_the_table_reaches_the_report(study: Path, alm90: Alm90) -> None:
    """sites/report.json and covariates/report.json bear one name; the page shows both."""
    path = study / "sites" / "report.json"
    with edited_json(path) as document:
        document["warnings"].append("a warning of the table")
    done = alm90("report", study)
    assert done.exit_code == 0, done.output
    assert "a warning of the table" in (study / "report.html").read_text()


def test_what_lies_outside_the_study_is_named_in_the_log(
    fresh: Callable[..., Path], tmp_path: Path, alm90: Alm90
) -> None:
    folder = fresh(outside_files=True)
    outside = tmp_path / "elsewhere.csv"
    shutil.move(folder / "sites.csv", outside)
    text = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(text.replace('file = "sites.csv"', f'file = "{outside}"'))
    done = alm90("sites", folder)
    assert done.exit_code == 0, done.output
    assert f"outside the study: {outside}" in (folder / "log.txt").read_text()
