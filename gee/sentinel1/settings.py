"""What a study may set about radar covariates."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gee.frozen import FrozenSettings


def _month_and_day(text: str) -> str:
    try:
        date.fromisoformat(f"2000-{text}")
    except ValueError as error:
        raise ValueError(f"'{text}' is no day of the year; write month and day: '09-01'") from error
    return text


DayOfYear = Annotated[str, Field(pattern=r"^\d\d-\d\d$"), AfterValidator(_month_and_day)]


class ChangeDetectionSettings(FrozenSettings):
    """Keys of `[earthengine.sentinel1.change_detection]`."""

    dry_percentile: float = Field(
        5.0, ge=0, lt=50, description="percentile of a pixel's thawed scenes that stands for dry"
    )
    wet_percentile: float = Field(
        95.0, gt=50, le=100, description="percentile of a pixel's thawed scenes that stands for wet"
    )
    minimum_scenes: int = Field(
        8,
        ge=2,
        description="fewer scenes of a relative orbit give no index: their extremes are no references",
    )
    minimum_contrast_db: float = Field(
        0.5,
        gt=0,
        description="where wet and dry lie closer together (dB) there is no index: what differs is speckle",
    )


class WaterCloudSettings(FrozenSettings):
    """Keys of `[earthengine.sentinel1.water_cloud]`: constants of the water-cloud model.

    None of them is calibrated for the plateau; they are orders of magnitude from other places.
    """

    use: bool = Field(False, description="whether vwc_water_cloud is a covariate at all")
    canopy_a: float = Field(
        0.0012,
        ge=0,
        description="A: backscatter of vegetation (Bindlish and Barros 2001, all land)",
    )
    canopy_b: float = Field(
        0.091, ge=0, description="B: attenuation by vegetation (Bindlish and Barros 2001, all land)"
    )
    canopy_exponent: float = Field(
        1.0, ge=0, description="E: exponent of vegetation water in A V^E"
    )
    soil_intercept_db: float = Field(
        -17.0, description="C: VV backscatter of dry bare soil, in dB, in C + D m_v"
    )
    soil_slope_db: float = Field(
        22.0, gt=0, description="D: dB a m3 m-3 by which moisture raises the backscatter of soil"
    )
    ndvi: Literal["ndvi_thaw_end", "ndvi_peak"] = Field(
        "ndvi_thaw_end", description="the optical covariate from which vegetation water is computed"
    )
    vegetation_sparse: tuple[float, float] = Field(
        (1.9134, -0.3215),
        description="vegetation water (kg m-2) = first NDVI^2 + second NDVI up to the break; below 0 counts as 0",
    )
    vegetation_dense: tuple[float, float] = Field(
        (4.2857, -1.5429),
        description="vegetation water (kg m-2) = first NDVI + second above the break",
    )
    vegetation_break: float = Field(0.5, ge=0, le=1, description="NDVI above which it is dense")
    minimum: float = Field(0.0, ge=0, description="m3 m-3; smaller results become this")
    maximum: float = Field(0.6, le=1, description="m3 m-3; larger results become this")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum >= self.maximum:
            raise ValueError(f"minimum ({self.minimum}) must be below maximum ({self.maximum})")
        return self


class Sentinel1Settings(FrozenSettings):
    """Keys of `[earthengine.sentinel1]`."""

    scale_m: float = Field(
        10.0,
        ge=10,
        le=1000,
        description="pixel size in metres at which scenes are corrected and averaged over time, before the mean over a pixel of the grid; coarser is cheaper and reads pyramid levels",
    )
    thaw_start: DayOfYear = Field("09-01", description="first day of the thaw season, month-day")
    thaw_end: DayOfYear = Field("10-15", description="last day of the thaw season, month-day")
    frozen_start: DayOfYear = Field("12-01", description="first day of the frozen reference")
    frozen_end: DayOfYear = Field("02-28", description="last day of the frozen reference")
    thaw_soil_above_k: float = Field(
        274.15,
        gt=200,
        lt=350,
        description="a scene counts as thawed where ERA5-Land's upper soil layer is warmer (K) at its hour",
    )
    thaw_snow_below_m: float = Field(
        0.01,
        gt=0,
        description="and its snow is thinner (m) than this; nothing is asked of frozen scenes",
    )
    frozen_soil_below_k: float = Field(
        270.0,
        gt=200,
        lt=273.15,
        description="a scene counts as frozen where ERA5-Land's upper soil layer is colder (K) at its hour",
    )
    border_before: date = Field(
        date(2018, 3, 13),
        description="scenes from before this day carry noise along their borders: both masks below are for them alone",
    )
    border_angles_deg: tuple[float, float] = Field(
        (30.63993, 45.23993),
        description="incidence angles kept of scenes with border noise (Hird et al. 2017)",
    )
    border_power_db: float = Field(
        -30.0, description="darker pixels (VV, dB) of scenes with border noise are noise"
    )
    slope_model: Literal["surface", "volume", "none"] = Field(
        "surface",
        description="how slopes change backscatter (Vollrath et al. 2020): as a 'surface', as a 'volume', or 'none' for sigma nought as delivered, without masks of layover and shadow",
    )
    slope_margin_deg: float = Field(
        0.0,
        ge=0,
        lt=30,
        description="degrees by which a slope must keep away from layover and from shadow",
    )
    look_from: Literal["heading", "angle"] = Field(
        "heading",
        description="where a scene's direction of look comes from: 'heading', its property platformHeading (the radar looks to the right; scenes without it are left out), or its incidence 'angle', which costs an aggregation a scene and so fails on Earth Engine where there are many",
    )
    look_scale_m: float = Field(
        2000.0,
        gt=0,
        description="pixel size in metres at which a scene's direction of look is taken from its incidence angles, for look_from = 'angle'",
    )
    normalisation: Literal["none", "linear", "cosine"] = Field(
        "none",
        description="how backscatter is brought to the reference angle: 'linear' in dB, by a power of the 'cosine', or 'none'",
    )
    reference_angle_deg: float = Field(39.0, ge=20, le=50, description="reference incidence angle")
    normalisation_db_per_deg: float = Field(
        -0.13,
        ge=-1,
        le=1,
        description="change of backscatter with the incidence angle, for 'linear'",
    )
    normalisation_exponent: float = Field(
        2.0, ge=0, le=4, description="exponent of the cosine, for 'cosine'"
    )
    index_dry_db: float = Field(
        0.0, description="difference of VV between thaw and frozen (dB) at which the index is 0"
    )
    index_wet_db: float = Field(
        6.0, description="difference of VV between thaw and frozen (dB) at which the index is 1"
    )
    change_detection: ChangeDetectionSettings = Field(
        ChangeDetectionSettings(), description="moisture_index_change"
    )
    water_cloud: WaterCloudSettings = Field(
        WaterCloudSettings(), description="vwc_water_cloud, the water-cloud model"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.index_dry_db >= self.index_wet_db:
            raise ValueError(
                f"index_dry_db ({self.index_dry_db}) must be below index_wet_db ({self.index_wet_db})"
            )
        least, most = self.border_angles_deg
        if least >= most:
            raise ValueError(f"border_angles_deg ({least}, {most}): the first must be the smaller")
        return self
