"""Matplotlib figures → inline SVG that takes its colours and font from the page.

Text stays text, so that it can be read aloud, searched and written in any script. The colours
below stand for the page's own, which differ in the dark: each becomes a CSS variable, with
itself as fallback. The same figure gives the same bytes.
"""

import base64
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

INK = "#1c2326"
MUTED = "#5b666b"
RULE = "#d5dbdd"
PAPER = "#fefefe"
NO_DATA = "#e6e9ea"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#7a6a00")
MARKERS = ("o", "^", "s", "D", "v")
MARK = "#b3261e"

_VARIABLES = {
    INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper", NO_DATA: "no-data", MARK: "mark",
    **{colour: f"series-{number}" for number, colour in enumerate(SERIES, 1)},
}  # fmt: skip
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "hatch.color": RULE,
    "hatch.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,
}


def draw(
    name: str, size: tuple[float, float], alternative: str, paint: Callable[[Figure], None]
) -> Markup:
    """Return a figure as SVG for a page.

    Parameters
    ----------
    name : of the figure, unique on its page: keeps the ids of its parts apart from others'
    size : width and height in inches
    alternative : what the figure shows, in words, for those who do not see it
    paint : draws on the empty figure
    """
    stream = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # The browser has the glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=size)
        FigureCanvasSVG(figure)
        figure.patch.set_visible(False)
        paint(figure)
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(stream, format="svg", dpi=200, metadata=metadata)
    return Markup(_inline(stream.getvalue(), name, size[0], alternative))


def _inline(svg: str, name: str, width_inches: float, alternative: str) -> str:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", body, flags=re.DOTALL)
    # Ids of groups are never pointed at, and would stand twice on a page of several figures.
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"font-family: [^;\"]*; ", "", body)  # that of the page
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, f"var(--{variable}, {colour})")
    body = re.sub(
        r"(data:image/png;base64,)([^\"]+)",
        lambda found: (
            found[1] + base64.b64encode(_few_colours(base64.b64decode(found[2]))).decode()
        ),
        body,
    )
    box = re.search(r'viewBox="([^"]*)"', body)
    end = body.index(">") + 1
    assert box is not None
    # HTML knows the namespaces of inline SVG by itself.
    labels = f'class="{escape(name)}" role="img" aria-label="{escape(alternative)}"'
    # At this width a point of the figure is as large as one of the page's small text.
    head = f'<svg {labels} viewBox="{box[1]}" style="max-width: {7 * width_inches:.1f}rem">'
    return head + body[end:].rstrip() + "\n"


def new_axes(figure: Figure, inches: tuple[float, float, float, float]) -> Axes:
    """Add axes with margins left, bottom, right and top in inches."""
    width, height = figure.get_size_inches()
    left, bottom, right, top = inches
    box = (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
    axes = figure.add_axes(box)
    axes.patch.set_visible(False)
    axes.set_axisbelow(True)
    return axes


def _recoded(base64_png: re.Match[str]) -> str:
    return base64.b64encode(_few_colours(base64.b64decode(base64_png[0]))).decode()


def _few_colours(png: bytes) -> bytes:
    """Return a PNG of at most 256 colours with a palette, a third of its size; others as they are.

    No pixel changes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with MemoryFile(png) as file, file.open() as picture:
            bands = picture.read()
        if bands.shape[0] != 4 or bands.dtype != np.uint8:
            return png
        pixels = np.ascontiguousarray(np.moveaxis(bands, 0, -1)).view(np.uint32)[..., 0]
        colours, index = np.unique(pixels, return_inverse=True)
        if colours.size > 256:
            return png
        height, width = pixels.shape
        palette = {i: tuple(map(int, rgba)) for i, rgba in enumerate(colours.view((np.uint8, 4)))}
        options = {"driver": "PNG", "height": height, "width": width, "count": 1, "dtype": "uint8"}
        with MemoryFile() as file:
            with file.open(**options) as picture:
                picture.write(index.reshape(pixels.shape).astype(np.uint8), 1)
                picture.write_colormap(1, palette)
            content: bytes = file.read()
    return content
