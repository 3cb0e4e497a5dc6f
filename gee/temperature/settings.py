"""What a study may set about land surface temperature."""

from typing import Literal, Self

from pydantic import Field, model_validator

from gee.frozen import FrozenSettings

Satellite = Literal["terra", "aqua"]


class TemperatureSettings(FrozenSettings):
    """Keys of `[earthengine.temperature]`."""

    satellites: tuple[Satellite, ...] = Field(
        ("terra", "aqua"),
        min_length=1,
        description="whose overpasses are used, by day and by night: Terra from 2000-02-24, Aqua from 2002-07-04; covariates are means over all overpasses, and a pixel needs every one of them",
    )
    harmonics: Literal[1, 2] = Field(
        1,
        description="how many waves a year are fitted to each overpass: 1 (degree-days in closed form) or 2 (degree-days as daily sums)",
    )
    trend: bool = Field(
        False,
        description="fit a linear trend as well; values then hold for the middle of the years",
    )
    quality_maximum: Literal[0, 1] = Field(
        1,
        description="largest bits 0-1 of QC that are used: 0 good quality only, 1 other quality too",
    )
    error_flag_maximum: Literal[0, 1, 2, 3] = Field(
        1,
        description="largest bits 6-7 of QC that are used: mean error of 0 up to 1 K, 1 up to 2 K, 2 up to 3 K, 3 any",
    )
    minimum_days: int = Field(
        30,
        ge=1,
        description="an overpass with fewer good days at a pixel, in all years together, has no value there",
    )

    @property
    def coefficients(self) -> int:
        """How many numbers are fitted to an overpass."""
        return 1 + int(self.trend) + 2 * self.harmonics

    @model_validator(mode="after")
    def _enough_days(self) -> Self:
        if self.minimum_days <= self.coefficients:
            raise ValueError(
                f"minimum_days = {self.minimum_days}: a fit of {self.coefficients} numbers needs "
                "more days than that"
            )
        if len(set(self.satellites)) < len(self.satellites):
            raise ValueError(f"satellites names one twice: {', '.join(self.satellites)}")
        return self
