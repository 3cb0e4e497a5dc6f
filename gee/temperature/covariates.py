"""Temperature: what each covariate is."""

from gee.covariate import Covariate, Preset
from gee.temperature.settings import TemperatureSettings
from gee.temperature.sources import datasets

BOTH: tuple[Preset, ...] = ("published", "extended")


def covariates(settings: TemperatureSettings) -> tuple[Covariate, ...]:
    """Return every covariate of this room."""
    looks = 2 * len(settings.satellites)
    waves = "one wave" if settings.harmonics == 1 else "two waves"
    fit = f"{waves} a year fitted to each of {looks} overpasses, then the mean of the overpasses"
    summed = (
        "closed form of one wave" if settings.harmonics == 1 else "daily sums over a year of it"
    )

    def covariate(
        name: str,
        description: str,
        unit: str,
        valid_range: tuple[float, float],
        reducer: str,
        presets: tuple[Preset, ...] = BOTH,
    ) -> Covariate:
        return Covariate(
            name=name,
            description=description,
            unit=unit,
            minimum=valid_range[0],
            maximum=valid_range[1],
            group="temperature",
            datasets=datasets(settings),
            period="all days of good quality of every year",
            reducer=reducer,
            way=(
                "computed on the lattice of MODIS (926.6 m), then interpolated bilinearly; beside "
                "missing pixels the value of the own one"
            ),
            masked_where=(
                f"an overpass had fewer than {settings.minimum_days} days of good quality"
            ),
            presets=presets,
        )

    return (
        covariate(
            "lst_mean",
            "Mean annual temperature of the land surface under a clear sky",
            "degC",
            (-60.0, 60.0),
            fit,
        ),
        covariate(
            "lst_amplitude",
            "Half the span of the yearly wave of the land surface's temperature under a clear sky",
            "degC",
            (0.0, 60.0),
            fit,
        ),
        covariate(
            "thawing_degree_days",
            "Degree-days of a year with the land surface above 0 degC, under a clear sky",
            "degC day",
            (0.0, 20000.0),
            f"{fit}, and {summed}",
        ),
        covariate(
            "freezing_degree_days",
            "Degree-days of a year with the land surface below 0 degC, under a clear sky, as a "
            "positive number",
            "degC day",
            (0.0, 20000.0),
            f"{fit}, and {summed}",
        ),
        covariate(
            "lst_diurnal_range",
            "Mean difference of the land surface's temperature by day and by night, under a clear "
            "sky",
            "K",
            (-20.0, 80.0),
            f"{waves} a year fitted to each overpass, then day minus night",
            ("extended",),
        ),
    )
