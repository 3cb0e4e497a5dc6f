"""What a study may set about climate and snow."""

from typing import Self

from pydantic import Field, model_validator

from gee.frozen import FrozenSettings


class ClimateSettings(FrozenSettings):
    """Keys of `[earthengine.climate]`."""

    summer_months: tuple[int, ...] = Field(
        (6, 7, 8), min_length=1, description="months whose precipitation counts as summer's"
    )
    snow_minimum_percent: float = Field(
        40.0,
        gt=0,
        le=100,
        description="from this NDSI_Snow_Cover on, a look of MOD10A1 counts as one at snow; 40 stands for an NDSI of 0.4, the usual limit",
    )

    @model_validator(mode="after")
    def _months_exist(self) -> Self:
        months = self.summer_months
        if len(set(months)) < len(months) or not all(1 <= month <= 12 for month in months):
            raise ValueError(
                f"summer_months = {list(months)}: months run from 1 to 12, each named once"
            )
        return self
