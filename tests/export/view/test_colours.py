"""Colours stand for what their key says."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from export.map.flags import MEANINGS, NO_TILE, flag_colours
from export.view.colours import (
    Scale,
    categories_for,
    colours_of,
    difference_scale,
    flags_for,
    scale_for,
)


def test_values_take_the_colour_of_their_step() -> None:
    """Catches steps that are shifted by one or end short of the last colour."""
    scale = Scale(("#000001", "#000002", "#000003", "#000004"), 0.0, 2.0, "m")
    values = np.array([-5, 0, 0.49, 0.5, 1.0, 1.99, 2.0, 9, np.nan])
    assert scale.places(values).tolist() == [1, 1, 1, 2, 3, 4, 4, 4, 0]
    assert scale.colour(0.7) == "#000002"


def test_ticks_are_round_and_stand_at_their_value() -> None:
    scale = Scale(("#000000",), -0.02, 0.41, "1")
    for place, text in scale.ticks:
        value = float(text.replace("−", "-"))
        assert place == pytest.approx(100 * (value + 0.02) / 0.43, abs=0.01)
    assert [text for _, text in scale.ticks] == ["0", "0.1", "0.2", "0.3", "0.4"]


def test_a_scale_runs_over_most_values_and_says_which_lie_beyond() -> None:
    """Catches one extreme that washes out all other values."""
    values = np.concatenate([np.linspace(0, 1, 1000), [500.0, np.nan]])
    scale = scale_for("covariate", values, "1")
    assert scale is not None
    assert scale.high < 1.1
    assert scale.above
    assert scale.below
    assert scale_for("covariate", np.array([np.nan]), "1") is None


@pytest.mark.parametrize("values", [[3.0, 3.0], [0.0], [2.0] * 99 + [7.0]])
def test_a_scale_of_one_value_is_still_one(values: list[float]) -> None:
    """Catches a division by nothing where all pixels are alike."""
    scale = scale_for("target", np.array(values), "1")
    assert scale is not None
    assert scale.low < scale.high
    assert (scale.places(np.array(values)) > 0).all()


def test_differences_are_even_about_zero_and_brown_where_too_low() -> None:
    """Catches a key whose middle is not zero, or whose ends are exchanged."""
    scale = difference_scale(np.array([-0.3, 0.05, 0.1, np.nan]), "1")
    assert scale is not None
    assert scale.low == -scale.high
    red, green, blue = to_rgb(scale.colour(0.0))
    assert red == pytest.approx(green, abs=0.02)
    assert green == pytest.approx(blue, abs=0.02)
    low, high = to_rgb(scale.colour(-0.3)), to_rgb(scale.colour(0.3))
    assert low[0] > low[2]
    assert high[0] < high[2]
    assert difference_scale(np.array([np.nan]), "1") is None


@pytest.mark.parametrize("family", ["target", "width", "dissimilarity", "covariate"])
def test_scales_keep_their_order_without_colour(family: str) -> None:
    """Catches colours that the colour-blind, or a grey print, cannot put in order."""
    rgb = np.array([to_rgb(colour) for colour in colours_of(family, 9)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    steps = np.diff(luminance)
    assert (steps > 0).all() or (steps < 0).all()


def test_flags_have_the_colours_of_their_file_and_no_tile_has_none() -> None:
    """Catches a page on which a flag means another than in QGIS."""
    words = {**MEANINGS, 0: "no flag"}
    codes = np.array([0, 1, 3, 4, 5, 16, NO_TILE])
    key = flags_for(codes, words)
    places = key.places(codes.astype(float))
    known = flag_colours()
    for code, place in zip(codes, places, strict=True):
        red, green, blue, opacity = known[int(code)]
        assert bool(place) == bool(opacity)
        if place:
            assert key.colours[place - 1] == f"#{red:02x}{green:02x}{blue:02x}"
    names = sorted(name for _, name in key.legend)
    assert names == ["no flag", "outside_area_of_applicability", "water"]


def test_categories_are_told_apart() -> None:
    key = categories_for((1, 2, 7))
    assert len(set(key.colours)) == 3
    assert key.places(np.array([7.0, 3.0, np.nan, 1.0])).tolist() == [3, 0, 0, 1]
