"""Rules of masks: footprints, fractions, and what reducers and composites make of them."""

from __future__ import annotations

import ee
from conformance.place import Place, rows_of
from conformance.record import Check
from conformance.together import AtPixel


def _filled_within_footprint(place: Place) -> list[list[float | None]]:
    half = ee.Geometry.Rectangle(place.edges(1, 2), "EPSG:4326", False)
    cut = ee.Image(1).clip(half)
    return rows_of(place, [cut.unmask(7), cut.unmask(7, False)], 4)


def _fraction(place: Place) -> ee.Image:
    half = ee.Image(1).updateMask(0.5)
    masks = [
        half.updateMask(0.25).mask(),
        half.updateMask(0.5).mask(),
        half.add(ee.Image(1).updateMask(0.25)).mask(),
        half.where(1, ee.Image(2)).mask(),
        ee.Image(1).where(1, ee.Image(2).updateMask(0.5)).mask(),
        ee.Image(1).where(1, ee.Image(2).updateMask(0.5)),
        half.unmask(7, False),
    ]
    return ee.Image.cat(masks).rename(list("abcdefg"))


def _where_masked(place: Place) -> ee.Image:
    one, nothing = ee.Image(1), ee.Image(2).updateMask(0)
    images = [one.where(1, nothing), one.where(nothing, 3), nothing.where(1, 3)]
    return ee.Image.cat(images).rename(["a", "b", "c"])


def _weights(place: Place) -> ee.Image:
    images = [ee.Image(0.0), ee.Image(4.0).updateMask(0.5)]
    collection = ee.ImageCollection(images)
    bands = [collection.mean(), collection.median(), collection.count()]
    return ee.Image.cat(bands).rename(["a", "b", "c"])


CHECKS = (
    Check(
        "unmask_footprint",
        "an image clipped to two of four pixels, filled by unmask(7) and by unmask(7, False)",
        _filled_within_footprint,
        [[1.0, 1.0, None, None], [1.0, 1.0, 7.0, 7.0]],
        "documentation",
        "the fill of masked pixels would end at the edge of a scene: points and tiles would lose "
        "pixels there",
        pixels=8,
    ),
    Check(
        "fractional_masks",
        "masks of 0.5 after updateMask(0.25), after updateMask(0.5), plus an image of mask 0.25, "
        "where replaced by a whole one; mask and value of a whole one replaced by one of mask 0.5; "
        "the value of 1 with mask 0.5 after unmask(7)",
        AtPixel(_fraction, "abcdefg"),
        [0.25, 0.5, 0.25, 0.5, 1.0, 2.0, 1.0],
        "stand-in",
        "means over scenes would weigh pixels at edges otherwise; masks are made 0 or 1 after "
        "every mean over pixels, so no more than the edges of scenes. A last value other than 1: "
        "pixels on their way here would be mixed with the number that stands for masked ones",
        tolerance=0.003,
        pixels=7,
    ),
    Check(
        "where_masked",
        "where(): masked replacement, masked test, masked input",
        AtPixel(_where_masked, "abc"),
        [1.0, 1.0, None],
        "documentation",
        "scenes before the border noise was mended, and level ground, would get or lose pixels",
        pixels=3,
    ),
    Check(
        "weights_of_masks",
        "mean, median and count over 0 with mask 1 and 4 with mask 0.5",
        AtPixel(_weights, "abc"),
        [4 / 3, 2.0, 2.0],
        "stand-in",
        "composites at the edges of scenes",
        tolerance=1e-5,
        pixels=3,
    ),
)
