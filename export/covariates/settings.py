"""What a study says of one covariate: one `[[covariates]]` entry of `study.toml`."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from local_ml.features import MissingRule
from local_ml.settings import Settings
from local_ml.units import require_known_unit

Resampling = Literal[
    "auto", "nearest", "bilinear", "cubic", "average", "mode", "median", "minimum", "maximum"
]
# A category has no value between two others: these alone keep the codes as they are.
_KEEPS_CODES = ("auto", "nearest", "mode")

# float32 holds every whole number up to here; codes of categories beyond it would be rounded.
LARGEST_CODE = 2**24


class LayerSettings(Settings):
    """One depth interval of a soil property."""

    file: str = Field(min_length=1, description="the GeoTIFF of the layer")
    top_cm: float = Field(ge=0, allow_inf_nan=False, description="its upper edge below the surface")
    bottom_cm: float = Field(gt=0, allow_inf_nan=False, description="its lower edge")

    @model_validator(mode="after")
    def _edges_are_ordered(self) -> Self:
        if self.top_cm >= self.bottom_cm:
            raise ValueError(f"top_cm ({self.top_cm}) must lie above bottom_cm ({self.bottom_cm})")
        return self


class CovariateSettings(Settings):
    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="name of the covariate: column of the samples and band of the tiles",
    )
    file: str | None = Field(
        None, min_length=1, description="the GeoTIFF, relative to the study's folder"
    )
    layers: tuple[LayerSettings, ...] = Field(
        (),
        description="in place of file: depth layers of a soil property, each {file = '...', "
        "top_cm = 0, bottom_cm = 5}; the covariate is their mean over depth_cm, weighted by the "
        "thickness of each within it",
    )
    depth_cm: tuple[float, float] | None = Field(
        None, description="with layers: upper and lower edge of the depth that counts"
    )
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
    role: Literal["feature", "auxiliary"] = Field(
        "feature",
        description="auxiliary: lies in the tiles but is never learned from. `water_occurrence` (%) "
        "and `glacier` (0 or 1) give the map's flags of these names; the one that "
        "target.maximum_covariate names bounds the target",
    )
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
    def _one_source(self) -> Self:
        if (self.file is None) == (not self.layers):
            raise ValueError(f"'{self.name}' needs either file or layers")
        if bool(self.layers) != (self.depth_cm is not None):
            raise ValueError("layers and depth_cm = [upper, lower] go together")
        if self.layers and self.categorical:
            raise ValueError("categories of several layers have no mean: give one file")
        return self

    @model_validator(mode="after")
    def _layers_fill_the_depth(self) -> Self:
        if self.depth_cm is None:
            return self
        upper, lower = self.depth_cm
        if not 0 <= upper < lower < float("inf"):
            raise ValueError(
                f"depth_cm: {upper:g} must lie above {lower:g}, both below the surface"
            )
        reached = upper
        for layer in sorted(self.layers, key=lambda layer: layer.top_cm):
            if layer.bottom_cm <= upper or layer.top_cm >= lower:
                continue
            if layer.top_cm > reached:
                raise ValueError(f"no layer holds {reached:g} to {layer.top_cm:g} cm")
            if layer.top_cm < reached and reached > upper:
                raise ValueError(f"two layers hold {layer.top_cm:g} to {reached:g} cm")
            reached = layer.bottom_cm
        if reached < lower:
            raise ValueError(
                f"no layer holds {reached:g} to {lower:g} cm; name one, or narrow depth_cm"
            )
        return self

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

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is read from, as the study names them."""
        return (self.file,) if self.file is not None else tuple(one.file for one in self.layers)
