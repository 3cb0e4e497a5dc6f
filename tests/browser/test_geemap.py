"""`alm90 view --geemap --serve`: Earth Engine's composites in a real browser, over loopback."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from matplotlib.colors import to_rgb
from miniature import NORTH, WEST, StudyFiles
from miniature_documents import MANIFEST
from viewed_study import FEATURES, viewed_study

from export.view.colours import colours_of

pytestmark = pytest.mark.usefixtures("geemap_pages")

# Blocks of 0.1 degrees, each of one height; no two neighbours are alike.
HEIGHTS = np.array([
    [4500, 4900, 4600, 5000],
    [5000, 4600, 4900, 4500],
    [4700, 5000, 4500, 4800],
])  # fmt: skip
BLOCK_DEG, DEM_PX = 0.1, 50
ELEVATION = {
    "name": "elevation", "unit": "m", "missing": "nodata", "levels": None, "group": "terrain",
}  # fmt: skip


@dataclass
class Served:
    """The page, while the command that wrote it answers its requests."""

    page: Path
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFiles:
    """The study in miniature, one of whose covariates a local Earth Engine computes."""
    files = viewed_study(tmp_path_factory.mktemp("geemap") / "mini")
    files.json("model/manifest.json", {**MANIFEST, "features": [ELEVATION, *FEATURES]})
    sites = pd.read_csv(files.folder / "sites/screened.csv")
    files.csv("samples.csv", pd.DataFrame({"elevation": np.linspace(4400, 5100, len(sites))}))
    service = files.folder / "earthengine"
    service.mkdir()
    # It reaches over the region's edge: what touches that is then known all around.
    heights = np.pad(np.kron(HEIGHTS, np.ones((DEM_PX, DEM_PX))), DEM_PX, mode="edge")
    with rasterio.open(
        service / "dem.tif", "w", driver="GTiff", height=heights.shape[0],
        width=heights.shape[1], count=1, dtype="int16", crs="EPSG:4326",
        transform=Affine(BLOCK_DEG / DEM_PX, 0, WEST - BLOCK_DEG, 0, -BLOCK_DEG / DEM_PX,
                         NORTH + BLOCK_DEG),
    ) as dataset:  # fmt: skip
        dataset.write(heights.astype(np.int16), 1)
    asset = {"type": "IMAGE", "files": [{"path": "dem.tif", "bands": ["elevation"]}]}
    catalogue = {"schema_version": 1, "assets": {"USGS/SRTMGL1_003": asset}}
    (service / "catalogue.json").write_text(json.dumps(catalogue), encoding="utf-8")
    toml = '[earthengine]\nurl = "local:earthengine"\ncovariates = ["elevation"]\n'
    (files.folder / "study.toml").write_text(files.toml + toml, encoding="utf-8")
    return files


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def served(study: StudyFiles) -> Iterator[Served]:
    options = ["--geemap", "--serve", "--port", str(_free_port())]
    process = subprocess.Popen(
        [sys.executable, "-m", "export.cli", "view", str(study.folder), *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        told.append(line)
        if "answering" in line:
            break
    else:
        _, errors = process.communicate()
        pytest.fail(f"the command ended: {told} {errors}")
    yield Served(study.folder / "view_geemap.html", process)
    # Ctrl-C is the usual end, and no fault.
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "stopped\n"), errors


def _map_name(tab: Any) -> str:
    return str(tab.page.evaluate("Object.keys(window).find((key) => /^map_[0-9a-f]{8}/.test(key))"))


def _switch(tab: Any, name: str) -> None:
    """Tick or untick a layer in the map's own control."""
    tab.page.hover(".leaflet-control-layers")
    tab.page.locator(".leaflet-control-layers label", has_text=name).locator("input").click()
    tab.page.mouse.move(600, 5)


def _bare(tab: Any) -> None:
    for name in ("Map: vwc", "Edge of the region", "Sites: residual"):
        _switch(tab, name)
    tab.page.evaluate("document.querySelector('.study-keys').remove()")


def _wait_for_tiles(tab: Any) -> None:
    tiles = "[...document.querySelectorAll('img.leaflet-tile')]"
    tab.page.wait_for_function(
        f"{tiles}.length > 0 && {tiles}.every((one) => one.complete && one.naturalWidth === 256 "
        "&& getComputedStyle(one).opacity === '1')"
    )


def _composite_colour(height: float) -> np.ndarray:
    """What Earth Engine makes of a value: palette colours, evenly spaced, straight between."""
    table = np.linspace(4400, 5100, 60)
    low, high = np.percentile(table, [2, 98])
    palette = np.array([to_rgb(colour) for colour in colours_of("covariate", 16)]) * 255
    place = np.clip((height - low) / (high - low), 0, 1) * (len(palette) - 1)
    return np.array([np.interp(place, range(len(palette)), channel) for channel in palette.T])


