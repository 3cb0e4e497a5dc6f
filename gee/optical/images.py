"""Optical: from scenes to one image a covariate."""

from collections.abc import Collection

import ee

from gee.optical.settings import OpticalSettings
from gee.scope import Scope


def images(
    names: Collection[str],  # noqa: ARG001
    scope: Scope,  # noqa: ARG001
    settings: OpticalSettings,  # noqa: ARG001
) -> dict[str, ee.Image]:
    """Return one single-band image a name, in the catalogue's unit, on its way to the grid."""
    return {}
