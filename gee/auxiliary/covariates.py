"""Auxiliary layers: what each is. They describe a pixel, and are never learned from."""

from gee.auxiliary.settings import AuxiliarySettings
from gee.covariate import Covariate

WATER = "JRC/GSW1_4/GlobalSurfaceWater"
GLACIERS = "GLIMS/current"


def covariates(settings: AuxiliarySettings) -> tuple[Covariate, ...]:
    """Return the layers that the settings name."""
    known = (
        Covariate(
            name="water_occurrence",
            description="How often there was open water, 0 where there never was",
            unit="%",
            minimum=0,
            maximum=100,
            group="auxiliary",
            datasets=(WATER,),
            period="1984 to 2021",
            reducer="share of the valid looks of Landsat",
            way="mean of its 30 m pixels within each pixel",
            masked_where="outside the dataset, beyond 78 degrees north or 60 south",
            presets=(),
            role="auxiliary",
        ),
        Covariate(
            name="glacier",
            description="1 on a glacier, 0 elsewhere",
            unit="1",
            minimum=0,
            maximum=1,
            group="auxiliary",
            datasets=(GLACIERS,),
            period="that of the outlines; any of several years",
            reducer="1 where an outline of a glacier holds the pixel's centre, rock within it left "
            "out",
            way="painted on the grid",
            masked_where="nowhere",
            presets=(),
            role="auxiliary",
        ),
    )
    return tuple(layer for layer in known if layer.name in settings.layers)
