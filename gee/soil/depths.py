"""The mean of a profile over a range of depths.

In: one image a depth. Out: their mean from one depth to another, which may differ from pixel to
pixel. A layer weighs as much as of its thickness lies in the range. Values that hold at a depth
are joined by straight lines, and the mean is that of the lines.
"""

from collections.abc import Sequence
from itertools import pairwise

import ee


def mean_of_layers(
    layers: Sequence[ee.Image], boundaries_cm: Sequence[float], top_cm: float, bottom: ee.Image
) -> ee.Image:
    """Return the mean weighted by thickness between `top_cm` and `bottom` (cm, an image).

    Below the deepest layer nothing is known: the mean is that of what lies above.
    """
    weights = [
        _within(bottom, max(upper, top_cm), max(lower, top_cm))
        for upper, lower in pairwise(boundaries_cm)
    ]
    return _weighted_mean(layers, weights)


def mean_between_points(
    points: Sequence[ee.Image], depths_cm: Sequence[float], top_cm: float, bottom: ee.Image
) -> ee.Image:
    """Return the mean of the straight lines between values at depths, down to `bottom` (cm)."""
    weights = [ee.Image(0.0)] * len(points)
    for place, (upper, lower) in enumerate(pairwise(depths_cm)):
        start, thickness = max(upper, top_cm), lower - upper
        if lower <= start:
            continue
        # Of a line from 1 at the upper depth to 0 at the lower one, the part in the range has the
        # area between `start` and the end: its mean height times its length.
        length = _within(bottom, start, lower)
        middle = length.divide(2).add(start - upper).divide(thickness)
        weights[place] = weights[place].add(length.multiply(middle.multiply(-1).add(1)))
        weights[place + 1] = weights[place + 1].add(length.multiply(middle))
    return _weighted_mean(points, weights)


def _within(bottom: ee.Image, upper: float, lower: float) -> ee.Image:
    """Return how much of the range from `upper` to `lower` lies above `bottom`, in cm."""
    part: ee.Image = bottom.clamp(upper, lower).subtract(upper)
    return part


def _weighted_mean(layers: Sequence[ee.Image], weights: Sequence[ee.Image]) -> ee.Image:
    """Return the mean, masked where no layer counts or one that counts is missing."""
    total, weight, missing = ee.Image(0.0), ee.Image(0.0), ee.Image(0)
    for layer, share in zip(layers, weights, strict=True):
        total = total.add(layer.unmask(0, False).multiply(share))
        weight = weight.add(share)
        missing = missing.Or(layer.mask().eq(0).And(share.gt(0)))
    known = weight.gt(0).And(missing.Not())
    mean: ee.Image = total.divide(weight).updateMask(known)
    return mean
