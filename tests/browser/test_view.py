"""view.html in a real browser: alone, right in place and colour, and usable."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from miniature import COLS, NORTH, PIXEL_DEG, ROWS, WEST, StudyFiles
from viewed_study import read_all, viewed_study

from export.progress import silent
from export.view import write_view
from export.view.contents import View


@pytest.fixture(scope="module")
def view(finished: StudyFiles) -> View:
    return write_view(finished.study, finished.folder / "view.html", silent(), "alm90 9.9.9")


@pytest.fixture
def tab(view: View, finished: StudyFiles, open_tab: Callable[..., Any]) -> Any:
    """The page, without a network, once it is ready."""
    opened = open_tab(finished.folder / "view.html", offline=True)
    opened.page.wait_for_selector("html[data-ready]")
    return opened


def _bare(tab: Any, layer: str) -> None:
    """Show a layer without anything upon it."""
    tab.page.evaluate(
        """(layer) => {
            for (const id of ["outline", "graticule"]) {
                if (document.getElementById(id).checked) document.getElementById(id).click();
            }
            document.querySelector("input[name=sites][value='']").click();
            document.querySelector(`input[name=layer][value='${layer}']`).click();
        }""",
        layer,
    )
    tab.page.wait_for_function(
        "[...document.querySelectorAll('.leaflet-image-layer')].every((one) => one.complete)"
    )


def _at(row: float, col: float) -> tuple[float, float]:
    """Return latitude and longitude of a place in pixels of the grid."""
    return NORTH - row * PIXEL_DEG, WEST + col * PIXEL_DEG


def _colours(picture: np.ndarray, tab: Any, places: list[tuple[float, float]]) -> np.ndarray:
    at = tab.places("alm90View", [_at(row, col) for row, col in places])
    across, down = np.floor(at).astype(int).T
    found: np.ndarray = picture[down, across]
    return found


def _expected(view: View, name: str, values: np.ndarray) -> np.ndarray:
    """(rows, cols, 3): the colours that the layer's key gives the raster's values; −1: none."""
    key = next(layer.key for layer in view.layers if layer.name == name)
    places = key.places(values)
    palette = np.array([[-1.0] * 3, *(to_rgb(colour) for colour in key.colours)])
    return np.where(places[..., None] > 0, np.rint(palette[places] * 255), -1).astype(int)


def _values(finished: StudyFiles, name: str) -> np.ndarray:
    companion = finished.folder / "map/vwc_companion.tif"
    if name == "interval_width":
        return read_all(companion, 2) - read_all(companion, 1)
    if name == "dissimilarity_index":
        return read_all(companion, 3)
    return read_all(finished.folder / "map/vwc.tif")


@pytest.mark.parametrize("name", ["map", "interval_width"])
def test_every_pixel_has_its_colour_at_its_place(
    tab: Any, view: View, finished: StudyFiles, name: str
) -> None:
    """Catches a picture off by a third of a pixel, in wrong colours, or under another's key."""
    _bare(tab, name)
    picture = tab.picture()
    expected = _expected(view, name, _values(finished, name).astype(np.float32))
    ground = picture[5, 400]
    expected[(expected < 0).all(axis=-1)] = ground
    pixels = [(row, col) for row in range(ROWS) for col in range(COLS)]
    want = expected.reshape(-1, 3)
    corners = [(0.5, 0.5), (0.3, 0.3), (0.3, 0.7), (0.7, 0.3), (0.7, 0.7)]
    for down, across in corners:
        places = [(row + down, col + across) for row, col in pixels]
        off = np.abs(_colours(picture, tab, places) - want).max(axis=1)
        assert (off <= 1).all(), (down, across, int((off > 1).sum()))
    # The same look one pixel further on must fail, or the test would see nothing.
    shifted = [(row + 0.5, col + 1.5) for row, col in pixels]
    assert (np.abs(_colours(picture, tab, shifted) - want).max(axis=1) > 1).mean() > 0.8


def test_the_page_is_alone_and_without_faults(tab: Any) -> None:
    """Catches a file fetched from elsewhere, and a script that stops half way."""
    for radio in tab.page.query_selector_all("input[type=radio]"):
        radio.evaluate("(one) => one.click()")
    tab.page.mouse.move(400, 400)
    tab.page.mouse.wheel(0, -300)
    tab.page.wait_for_timeout(400)
    assert tab.errors == []
    assert tab.elsewhere == []


def test_a_click_on_a_layer_shows_it_and_its_key_alone(tab: Any) -> None:
    shown = ".leaflet-image-layer"
    assert tab.page.get_attribute(shown, "alt").startswith("Map: vwc")
    tab.page.get_by_label("Flags").check()
    assert tab.page.locator(shown).count() == 1
    assert tab.page.get_attribute(shown, "alt") == "Flags"
    keys = tab.page.locator("section.legend[data-layer]:visible h2").all_inner_texts()
    assert keys == ["Flags"]
    tab.page.get_by_text("Covariates that the model kept").click()
    tab.page.get_by_label("soil").check()
    assert tab.page.get_attribute(shown, "alt") == "soil"
    tab.page.get_by_label("None").check()
    assert tab.page.locator(shown).count() == 0


