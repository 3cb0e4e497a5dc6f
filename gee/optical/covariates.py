"""Optical: what each covariate is."""

from gee.covariate import Covariate, Preset
from gee.optical.sensors import datasets
from gee.optical.settings import Months, OpticalSettings

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
BOTH: tuple[Preset, ...] = ("published", "extended")


def covariates(settings: OpticalSettings) -> tuple[Covariate, ...]:
    """Return every covariate of this room."""
    peak, thaw_end = settings.peak_months, settings.thaw_end_months
    median = "median of all clear looks"
    peaks = f"percentile {settings.peak_percentile:g} of each year, then the median of the years"
    return (
        _covariate(
            "ndvi_peak",
            "Normalised difference vegetation index at peak greenness",
            peak,
            peaks,
            BOTH,
            settings,
        ),
        _covariate(
            "ndvi_thaw_end",
            "Normalised difference vegetation index at the end of the thaw season",
            thaw_end,
            median,
            BOTH,
            settings,
        ),
        _covariate(
            "ndwi_gao",
            "Normalised difference water index of near and short-wave infrared (Gao 1996, NDMI): "
            "water in leaves and soil",
            thaw_end,
            median,
            BOTH,
            settings,
        ),
        _covariate(
            "ndwi_mcfeeters",
            "Normalised difference water index of green and near infrared (McFeeters 1996): open "
            "water",
            thaw_end,
            median,
            BOTH,
            settings,
        ),
        _covariate(
            "ndwi_gao_peak",
            "The water index of Gao (1996) at peak greenness",
            peak,
            median,
            ("extended",),
            settings,
        ),
    )


def _covariate(
    name: str,
    description: str,
    months: Months,
    reducer: str,
    presets: tuple[Preset, ...],
    settings: OpticalSettings,
) -> Covariate:
    return Covariate(
        name=name,
        description=description,
        unit="1",
        minimum=-1.0,
        maximum=1.0,
        group="optical",
        datasets=datasets(settings),
        period=f"{_in_words(months)} of every year, without snow",
        reducer=reducer,
        way=f"mean of the index over parts of the pixel about {settings.scale_m:g} m wide",
        masked_where="no look was free of cloud, shadow, snow and saturation",
        presets=presets,
    )


def _in_words(months: Months) -> str:
    first, last = (MONTHS[month - 1] for month in months)
    return first if first == last else f"{first} to {last}"
