"""What a study may set about optical covariates."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gee.frozen import FrozenSettings

SensorName = Literal["landsat5", "landsat7", "landsat8", "landsat9", "sentinel2"]
QualityFlag = Literal["fill", "dilated_cloud", "cirrus", "cloud", "cloud_shadow", "snow", "water"]
Months = tuple[int, int]


class LinearMap(FrozenSettings):
    """Reflectance of one sensor from that of another: intercept + slope x reflectance."""

    slope: float = Field(gt=0, le=2, description="change of one reflectance with the other")
    intercept: float = Field(ge=-0.2, le=0.2, description="reflectance at 0 of the other")


class ThematicMapperToOli(FrozenSettings):
    """TM and ETM+ to OLI surface reflectance, band by band.

    Ordinary least squares of Roy et al. (2016), Remote Sensing of Environment 185, 57-70, table 2,
    as quoted by others; not checked against the paper itself, and derived over North America from
    an earlier processing than Collection 2.
    """

    green: LinearMap = Field(LinearMap(slope=0.8483, intercept=0.0088), description="0.53-0.59 um")
    red: LinearMap = Field(LinearMap(slope=0.9047, intercept=0.0061), description="0.64-0.67 um")
    nir: LinearMap = Field(LinearMap(slope=0.8462, intercept=0.0412), description="0.85-0.88 um")
    swir1: LinearMap = Field(LinearMap(slope=0.8937, intercept=0.0254), description="1.57-1.65 um")


class OpticalSettings(FrozenSettings):
    """Keys of `[earthengine.optical]`."""

    sensors: tuple[SensorName, ...] = Field(
        ("landsat5", "landsat7", "landsat8", "landsat9"),
        min_length=1,
        description="whose scenes are used; 'sentinel2' begins in 2017 and costs more to compute",
    )
    scale_m: float = Field(
        30.0,
        ge=10,
        le=1000,
        description="indices are composited on a lattice that divides each pixel of the grid into equal parts of about this width, in metres, and then averaged",
    )
    peak_months: Months = Field(
        (7, 8), description="first and last month of peak greenness, both included"
    )
    peak_percentile: float = Field(
        90.0, ge=50, le=100, description="percentile of a year's values that counts as its peak"
    )
    thaw_end_months: Months = Field(
        (9, 10), description="first and last month of the end of the thaw season, both included"
    )
    reflectance_floor: float = Field(
        0.001,
        gt=0,
        le=0.05,
        description="smaller reflectances, negative ones too, count as this, so that an index exists wherever there is a clear look",
    )
    landsat_excluded: tuple[QualityFlag, ...] = Field(
        ("fill", "dilated_cloud", "cirrus", "cloud", "cloud_shadow", "snow"),
        description="flags of QA_PIXEL with which a pixel of a Landsat scene is left out",
    )
    harmonise: bool = Field(
        False,
        description="bring Landsat 5 and 7 (TM, ETM+) to Landsat 8 and 9 (OLI) by 'tm_to_oli'",
    )
    tm_to_oli: ThematicMapperToOli = Field(
        ThematicMapperToOli(),
        description="linear maps by band, of Roy et al. (2016); unconfirmed for Collection 2",
    )
    cloud_score_band: Literal["cs", "cs_cdf"] = Field(
        "cs_cdf", description="which score of Cloud Score+ tells clear from cloudy in Sentinel-2"
    )
    cloud_score_minimum: float = Field(
        0.60, ge=0, le=1, description="a Sentinel-2 pixel with a lower score is left out"
    )
    scene_classes_excluded: tuple[Annotated[int, Field(ge=0, le=11)], ...] = Field(
        (0, 1, 11),
        description="classes of Sentinel-2's SCL that are left out: 0 no data, 1 saturated or defective, 11 snow and ice",
    )

    @model_validator(mode="after")
    def _months_in_order(self) -> Self:
        for key in ("peak_months", "thaw_end_months"):
            first, last = getattr(self, key)
            if not 1 <= first <= last <= 12:
                raise ValueError(
                    f"{key} = [{first}, {last}]: months run from 1 to 12, the first not after the "
                    "last; a range over the new year, which would belong to two years, is not "
                    "offered"
                )
        if len(set(self.sensors)) < len(self.sensors):
            raise ValueError(f"sensors names one twice: {', '.join(self.sensors)}")
        return self