def _lonely(finished: StudyFiles) -> pd.DataFrame:
    """Sites at which no other lies near enough to cover them."""
    sites = pd.read_csv(finished.folder / "sites/screened.csv")
    where = sites[["longitude", "latitude"]].to_numpy()
    apart = np.linalg.norm(where[:, None] - where[None], axis=-1)
    np.fill_diagonal(apart, 1)
    return sites[apart.min(axis=1) > 0.02]


def test_a_click_on_a_site_tells_its_numbers(tab: Any, finished: StudyFiles) -> None:
    """Catches numbers of another site, a residual of the other sign, and a design mixed up."""
    table = pd.read_csv(finished.folder / "model/out_of_fold.csv")
    grouped = table[table["design"] == "grouped"].set_index("site_id")
    lonely = _lonely(finished)
    assert len(lonely) > 5
    for site in lonely.head(4).itertuples():
        tab.page.mouse.click(*tab.place("alm90View", site.latitude, site.longitude))
        rows = tab.page.locator(".leaflet-popup tr").all_inner_texts()
        told = dict(row.split("\t") for row in rows)
        row = grouped.loc[site.site_id]
        assert tab.page.locator(".leaflet-popup h3").inner_text() == site.site_id
        assert told["Method"] == site.method
        number = {key: told[key].replace("−", "-").split("\N{NO-BREAK SPACE}")[0] for key in told}
        assert float(number["Observed"]) == pytest.approx(row["observed"], abs=6e-4)
        assert float(number["Predicted"]) == pytest.approx(row["predicted"], abs=6e-4)
        residual = row["predicted"] - row["observed"]
        assert float(number["Residual"]) == pytest.approx(residual, abs=6e-4)
        assert told["Residual"].endswith("m³\N{NO-BREAK SPACE}m⁻³")
        tab.page.keyboard.press("Escape")
        tab.page.locator(".leaflet-popup").wait_for(state="detached")


def test_sites_are_green_where_predicted_too_high(tab: Any, finished: StudyFiles) -> None:
    """Catches residuals of the wrong sign, and sites drawn at exchanged coordinates."""
    tab.page.get_by_label("None").check()
    picture = tab.picture()
    table = pd.read_csv(finished.folder / "model/out_of_fold.csv")
    residuals = table[table["design"] == "grouped"].set_index("site_id")
    residuals = residuals["predicted"] - residuals["observed"]
    seen = {True: 0, False: 0}
    for site in _lonely(finished).itertuples():
        across, down = tab.place("alm90View", site.latitude, site.longitude)
        red, _, blue = picture[int(down), int(across)]
        if abs(residuals[site.site_id]) > 0.04:
            assert (blue > red) == (residuals[site.site_id] > 0), site.site_id
            seen[bool(blue > red)] += 1
    assert min(seen.values()) >= 2


def test_the_pointer_reads_the_map(tab: Any, view: View, finished: StudyFiles) -> None:
    """Catches a readout that is mirrored, shifted, or in the steps of another key."""
    _bare(tab, "map")
    values = read_all(finished.folder / "map/vwc.tif")
    key = next(layer.key for layer in view.layers if layer.name == "map")
    step = (key.high - key.low) / len(key.colours)
    readout = tab.page.locator(".readout")
    for row, col in [(2, 3), (15, 30), (20, 8)]:
        if not key.low + step < values[row, col] < key.high - step:
            continue
        tab.page.mouse.move(*tab.place("alm90View", *_at(row + 0.5, col + 0.5)))
        tab.page.wait_for_function("document.querySelector('.readout').textContent.includes('≈')")
        told = readout.inner_text().split("≈")[1].split()[0]
        assert float(told) == pytest.approx(values[row, col], abs=step)
    tab.page.mouse.move(*tab.place("alm90View", *_at(28.5, 38.5)))
    tab.page.wait_for_function("!document.querySelector('.readout').textContent.includes('·')")


def test_a_study_that_has_only_sites_is_a_page(
    tmp_path: Path, open_tab: Callable[..., Any]
) -> None:
    """Catches a script that stops where there is no layer, and site names that become markup."""
    files = viewed_study(tmp_path / "mini")
    for name in ("model", "map", "covariates"):
        shutil.rmtree(files.folder / name)
    path = files.folder / "sites/screened.csv"
    table = pd.read_csv(path)
    hostile = "<img src=x onerror=alert(1)>"
    table.loc[0, "site_id"] = hostile
    table.to_csv(path, index=False)
    write_view(files.study, files.folder / "view.html", silent(), "alm90 9.9.9")
    tab = open_tab(files.folder / "view.html", offline=True)
    tab.page.wait_for_selector("html[data-ready]")
    assert "Not there yet" in tab.page.inner_text("aside")
    assert tab.page.locator("path.leaflet-interactive").count() == len(table)
    tab.page.fill("#find", hostile)
    tab.page.keyboard.press("Enter")
    assert tab.page.locator(".leaflet-popup h3").inner_text() == hostile
    assert tab.errors == []
    assert tab.elsewhere == []
