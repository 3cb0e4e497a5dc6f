"""Terrain: what each covariate is."""

from gee.covariate import Covariate
from gee.terrain.radii import LATTICE_ARC_SECONDS, RADII_M
from gee.terrain.settings import TerrainSettings

OWN_LATTICE = "on the elevation model's own pixels, then the mean of those within each pixel"
NO_HEIGHT = "no height there or next to it"


def covariates(settings: TerrainSettings) -> tuple[Covariate, ...]:
    """Return every covariate of this room."""

    def covariate(
        name: str,
        description: str,
        unit: str,
        minimum: float,
        maximum: float,
        reducer: str,
        way: str = OWN_LATTICE,
        masked_where: str = NO_HEIGHT,
        others: tuple[str, ...] = (),
    ) -> Covariate:
        return Covariate(
            name=name,
            description=description,
            unit=unit,
            minimum=minimum,
            maximum=maximum,
            group="terrain",
            datasets=(settings.dem, *others),
            period="timeless",
            reducer=reducer,
            way=way,
            masked_where=masked_where,
            presets=("published", "extended"),
        )

    horn = "gradient of the 3 x 3 neighbours in metres on the ground (Horn 1981)"
    months = settings.radiation_months
    year = "the year" if len(months) == 12 else f"months {', '.join(map(str, months))}"
    return (
        covariate(
            "elevation",
            "Height above the geoid",
            "m",
            -500,
            9000,
            "none",
            "mean of the elevation model's pixels within each pixel",
            "no height",
        ),
        covariate("slope", "Slope", "degree", 0, 90, horn),
        covariate(
            "aspect_sine",
            "Sine of the aspect, downhill and clockwise from north: 1 faces east, 0 on level "
            "ground",
            "1",
            -1,
            1,
            horn,
        ),
        covariate(
            "aspect_cosine",
            "Cosine of the aspect: 1 faces north, 0 on level ground",
            "1",
            -1,
            1,
            horn,
        ),
        covariate(
            "curvature",
            "Minus the Laplacian of the surface: positive on ridges, negative in hollows",
            "m-1",
            -1,
            1,
            "second differences in metres on the ground",
        ),
        *(
            covariate(
                f"tpi_{radius}m",
                f"Topographic position: height above the mean within {radius} m",
                "m",
                -2000,
                2000,
                "mean within a circle on the ground, less its own height",
                f"mean on a lattice of {LATTICE_ARC_SECONDS[radius]} arc-seconds, interpolated to "
                "the elevation model's own pixels, then the mean of those within each pixel",
                "no height",
            )
            for radius in RADII_M
        ),
        covariate(
            "roughness",
            "Roughness: standard deviation of heights less their mean in 5 x 5 pixels (Cavalli "
            "et al. 2008); 0 on a plane",
            "m",
            0,
            500,
            "standard deviation in 5 x 5 pixels of the elevation model",
        ),
        covariate(
            "twi",
            "Topographic wetness index: ln of upslope area per width over the tangent of the "
            f"slope, at least {settings.least_gradient:g}",
            "1",
            0,
            40,
            "mean tangent of the slope within each pixel of the upslope area",
            "on the lattice of the upslope area, interpolated to the elevation model's own "
            "pixels, then the mean of those within each pixel",
            "no height or no upslope area",
            (settings.upslope_area,),
        ),
        covariate(
            "radiation_index",
            f"Direct radiation on the slope over that on level ground, of {year}; without "
            "clouds, air or the shade of other slopes",
            "1",
            0,
            3,
            "closed integral from sunrise to sunset, summed over the middle days of the months",
        ),
    )
