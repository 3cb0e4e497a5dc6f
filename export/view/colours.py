"""Numbers → colours that the colour-blind tell apart, and the key that gives them back.

In: (rows, cols) values in a unit, or codes. Out: (rows, cols) uint8 places in a list of colours,
0 where there is nothing to show; the list, and what its colours stand for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_hex
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from export.map.flags import flag_colours
from export.report.map_figure import MOISTURE_COLOURS

STEPS = 64
"""Colours of a scale: steps too small to see, and few enough for a small picture."""

_MOISTURE = LinearSegmentedColormap.from_list("moisture", list(MOISTURE_COLOURS))
# Each quantity has a family of colours of its own, so that no layer is taken for another. All run
# from light to dark or dark to light; the difference runs from brown (too dry) to green-blue.
_FAMILIES: Mapping[str, Colormap] = {
    "target": _MOISTURE,
    "width": matplotlib.colormaps["BuPu"],
    "dissimilarity": matplotlib.colormaps["YlOrBr"],
    "covariate": matplotlib.colormaps["cividis"],
    "difference": matplotlib.colormaps["BrBG"],
}
# Okabe and Ito's eight, then their lighter kin: codes of categories have no order.
_CATEGORIES = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7f7f7f",
    "#99c7e0", "#f5d899", "#99d8c7", "#ebc9dc", "#b3b3b3", "#eebf99", "#004466", "#664400",
)  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """A continuous key.

    Parameters
    ----------
    colours : from `low` to `high`, as #rrggbb; values beyond take the first or the last
    unit : in the notation of UDUNITS
    below, above : whether values lie beyond
    """

    colours: tuple[str, ...]
    low: float
    high: float
    unit: str
    below: bool = False
    above: bool = False

    def places(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Return for each value its colour's place, from 1; 0 where it is missing."""
        part = (values.astype(np.float64) - self.low) / (self.high - self.low)
        with np.errstate(invalid="ignore"):
            step = np.clip(np.floor(part * len(self.colours)), 0, len(self.colours) - 1)
        return np.where(np.isnan(step), 0, step + 1).astype(np.uint8)

    def colour(self, value: float) -> str:
        """Return the colour of one value, which must not be missing."""
        return self.colours[int(self.places(np.array([value]))[0]) - 1]

    @property
    def ramp(self) -> str:
        """The colours as a CSS gradient in steps."""
        share = 100 / len(self.colours)
        stops = [
            f"{colour} {place * share:.4g}% {(place + 1) * share:.4g}%"
            for place, colour in enumerate(self.colours)
        ]
        return f"linear-gradient(to right, {', '.join(stops)})"

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Round values with their places along the key in per cent, and as they are written."""
        span = self.high - self.low
        values = [
            float(value)
            for value in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
            if self.low - 1e-9 * span <= value <= self.high + 1e-9 * span
        ]
        return tuple((100 * (value - self.low) / span, _tick(value)) for value in values)


@dataclass(frozen=True)
class Classes:
    """A key of codes: of categories, or of what flags say.

    Parameters
    ----------
    codes, colours, names : one entry a class; a code that is none of them is not shown
    """

    codes: tuple[int, ...]
    colours: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def legend(self) -> tuple[tuple[str, str], ...]:
        """Each colour once, with the name that goes with it."""
        return tuple(dict(zip(self.colours, self.names, strict=True)).items())

    def places(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Return for each code its class's place, from 1; 0 where it is none or missing."""
        places = np.zeros(values.shape, np.uint8)
        for place, code in enumerate(self.codes, start=1):
            places[values == code] = place
        return places


def scale_for(family: str, values: NDArray[Any], unit: str) -> Scale | None:
    """Return a scale over most of the values, or None where there is none.

    It runs from their 2nd to their 98th percentile, so that a few extremes do not wash out the
    rest.

    Parameters
    ----------
    family : "target", "width", "dissimilarity" or "covariate"
    values : of any shape, NaN where missing
    """
    present = values[np.isfinite(values)]
    if not present.size:
        return None
    low, high = (float(bound) for bound in np.percentile(present.astype(np.float64), [2, 98]))
    if not low < high:
        # All but a few alike: what there is of a range, else room around the one value.
        low, high = float(present.min()), float(present.max())
    if not low < high:
        room = abs(low) / 10 or 0.5
        low, high = low - room, high + room
    return Scale(
        colours_of(family, STEPS), low, high, unit,
        below=bool(present.min() < low), above=bool(present.max() > high),
    )  # fmt: skip


def difference_scale(differences: NDArray[Any], unit: str) -> Scale | None:
    """Return a scale that is even about zero and holds most of the differences."""
    present = np.abs(differences[np.isfinite(differences)])
    if not present.size:
        return None
    reach = float(np.percentile(present, 95)) or float(present.max()) or 1.0
    beyond = differences[np.isfinite(differences)]
    # An odd number, so that the one in the middle stands for no difference.
    return Scale(
        colours_of("difference", 15), -reach, reach, unit,
        below=bool(beyond.min() < -reach), above=bool(beyond.max() > reach),
    )  # fmt: skip


def categories_for(codes: Sequence[int]) -> Classes:
    """Return a key of codes of categories; colours come round again after sixteen."""
    colours = tuple(_CATEGORIES[place % len(_CATEGORIES)] for place in range(len(codes)))
    return Classes(tuple(codes), colours, tuple(f"class {code}" for code in codes))


def flags_for(codes: NDArray[Any], words: Mapping[int, str]) -> Classes:
    """Return a key of the flags that are there, in the colours that their file gives them.

    Parameters
    ----------
    codes : sums of bits
    words : bit → what it means; 0 → what a pixel without a flag is
    """
    known = flag_colours()
    by_colour: dict[str, str] = {}
    for bit, meaning in words.items():
        by_colour.setdefault(_hex(known[bit]), meaning)
    shown = [int(code) for code in np.unique(codes) if known.get(int(code), (0, 0, 0, 0))[3]]
    shown.sort(key=lambda code: list(by_colour).index(_hex(known[code])))
    colours = tuple(_hex(known[code]) for code in shown)
    return Classes(tuple(shown), colours, tuple(by_colour[colour] for colour in colours))


def colours_of(family: str, steps: int) -> tuple[str, ...]:
    """Return the colours of a family in so many steps, as #rrggbb."""
    places = (np.arange(steps) + 0.5) / steps
    return tuple(to_hex(colour) for colour in _FAMILIES[family](places))


def _hex(colour: tuple[int, int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour[:3])


def _tick(value: float) -> str:
    return f"{0.0 if abs(value) < 1e-12 else value:.6g}".replace("-", "\N{MINUS SIGN}")
