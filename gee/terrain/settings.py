"""What a study may set about terrain."""

from typing import Self

from pydantic import Field, model_validator

from gee.frozen import FrozenSettings


class TerrainSettings(FrozenSettings):
    """Keys of `[earthengine.terrain]`."""

    dem: str = Field(
        "USGS/SRTMGL1_003",
        min_length=1,
        description="elevation model: an image on a lattice in degrees (EPSG:4326), heights in metres, such as 'NASA/NASADEM_HGT/001'",
    )
    dem_band: str = Field("elevation", min_length=1, description="band that holds the heights")
    upslope_area: str = Field(
        "MERIT/Hydro/v1_0_1",
        min_length=1,
        description="image of the upslope area in square kilometres, on a lattice in degrees, for the wetness index",
    )
    upslope_area_band: str = Field("upa", min_length=1, description="band that holds the area")
    least_gradient: float = Field(
        0.001,
        gt=0,
        le=0.1,
        description="smaller gradients count as this in the wetness index, which would run to infinity",
    )
    radiation_months: tuple[int, ...] = Field(
        tuple(range(1, 13)),
        min_length=1,
        description="months whose direct radiation is compared; all twelve make the yearly index, [9, 10] that of the end of the thaw season",
    )

    @model_validator(mode="after")
    def _months_exist(self) -> Self:
        months = self.radiation_months
        if len(set(months)) < len(months) or not all(1 <= month <= 12 for month in months):
            raise ValueError(
                f"radiation_months = {list(months)}: months run from 1 to 12, each named once"
            )
        return self
