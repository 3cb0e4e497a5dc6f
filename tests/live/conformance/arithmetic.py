"""Rules of single pixels: types, quotients, angles, undefined results, band names."""

from __future__ import annotations

import math
from typing import Any

import ee
from conformance.place import Place, raw_pixel
from conformance.record import Check
from conformance.together import AtPixel, Computed


def _types(place: Place) -> ee.ComputedObject:
    short = ee.Image(5).toInt16()
    images = [short.divide(2), short.add(1), short.sqrt(), short.gt(3), short.toFloat().multiply(2)]
    return ee.Image.cat(images).rename(["a", "b", "c", "d", "e"]).bandTypes()


def _described(found: dict[str, Any]) -> list[str]:
    return [_type(found[name]) for name in sorted(found)]


def _type(described: dict[str, Any]) -> str:
    limits = (described.get("min"), described.get("max"))
    suffix = "" if None in limits else f" {limits[0]:g} to {limits[1]:g}"
    return f"{described['precision']}{suffix}"


def _names_of_reduce(place: Place) -> ee.ComputedObject:
    images = [ee.Image([number, 2 * number]).rename(["VV", "VH"]) for number in (1, 2, 3)]
    collection = ee.ImageCollection(images)
    by_reduce = collection.reduce(ee.Reducer.percentile([50])).bandNames()
    both = ee.Reducer.mean().combine(ee.Reducer.stdDev(), sharedInputs=True)
    return ee.List([by_reduce, collection.mean().bandNames(), collection.reduce(both).bandNames()])


def _names_of_add_bands(place: Place) -> ee.ComputedObject:
    one = ee.Image(1).rename("a")
    return one.addBands(ee.Image(2).rename("a")).addBands(one).bandNames()


def _normalized(place: Place) -> ee.Image:
    image = ee.Image([0.3, 0.1, -0.01]).rename(["nir", "red", "water"])
    pairs = [["nir", "red"], ["nir", "water"]]
    bands = [image.normalizedDifference(pair) for pair in pairs]
    return ee.Image.cat(bands).rename(["a", "b"])


def _quotients(place: Place) -> ee.Image:
    images = [ee.Image(1).divide(0), ee.Image(1.0).divide(0.0), ee.Image(0).divide(0)]
    return ee.Image.cat(images).rename(["a", "b", "c"])


def _undefined(place: Place) -> ee.Image:
    images = [ee.Image(0.0).log10(), ee.Image(-1.0).sqrt()]
    return ee.Image.cat(images).rename(["a", "b"])


def _fill_of_masked(place: Place) -> list[float]:
    five = ee.Image(5).updateMask(0)
    image = five.toFloat().addBands(five.toInt16()).addBands(five.toUint8())
    return raw_pixel(place, image)


CHECKS = (
    Check(
        "constants",
        "the constants 1.5, -2 and 1e-6 at a pixel",
        AtPixel(lambda _: ee.Image([1.5, -2, 1e-6]).rename(["a", "b", "c"]), "abc"),
        [1.5, -2.0, 1e-6],
        "documentation",
        "nothing else here can be trusted",
        tolerance=1e-12,
        pixels=3,
    ),
    Check(
        "types",
        "types of int16 / 2, + 1, square root, > 3, and of a float times 2",
        Computed(_types, _described),
        ["float", "int -32767 to 32768", "double", "int 0 to 1", "float"],
        "stand-in",
        "pixels are cast to float32 before they are asked for, so only files of other users and "
        "the exact bound of an overflow",
    ),
    Check(
        "integer_division",
        "7 / 2 of two integers",
        AtPixel(lambda _: ee.Image(7).toInt16().divide(ee.Image(2).toInt16()), ["constant"]),
        [3.5],
        "documentation",
        "every ratio of counts or of scaled integers would be truncated",
        pixels=1,
    ),
    Check(
        "division_by_zero",
        "1 / 0 of integers, of floats, and 0 / 0",
        AtPixel(_quotients, "abc"),
        [0.0, 0.0, 0.0],
        "documentation",
        "indices and terrain gradients where a denominator is 0 would be masked or infinite",
        pixels=3,
    ),
    Check(
        "undefined",
        "logarithm of 0, root of -1",
        AtPixel(_undefined, "ab"),
        [None, None],
        "stand-in",
        "backscatter of 0 is masked before its logarithm; roots are taken of what is held above "
        "0: nothing, unless a check of the stack fails too",
        pixels=2,
    ),
    Check(
        "atan2",
        "x.atan2(y) of the pairs (0, 1), (-1, 0) and (1, 1)",
        AtPixel(
            lambda _: (
                ee.Image([0.0, -1.0, 1.0]).atan2(ee.Image([1.0, 0.0, 1.0])).rename(["a", "b", "c"])
            ),
            "abc",
        ),
        [math.pi / 2, math.pi, math.pi / 4],
        "documentation",
        "phases of land surface temperature would be mirrored",
        tolerance=1e-6,
        pixels=3,
    ),
    Check(
        "normalized_difference",
        "normalizedDifference of (0.3, 0.1), and of (0.3, -0.01)",
        AtPixel(_normalized, "ab"),
        [0.5, None],
        "documentation",
        "nothing here, since indices are written out for this very reason",
        tolerance=1e-6,
        pixels=2,
    ),
    Check(
        "names_of_reduce",
        "band names of reduce(percentile 50), of mean(), and of reduce(mean and stdDev)",
        Computed(_names_of_reduce),
        [["VV_p50", "VH_p50"], ["VV", "VH"], ["VV_mean", "VV_stdDev", "VH_mean", "VH_stdDev"]],
        "documentation",
        "composites would ask for bands that are not there; the order alone would not matter",
    ),
    Check(
        "names_of_add_bands",
        "names after a band 'a' is added to 'a', twice",
        Computed(_names_of_add_bands),
        ["a", "a_1", "a_2"],
        "stand-in",
        "nothing: every band gets a name of its own before",
    ),
    Check(
        "fill_of_masked",
        "what NPY holds at a masked pixel of float, int16 and uint8",
        _fill_of_masked,
        [0.0, 0.0, 0.0],
        "stand-in",
        "nothing: masked pixels travel as a number that no covariate has",
        pixels=3,
    ),
)
