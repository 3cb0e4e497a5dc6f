"""The map as a picture: colours in the target's unit, meridians, scale bar, sites.

In: the map's file, sites in degrees. Out: inline SVG with the pixels as an embedded PNG. The
file is read decimated, from its overviews, so that memory holds some million pixels however
large the map is.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pyproj import CRS, Geod, Transformer
from rasterio.enums import Resampling

from export.errors import RasterError
from export.rasters.info import open_raster
from export.report.drawing import INK, MUTED, NO_DATA, PAPER, RULE, draw, new_axes
from export.report.text import count, fixed, in_unit, significant

PICTURE_PX = 1200
# Steps too small to see, yet few enough for a picture of moderate size.
COLOURS = 100
_WIDTH = 7.2
_MARGINS = (0.55, 0.95, 0.15, 0.1)

# From dry sand to wet blue, in nine steps equal to the eye (CIELAB), ever darker: the order
# holds for the colour-blind and in print without colour.
MOISTURE_COLOURS = (
    "#fce8d0", "#f5cea0", "#cea974", "#a49873", "#7d8776", "#58767b", "#27637e", "#004975",
    "#003069",
)  # fmt: skip


@dataclass(frozen=True)
class MapPicture:
    """A decimated map.

    Parameters
    ----------
    values : (rows, cols) float32, target's unit, NaN where there is no prediction
    edges : left, right, bottom, top in the units of `crs`
    shape : rows, cols of the map itself
    """

    values: np.ndarray
    edges: tuple[float, float, float, float]
    crs: CRS
    shape: tuple[int, int]

    @property
    def present(self) -> np.ndarray:
        """(n,) the values that are there."""
        present: np.ndarray = self.values[np.isfinite(self.values)]
        return present

    @property
    def colour_limits(self) -> tuple[float, float]:
        """The 2nd and 98th percentile, so that a few extremes do not wash out the rest."""
        if not self.present.size:
            return 0.0, 1.0
        low, high = np.percentile(self.present, [2, 98])
        return (float(low), float(high)) if low < high else (float(low) - 0.5, float(high) + 0.5)

    @property
    def pixel_shape(self) -> float:
        """Height of a unit of the CRS over its width on the ground, at the middle of the map."""
        if not self.crs.is_geographic:
            return 1.0
        return 1 / float(np.cos(np.deg2rad((self.edges[2] + self.edges[3]) / 2)))


def read_picture(path: Path, longest_px: int = PICTURE_PX) -> MapPicture:
    """Read a map so that its longer side has at most `longest_px` pixels.

    Raises
    ------
    RasterError
        where the file cannot be read or has no CRS.
    """
    with open_raster(path) as dataset:
        if dataset.crs is None:
            raise RasterError(f"{path} has no CRS; `alm90 mosaic` makes it again")
        step = max(1.0, max(dataset.shape) / longest_px)
        shape = tuple(max(1, round(side / step)) for side in dataset.shape)
        values = dataset.read(1, out_shape=shape, masked=True, resampling=Resampling.nearest)
        west, south, east, north = dataset.bounds
        crs = CRS.from_user_input(dataset.crs.to_wkt())
        full = (dataset.height, dataset.width)
    filled: np.ndarray = np.ma.filled(values.astype(np.float32), np.nan)
    return MapPicture(filled, (west, east, south, north), crs, full)


def colour_map() -> Colormap:
    """Return the colours from dry to wet; a missing value is transparent."""
    colours = LinearSegmentedColormap.from_list("moisture", list(MOISTURE_COLOURS), COLOURS)
    return colours.with_extremes(bad=(0, 0, 0, 0))


def map_figure(
    name: str, picture: MapPicture, sites: pd.DataFrame, target: str, unit: str
) -> Markup:
    """Draw the map.

    Parameters
    ----------
    sites : longitude, latitude (degrees)
    """
    left, right, bottom, top = picture.edges
    shape = picture.pixel_shape * (top - bottom) / (right - left)
    # A tall region is narrowed, so that the map fits on a screen and on a sheet of paper.
    width = min(_WIDTH - _MARGINS[0] - _MARGINS[2], 6.2 / shape)
    height = width * shape
    size = (width + _MARGINS[0] + _MARGINS[2], height + _MARGINS[1] + _MARGINS[3])

    def paint(figure: Figure) -> None:
        axes = new_axes(figure, _MARGINS)
        axes.set(xlim=(left, right), ylim=(bottom, top), aspect="auto", xticks=[], yticks=[])
        axes.add_patch(
            Rectangle(
                (left, bottom), right - left, top - bottom, facecolor=NO_DATA, hatch="////",
                edgecolor=RULE, linewidth=0, zorder=0,
            )
        )  # fmt: skip
        low, high = picture.colour_limits
        image = axes.imshow(
            picture.values, extent=picture.edges, cmap=colour_map(), vmin=low, vmax=high,
            interpolation="none", aspect="auto", zorder=1,
        )  # fmt: skip
        for spine in axes.spines.values():
            spine.set_visible(True)
        _graticule(axes, picture)
        _sites(axes, picture, sites)
        _scale_bar(axes, picture, width)
        bar_axes = new_axes(figure, (_MARGINS[0], 0.45, _MARGINS[2], size[1] - 0.6))
        bar = figure.colorbar(
            image, cax=bar_axes, orientation="horizontal", extend=_extend(picture)
        )
        bar.set_label(in_unit(target, unit))
        bar.outline.set_visible(False)

    return draw(name, size, _in_words(picture, sites, target, unit), paint)


def _extend(picture: MapPicture) -> str:
    if not picture.present.size:
        return "neither"
    low, high = picture.colour_limits
    below, above = bool(picture.present.min() < low), bool(picture.present.max() > high)
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get(
        (below, above), "neither"
    )


def _in_words(picture: MapPicture, sites: pd.DataFrame, target: str, unit: str) -> str:
    words = f"Map of {in_unit(target, unit)} with {count(len(sites), 'site')}. "
    if not picture.present.size:
        return words + "No pixel has a value."
    low, high = picture.colour_limits
    return words + (
        f"Values run mostly from {significant(low)} (pale sand) to {significant(high)} (dark "
        f"blue), the median being {significant(float(np.median(picture.present)))}."
    )


def _graticule(axes: Axes, picture: MapPicture) -> None:
    """Draw meridians and parallels, labelled where they meet the lower and the left edge."""
    left, right, bottom, top = picture.edges
    to_map = Transformer.from_crs("EPSG:4326", picture.crs, always_xy=True)
    west, south, east, north = Transformer.from_crs(
        picture.crs, "EPSG:4326", always_xy=True
    ).transform_bounds(left, bottom, right, top)
    across_step, up_step = _round_step((east - west) / 3.2), _round_step((north - south) / 3.2)
    along = np.linspace(0, 1, 101)
    clear = 0.05 * (top - bottom)  # or the labels of the two edges would meet at the corner
    for longitude in _multiples(west, east, across_step):
        across, up = to_map.transform(np.full(101, longitude), south + along * (north - south))
        axes.plot(across, up, color=MUTED, linewidth=0.4, alpha=0.6, zorder=2)
        at = _crossing(up, across, bottom)
        if at is not None and left <= at <= right:
            _edge_label(axes, at, bottom, _degrees(longitude, "EW", across_step), below=True)
    for latitude in _multiples(south, north, up_step):
        across, up = to_map.transform(west + along * (east - west), np.full(101, latitude))
        axes.plot(across, up, color=MUTED, linewidth=0.4, alpha=0.6, zorder=2)
        at = _crossing(across, up, left)
        if at is not None and bottom + clear <= at <= top - clear:
            _edge_label(axes, left, at, _degrees(latitude, "NS", up_step), below=False)


def _crossing(along: np.ndarray, value: np.ndarray, edge: float) -> float | None:
    """Return `value` where `along` passes `edge`."""
    order = np.argsort(along)
    along, value = along[order], value[order]
    span = along[-1] - along[0]
    if not along[0] - 1e-6 * span <= edge <= along[-1] + 1e-6 * span:
        return None
    return float(np.interp(edge, along, value))


def _edge_label(axes: Axes, across: float, up: float, text: str, *, below: bool) -> None:
    axes.annotate(
        text,
        (across, up),
        xytext=(0, -4) if below else (-4, 0),
        textcoords="offset points",
        ha="center" if below else "right",
        va="top" if below else "center",
        rotation=0 if below else 90,
        rotation_mode="anchor" if below else "default",
        fontsize=8,
        annotation_clip=False,
    )


def _degrees(value: float, letters: str, step: float) -> str:
    decimals = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    side = "" if abs(value) < 1e-9 else letters[0] if value > 0 else letters[1]
    return f"{abs(value):.{decimals}f}°{side}"


def _multiples(low: float, high: float, step: float) -> np.ndarray:
    return step * np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)


def _round_step(length: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten that is not above `length`."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(f * power for f in (1.0, 2.0, 5.0) if f * power <= length * (1 + 1e-9)))


def _sites(axes: Axes, picture: MapPicture, sites: pd.DataFrame) -> None:
    to_map = Transformer.from_crs("EPSG:4326", picture.crs, always_xy=True)
    across, up = to_map.transform(sites["longitude"].to_numpy(), sites["latitude"].to_numpy())
    axes.plot(
        across, up, linestyle="none", marker="o", markersize=3, markerfacecolor="#ffffff",
        markeredgecolor="#000000", markeredgewidth=0.6, zorder=4, rasterized=len(sites) > 3000,
    )  # fmt: skip


def _scale_bar(axes: Axes, picture: MapPicture, width_inches: float) -> None:
    """Draw a bar of a round length on the ground, true at the middle of the map."""
    left, right, bottom, top = picture.edges
    middle_up = (bottom + top) / 2
    to_degrees = Transformer.from_crs(picture.crs, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform([left, right], [middle_up, middle_up])
    ground_m = Geod(ellps="WGS84").line_length(
        np.linspace(longitude[0], longitude[1], 50), np.linspace(latitude[0], latitude[1], 50)
    )
    length_m = _round_step(ground_m / 4)
    text = f"{fixed(length_m / 1000, 0)} km" if length_m >= 1000 else f"{fixed(length_m, 0)} m"
    part = length_m / ground_m
    inch = 1 / width_inches
    height_inches = axes.bbox.height / axes.figure.dpi
    row = 1 / height_inches
    axes.add_patch(
        Rectangle(
            (0.08 * inch, 0.08 * row), part + 0.2 * inch, 0.36 * row, transform=axes.transAxes,
            facecolor=PAPER, edgecolor="none", alpha=0.88, zorder=5,
        )
    )  # fmt: skip
    axes.plot(
        [0.18 * inch, 0.18 * inch + part], [0.17 * row] * 2, transform=axes.transAxes, color=INK,
        linewidth=2.2, solid_capstyle="butt", zorder=6,
    )  # fmt: skip
    axes.text(
        0.18 * inch + part / 2, 0.22 * row, text, transform=axes.transAxes, ha="center",
        va="bottom", fontsize=8, zorder=6,
    )  # fmt: skip
