"""A region given as an asset on Earth Engine: an image whose pixels say, or a table of polygons.

In: the asset's id, a connected client. Out: which pixels of a window lie inside.
"""

import ee
import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from export.covariates.region_mask import Inside
from gee.errors import AssetError
from gee.pixels import read_window
from gee.session import ask

_BAND = "region"


def asset_inside(asset: str, mask_values: tuple[int, ...] | None) -> Inside:
    """Return which pixels lie inside.

    Parameters
    ----------
    asset : of an image, whose pixel under the centre of ours decides, or of a table, within whose
        polygons the centre lies
    mask_values : values of the image's first band that are inside; None: all but 0 and masked

    Raises
    ------
    ServiceError
        where it is not there, is neither, or may not be read.
    """
    what = f"region.mask_asset '{asset}'"
    kind = ask(lambda: ee.data.getAsset(asset), what)["type"]
    if kind not in ("IMAGE", "TABLE"):
        raise AssetError(f"{what} is of the kind {kind}; name one image, or a table of polygons")
    if kind == "TABLE":
        image = ee.Image(0).byte().paint(ee.FeatureCollection(asset), 1)
    else:
        first = ee.Image(asset).select([0])
        # On its own pixels: at the grid's, a coarser level of it would be read.
        image = first.reproject(first.projection())
    image = image.rename(_BAND)

    def inside(window: GeoBox) -> NDArray[np.bool_]:
        values = read_window(image, [_BAND], window)[0]
        if mask_values is not None:
            return np.isin(values, np.asarray(mask_values, np.float32))
        return np.asarray(~np.isnan(values) & (values != 0))

    return inside
