"""A headless Chromium, and pages of which every request, error and answer is kept.

Tests are skipped, with the reason, where Chromium, Playwright, geemap or the npm copies of what
folium's pages load are absent (`make test` fetches the latter where npm is there).
"""

import importlib.util
import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.image import imread
from viewed_study import viewed_study

if TYPE_CHECKING:
    from miniature import StudyFiles

NPM = Path(__file__).parent / "node_modules"
# Wherever the page fetches them from.
CDN_FILES = {
    "/leaflet@1.9.3/": NPM / "leaflet",
    "/jquery-3.7.1.min.js": NPM / "jquery/dist/jquery.min.js",
}
_OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    absent = _absent()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if absent:
                item.add_marker(pytest.mark.skip(reason=absent))


def _absent() -> str | None:
    if _chromium() is None:
        return "no Chromium on this machine"
    if importlib.util.find_spec("playwright") is None:
        return "Playwright for Python is not installed (the extra 'test' has it)"
    return None


def _chromium() -> str | None:
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@pytest.fixture(scope="session")
def geemap_pages() -> None:
    """Skips what needs geemap and the npm copies."""
    if importlib.util.find_spec("geemap") is None:
        pytest.skip("geemap is not installed (the extra 'view' has it)")
    if not all(path.exists() for path in CDN_FILES.values()):
        pytest.skip("no npm copies of Leaflet and jQuery: `npm install` in tests/browser")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=_OPTIONS)
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page, with what happened on it.

    Parameters
    ----------
    elsewhere : addresses asked for that are neither files, loopback nor served from npm copies
    errors : of scripts, and what the console calls one
    answers : address → status, of loopback
    """

    page: Any
    elsewhere: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)

    def picture(self) -> np.ndarray:
        """(rows, cols, 3) int: what is on the screen."""
        return np.rint(imread(io.BytesIO(self.page.screenshot()))[..., :3] * 255).astype(int)

    def places(self, map_name: str, positions: list[tuple[float, float]]) -> np.ndarray:
        """(n, 2): across and down on the screen, in pixels, of latitudes and longitudes."""
        found = self.page.evaluate(
            f"""(positions) => {{
                const box = {map_name}.getContainer().getBoundingClientRect();
                return positions.map((position) => {{
                    const at = {map_name}.project(position).subtract({map_name}.getPixelOrigin());
                    const shift = {map_name}._getMapPanePos();
                    return [box.left + at.x + shift.x, box.top + at.y + shift.y];
                }});
            }}""",
            positions,
        )
        return np.array(found)

    def place(self, map_name: str, latitude: float, longitude: float) -> tuple[float, float]:
        """Return the same of one."""
        across, down = self.places(map_name, [(latitude, longitude)])[0]
        return float(across), float(down)


@pytest.fixture
def open_tab(chromium: Any) -> Iterator[Callable[..., Tab]]:
    """`open_tab(path)`: a file in a fresh browser window, which reaches nothing but loopback."""
    contexts = []

    def opened(path: Path, offline: bool = False) -> Tab:
        context = chromium.new_context(viewport={"width": 1200, "height": 800}, offline=offline)
        contexts.append(context)
        context.set_default_timeout(30_000)
        tab = Tab(context.new_page())

        def answer(route: Any) -> None:
            url = route.request.url
            if url.startswith(("file:", "http://127.0.0.1:")):
                route.continue_()
                return
            for part, file in CDN_FILES.items():
                _, found, rest = url.partition(part)
                if found and not offline:
                    route.fulfill(path=file / rest if rest else file)
                    return
            tab.elsewhere.append(url)
            route.abort()

        def note(response: Any) -> None:
            if response.url.startswith("http://127.0.0.1:"):
                tab.answers[response.url] = response.status

        tab.page.route("**/*", answer)
        tab.page.on("response", note)
        tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))
        tab.page.on(
            "console",
            lambda message: tab.errors.append(message.text) if message.type == "error" else None,
        )
        tab.page.goto(path.as_uri())
        return tab

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> "StudyFiles":
    """A study with all that a view shows; not to be changed."""
    return viewed_study(tmp_path_factory.mktemp("browser") / "mini")