def test_composites_load_and_have_their_colour_at_their_place(
    served: Served, open_tab: Callable[..., Any]
) -> None:
    """Catches tiles that a browser cannot fetch, a wrong palette or range, and a shift of a block;
    asks for nothing beyond loopback and the three files of folium's that the page needs."""
    tab = open_tab(served.page)
    _bare(tab)
    assert tab.page.locator("img.leaflet-tile").count() == 0
    _switch(tab, "Earth Engine: elevation")
    _wait_for_tiles(tab)
    tiles = {url: status for url, status in tab.answers.items() if "/tiles/" in url}
    assert len(tiles) >= 4
    assert set(tiles.values()) == {200}
    # The whole screen would take some 24: what lies beside the region is not asked for.
    assert len(tiles) <= 15
    picture = tab.picture()
    inner = [(row, col) for row in range(3) for col in range(4)]
    middles = [(NORTH - (r + 0.5) * BLOCK_DEG, WEST + (c + 0.5) * BLOCK_DEG) for r, c in inner]
    at = tab.places(_map_name(tab), middles)
    across, down = np.floor(at).astype(int).T
    want = np.array([_composite_colour(HEIGHTS[place]) for place in inner])
    off = np.abs(picture[down, across] - want).max(axis=1)
    assert (off <= 3).all(), off
    # A look one block further to the east, or to the south, must fail: else the test sees nothing.
    for shift in ((0, 1), (1, 0)):
        wrong = np.roll(HEIGHTS, shift, axis=(0, 1))
        other = np.array([_composite_colour(wrong[place]) for place in inner])
        assert (np.abs(picture[down, across] - other).max(axis=1) > 3).all()
    # Near the corner of four blocks, a pixel and a half of the study off.
    for row, col in [(1, 1), (2, 3), (1, 2)]:
        for north, east in [(1, -1), (1, 1), (-1, -1), (-1, 1)]:
            where = (NORTH - row * BLOCK_DEG + north * 0.015, WEST + col * BLOCK_DEG + east * 0.015)
            x, y = (int(value) for value in tab.place(_map_name(tab), *where))
            block = HEIGHTS[row - (north > 0), col - (east < 0)]
            assert np.abs(picture[y, x] - _composite_colour(block)).max() <= 3
    assert tab.elsewhere == []
    assert tab.errors == []


def test_the_page_shows_map_and_residuals_first_and_tells_of_a_site(
    served: Served, study: StudyFiles, open_tab: Callable[..., Any]
) -> None:
    """Catches a page whose layers are all hidden, and a popup with another site's numbers."""
    tab = open_tab(served.page)
    tab.page.wait_for_selector("path.leaflet-interactive")
    shown = tab.page.locator(".leaflet-image-layer")
    assert shown.count() == 1
    assert (shown.get_attribute("alt") or "").startswith("Map: vwc")
    tab.page.hover(".leaflet-control-layers")
    ticked = tab.page.locator(".leaflet-control-layers label:has(input:checked)").all_inner_texts()
    assert [text.strip().split(" (")[0] for text in ticked] == [
        *("Map: vwc", "Edge of the region", "Sites: residual")
    ]
    tab.page.mouse.move(600, 5)
    sites = pd.read_csv(study.folder / "sites/screened.csv")
    table = pd.read_csv(study.folder / "model/out_of_fold.csv")
    site = sites.sort_values("longitude").iloc[-1]
    row = table[(table["design"] == "grouped") & (table["site_id"] == site["site_id"])].iloc[0]
    tab.page.mouse.click(*tab.place(_map_name(tab), site["latitude"], site["longitude"]))
    told = tab.page.locator(".leaflet-popup").inner_text().replace("−", "-")
    assert site["site_id"] in told
    numbers = [float(number) for number in re.findall(r"[+-]?\d\.\d{3}", told)]
    residual = row["predicted"] - row["observed"]
    assert numbers == pytest.approx([row["observed"], row["predicted"], residual], abs=6e-4)
    assert tab.errors == []
    assert tab.elsewhere == []


NOTEBOOK = """
import sys, urllib.request
from export.view.notebook import geemap_map
made = geemap_map(sys.argv[1], serve=True)
import geemap
assert isinstance(made, geemap.Map), type(made)
assert "<iframe" in made._repr_html_()
(url,) = [one.url_format for one in made._children.values() if hasattr(one, "url_format")]
tile = urllib.request.urlopen(url.format(z=9, x=388, y=201)).read()
assert tile.startswith(b"\\x89PNG"), tile[:20]
print("seen")
"""


def test_without_a_network_the_page_says_what_it_lacks(
    served: Served, open_tab: Callable[..., Any]
) -> None:
    """Catches a white page with a legend and without a word."""
    told = "This page needs a network"
    assert open_tab(served.page).page.get_by_text(told).count() == 0
    assert open_tab(served.page, offline=True).page.get_by_text(told).count() == 1


def test_a_notebook_gets_a_geemap_map_whose_tiles_are_answered(study: StudyFiles) -> None:
    """Catches a server that is gone once the map is returned, and the wrong one of two maps."""
    command = [sys.executable, "-c", NOTEBOOK, str(study.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "seen", done.stderr
