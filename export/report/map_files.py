"""The files beside the map, as the page lists them: their names, and what they hold.

In: ``map/<target>_companion.tif`` and ``map/<target>_flags.tif``. Out: names of bands or of bits
as the files themselves give them, with their units, and what each means in words.
"""

from dataclasses import dataclass
from pathlib import Path

from export.errors import RasterError
from export.rasters.info import open_raster

_BANDS = {
    "lower": "lower bound of the interval for a new observation",
    "upper": "upper bound of the interval",
    "dissimilarity_index": "distance to the nearest training site in the space of the model's "
    "covariates; 0 is such a place as was sampled",
    "local_point_density": "number of training sites that are like the place; 0 outside the area "
    "of applicability",
    "distribution": "the second product, corrected to the spread of the observations",
}
_FLAGS = {
    "outside_area_of_applicability": "no training site is like this place, and the interval is "
    "not warranted",
    "clipped_to_physical_bound": "the value was beyond the target's minimum or maximum",
    "water": "open water in at least half of the looks",
    "glacier": "at least half of the pixel is ice",
    "outside_region": "outside the region's mask; nothing is predicted",
    "no_prediction": "inside the region, but a covariate is missing or of a category that no "
    "site has",
}


@dataclass(frozen=True)
class Part:
    """A band or a bit.

    Parameters
    ----------
    key : number of the band, from 1, or value of the bit
    unit : as in the file; '' for a bit
    meaning : '' where the report has no words for it
    """

    key: int
    name: str
    unit: str
    meaning: str


def companion_parts(path: Path) -> tuple[Part, ...]:
    """Return the bands of the companion.

    Raises
    ------
    RasterError
        where the file cannot be read.
    """
    with open_raster(path) as dataset:
        bands = zip(dataset.indexes, dataset.descriptions, dataset.units, strict=True)
        return tuple(
            Part(number, name or "", unit or "", _BANDS.get(name or "", ""))
            for number, name, unit in bands
        )


def flag_parts(path: Path) -> tuple[Part, ...]:
    """Return the bits of the flags, from the tags of the CF conventions.

    Raises
    ------
    RasterError
        where the file cannot be read, or its tags do not name each bit.
    """
    with open_raster(path) as dataset:
        tags = dataset.tags()
    masks, names = (tags.get(key, "").split() for key in ("flag_masks", "flag_meanings"))
    if not masks or len(masks) != len(names) or not all(mask.isdecimal() for mask in masks):
        raise RasterError(
            f"{path} does not name its bits: its tags flag_masks and flag_meanings are to hold one "
            "number and one name a bit; `alm90 mosaic` writes them"
        )
    return tuple(
        Part(int(mask), name, "", _FLAGS.get(name, ""))
        for mask, name in zip(masks, names, strict=True)
    )
