"""Relative orbits: each is summarised on its own, so that none outweighs the others.

A relative orbit sees a place from one side under one angle, whichever year it is. The number of
scenes differs between orbits by the years they were flown and by what screening leaves of them.

All bands are double here: images of a collection that differ in the type of a band may be refused
by what reduces it ("some bands might require explicit casts"), and a count is no number of a mean.
"""

from collections.abc import Callable, Sequence

import ee

from gee.sentinel1.scenes import ORBIT


def each_orbit(
    orbits: ee.List, summary: Callable[[ee.Filter], ee.Image], bands: Sequence[str]
) -> ee.ImageCollection:
    """Return one image a relative orbit, and a masked one that none is missing where none flew.

    Parameters
    ----------
    orbits : numbers of the relative orbits
    summary : from the filter of one orbit to its image
    bands : of that image
    """
    images = orbits.map(
        lambda number: summary(ee.Filter.eq(ORBIT, number)).select(list(bands)).toDouble()
    )
    every: ee.ImageCollection = ee.ImageCollection.fromImages(images.add(nothing(bands)))
    return every


def numbers(*collections: ee.ImageCollection) -> ee.List:
    """Return the relative orbits of the scenes, each once."""
    found = ee.List([])
    for collection in collections:
        found = found.cat(collection.aggregate_array(ORBIT))
    return found.distinct()


def mean_of(scenes: ee.ImageCollection, bands: Sequence[str]) -> ee.Image:
    """Return the mean over scenes, masked where there is none."""
    mean: ee.Image = or_nothing(scenes, bands).mean()
    return mean


def or_nothing(scenes: ee.ImageCollection, bands: Sequence[str]) -> ee.ImageCollection:
    """Return the scenes' bands with a masked image: the mean of no scenes would have no bands."""
    empty = ee.ImageCollection([nothing(bands)])
    alike = scenes.select(list(bands)).map(lambda scene: scene.toDouble())
    merged: ee.ImageCollection = empty.merge(alike)
    return merged


def nothing(bands: Sequence[str]) -> ee.Image:
    """Return an image without a valid pixel."""
    zeros: ee.Image = ee.Image.constant([0.0] * len(bands)).rename(list(bands)).toDouble()
    return zeros.updateMask(0)
