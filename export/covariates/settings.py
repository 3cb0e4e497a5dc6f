"""What a study says of one covariate: one `[[covariates]]` entry of `study.toml`."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from local_ml.features import Feature, MissingRule
from local_ml.settings import Settings
from local_ml.units import require_known_unit

Resampling = Literal[
    "auto", "nearest", "bilinear", "cubic", "average", "mode", "median", "minimum", "maximum"
]
# A category has no value between two others: these alone keep the codes as they are.
_KEEPS_CODES = ("auto", "nearest", "mode")

# float32 holds every whole number up to here; codes of categories beyond it would be rounded.
LARGEST_CODE = 2**24


class CovariateSettings(Settings):
    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="name of the covariate: column of the samples and band of the tiles",
    )
    file: str = Field(min_length=1, description="the GeoTIFF, relative to the study's folder")
    band: int = Field(1, ge=1, description="which band of the file, counted from 1")
    unit: str = Field("1", description="unit of the values after scale and offset")
    minimum: float | None = Field(
        None,
        allow_inf_nan=False,
        description="lowest valid value, in `unit`; lower ones count as missing",
    )
    maximum: float | None = Field(
        None,
        allow_inf_nan=False,
        description="highest valid value, in `unit`; higher ones count as missing",
    )
    nodata: float | tuple[float, ...] | None = Field(
        None,
        description="value or values in the file that mean 'missing', in place of what the file "
        "declares. [] says that none does",
    )
    crs: str | None = Field(
        None,
        description="CRS of the file, such as 'EPSG:28992', where it has none or a wrong one",
    )
    scale: float | None = Field(
        None,
        allow_inf_nan=False,
        description="value = stored number * scale + offset. Left out: as the file declares, or 1",
    )
    offset: float | None = Field(
        None,
        allow_inf_nan=False,
        description="see scale. Left out: as the file declares, or 0",
    )
    resampling: Resampling = Field(
        "auto",
        description="how values come onto the study's grid. auto: average where the file is finer "
        "than the grid, else bilinear; for categories mode, else nearest; the choice is reported",
    )
    missing: MissingRule = Field(
        "nodata",
        description="what a missing value does. nodata: no prediction; native: the trees decide; "
        "impute: the median of the sites",
    )
    categorical: bool = Field(False, description="true: the values are codes of categories")
    group: Literal["radar", "optical", "temperature", "terrain", "soil", "climate", "other"] = (
        Field("other", description="family of the covariate, for the report")
    )

    @field_validator("unit")
    @classmethod
    def _unit_is_known(cls, unit: str) -> str:
        return require_known_unit(unit)

    @field_validator("scale")
    @classmethod
    def _scale_keeps_the_values_apart(cls, scale: float | None) -> float | None:
        if scale == 0:
            raise ValueError("scale = 0 makes every value the same")
        return scale

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError(f"minimum ({self.minimum}) must lie below maximum ({self.maximum})")
        if self.categorical and self.resampling not in _KEEPS_CODES:
            raise ValueError(
                f"resampling = '{self.resampling}' mixes the codes of a categorical covariate; "
                f"use one of {', '.join(_KEEPS_CODES)}"
            )
        if self.categorical and self.missing == "impute":
            raise ValueError(
                "missing = 'impute' has no meaning for a categorical covariate: categories have "
                "no median; use 'nodata' or 'native'"
            )
        return self

    def feature(self, levels: tuple[int, ...] | None = None) -> Feature:
        """Return the covariate as the models see it; `levels`: the codes of a categorical one."""
        if self.categorical != (levels is not None):
            raise ValueError(f"covariate '{self.name}': levels are for categorical covariates")
        return Feature(self.name, self.unit, self.missing, levels, self.group)
