"""What the flags of a pixel mean: one bit each, so that several may hold at once.

In: masks, (rows, cols) bool. Out: codes, (rows, cols) uint8, with 255 where no tile was made; and
the names and colours of all codes, for the tags and the colour table of the file.
"""

from collections.abc import Mapping

import numpy as np

OUTSIDE_AREA = 1
CLIPPED = 2
WATER = 4
GLACIER = 8
OUTSIDE_REGION = 16
NO_PREDICTION = 32

MEANINGS: Mapping[int, str] = {
    OUTSIDE_AREA: "outside_area_of_applicability",
    CLIPPED: "clipped_to_physical_bound",
    WATER: "water",
    GLACIER: "glacier",
    OUTSIDE_REGION: "outside_region",
    NO_PREDICTION: "no_prediction",
}
NO_TILE = 255

# The first that holds gives the colour: red, green, blue, opacity.
_COLOURS: Mapping[int, tuple[int, int, int, int]] = {
    OUTSIDE_REGION: (255, 255, 255, 0),
    WATER: (64, 128, 200, 255),
    GLACIER: (200, 230, 245, 255),
    NO_PREDICTION: (110, 110, 110, 255),
    OUTSIDE_AREA: (204, 102, 51, 255),
    CLIPPED: (230, 190, 60, 255),
}
_NO_FLAG = (225, 238, 220, 255)


def flag_codes(masks: Mapping[int, np.ndarray]) -> np.ndarray:
    """Return the sum of the bits that hold, (rows, cols) uint8.

    Parameters
    ----------
    masks : bit → (rows, cols) bool
    """
    codes = np.zeros(next(iter(masks.values())).shape, np.uint8)
    for bit, mask in masks.items():
        codes[mask] |= bit
    return codes


def flag_tags() -> dict[str, str]:
    """Return the tags that tell a reader what the bits mean, in the words of the CF conventions."""
    return {
        "flag_masks": " ".join(map(str, MEANINGS)),
        "flag_meanings": " ".join(MEANINGS.values()),
    }


def flag_colours() -> dict[int, tuple[int, int, int, int]]:
    """Return a colour for every code that bits can make, and none (transparent) for 255."""
    colours = {NO_TILE: (255, 255, 255, 0)}
    for code in range(sum(MEANINGS) + 1):
        held = (colour for bit, colour in _COLOURS.items() if code & bit)
        colours[code] = next(held, _NO_FLAG)
    return colours
