"""The whole of study.toml as typed settings, composed of those of `local_ml` and `export`.

In: nested values, as TOML has them. Out: a frozen `StudySettings`; pydantic names every fault.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from export.covariates.settings import CovariateSettings
from export.paths import is_vector
from gee.grid import PLATEAU_PIXEL_DEG
from gee.settings import CompositeSettings, EarthEngineSettings
from local_ml.settings import LearningSettings, Settings
from local_ml.sites.settings import SiteTableSettings

PLACE_COLUMNS = ("row", "col", "group")
"""Columns of the samples whose names a target could take, unlike those of the field table."""
SITE_COLUMNS = (
    "site_id", "longitude", "latitude", *PLACE_COLUMNS, "method", "campaign", "split", "target",
    "target_sd", "depth_top_m", "depth_bottom_m", "support_m", "thaw_depth_m", "year",
    "elevation_m", "n_rows", "file_row",
)  # fmt: skip
"""Columns of the screened sites, beside which the covariates are put."""
TILE_BANDS = ("region",)


def _free_name(covariate: CovariateSettings) -> CovariateSettings:
    held = ((SITE_COLUMNS, "table of sites has a column"), (TILE_BANDS, "tiles have a band"))
    for taken, holder in held:
        if covariate.name in taken:
            raise ValueError(
                f"name = '{covariate.name}': the {holder} of that name; call it otherwise"
            )
    return covariate


class RegionSettings(Settings):
    west: float = Field(description="west edge of the region, in units of crs (degrees)")
    south: float = Field(description="south edge")
    east: float = Field(description="east edge")
    north: float = Field(description="north edge")
    crs: str = Field("EPSG:4326", description="coordinate system of the four edges")
    mask: str | None = Field(
        None,
        description="raster of the permafrost (or any other) region, or a file of polygons (GeoPackage, shapefile, GeoJSON), by the centre of each pixel; only its pixels are mapped",
    )
    mask_layer: str | None = Field(
        None, description="layer of a file of polygons, where it has several"
    )
    mask_asset: str | None = Field(
        None,
        min_length=1,
        description="in place of mask: an image or a table of polygons on Earth Engine; it is fetched once",
    )
    mask_crs: str | None = Field(
        None, description="coordinate system of the mask, where the file has none"
    )
    mask_values: tuple[int, ...] | None = Field(
        None, description="values of the mask that count as inside; without them all but 0"
    )

    @property
    def mask_is_made(self) -> bool:
        """Whether the mask must be put onto the grid before it can be read: polygons, an asset."""
        return self.mask_asset is not None or (self.mask is not None and is_vector(self.mask))

    @model_validator(mode="after")
    def _one_mask(self) -> Self:
        if self.mask is not None and self.mask_asset is not None:
            raise ValueError("give either mask or mask_asset")
        polygons = self.mask is not None and is_vector(self.mask)
        if self.mask_layer is not None and not polygons:
            raise ValueError("mask_layer goes with a mask of polygons")
        if self.mask_values is not None and polygons:
            raise ValueError("mask_values go with a raster: polygons have none")
        return self

    @model_validator(mode="after")
    def _edges_are_ordered(self) -> Self:
        if self.west >= self.east:
            raise ValueError(
                f"west ({self.west}) must be less than east ({self.east}); are the two swapped?"
            )
        if self.south >= self.north:
            raise ValueError(
                f"south ({self.south}) must be less than north ({self.north}); are the two swapped?"
            )
        if self.crs.upper() == "EPSG:4326" and not (
            -180 <= self.west < self.east <= 180 and -90 <= self.south < self.north <= 90
        ):
            raise ValueError(
                "the edges are not degrees of longitude and latitude; "
                "set region.crs to the coordinate system that they are in"
            )
        return self


class GridSettings(Settings):
    crs: str | None = Field(
        None,
        description="coordinate system of the map (EPSG:4326 unless like gives one); "
        "with like, needed only where that raster has none",
    )
    pixel_size: float | None = Field(
        None,
        gt=0,
        description="side of a pixel in units of crs; unless given, that of the published "
        f"90 m grid in EPSG:4326, {PLATEAU_PIXEL_DEG}. Pixel edges are whole multiples of it",
    )
    like: str | None = Field(None, description="a raster whose pixel grid is taken over as it is")
    tile_px: int = Field(512, ge=16, le=8192, description="side of a tile, in pixels")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.like is not None and self.pixel_size is not None:
            raise ValueError("give either like or pixel_size, not both")
        if self.like is None and self.pixel_size is None and self.crs not in (None, "EPSG:4326"):
            raise ValueError(f"pixel_size is needed with crs = '{self.crs}', in its units")
        return self


class DomainSettings(Settings):
    pixels: int = Field(
        2000, ge=0, description="pixels drawn from the region, at which covariates are sampled too"
    )


class MapSettings(Settings):
    workers: int = Field(
        0, ge=0, description="threads that share the tiles; 0: one a core. The map is the same"
    )
    companion: bool = Field(
        True,
        description="true: beside the map a file with the interval, the dissimilarity index and the local point density, and one with flags",
    )
    reference: str | None = Field(
        None, description="a raster of the same property (a truth or another map) to compare with"
    )
    reference_crs: str | None = Field(
        None, description="its coordinate system, where the file has none"
    )


class StudySettings(LearningSettings):
    """The whole of study.toml."""

    schema_version: Literal[1] = Field(1, description="version of this file's form")
    name: str = Field("study", min_length=1, description="short name of the study")
    title: str = Field("", description="title for the report and the map's tags")
    licence: str = Field("", description="licence under which the map will be given on")
    period: tuple[int, int] | None = Field(
        None, description="first and last year that the map stands for"
    )
    outside_files: bool = Field(
        False,
        description="true: the study may name files outside its folder, by absolute paths; "
        "each is then named in the log",
    )
    region: RegionSettings | None = Field(
        None, description="the rectangle that is mapped; with grid.like it may be left out"
    )
    grid: GridSettings = Field(GridSettings(), description="the map's pixels")
    sites: SiteTableSettings = Field(SiteTableSettings(), description="the field table, as found")
    earthengine: EarthEngineSettings | None = Field(
        None,
        description="candidate covariates that Earth Engine computes; they come after those of "
        "[[covariates]]. Without this table Earth Engine is not asked",
    )
    covariates: tuple[Annotated[CovariateSettings, AfterValidator(_free_name)], ...] = Field(
        (),
        description="candidate covariates from rasters; the selection keeps what the sites support",
    )
    domain: DomainSettings = Field(DomainSettings(), description="random sample of the region")
    map: MapSettings = Field(MapSettings(), description="prediction over the region")

    def decisive(self) -> dict[str, Any]:
        how_it_is_reached = set(EarthEngineSettings.model_fields) - set(
            CompositeSettings.model_fields
        )
        return self.model_dump(
            mode="json",
            exclude={
                "validation": {"workers"},
                "map": {"workers"},
                "earthengine": how_it_is_reached,
            },
        )

    @field_validator("period")
    @classmethod
    def _period_is_ordered(cls, period: tuple[int, int] | None) -> tuple[int, int] | None:
        if period is not None and period[0] > period[1]:
            raise ValueError(f"the period ends ({period[1]}) before it begins ({period[0]})")
        return period

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.region is None and self.grid.like is None:
            raise ValueError("[region] is missing: give west, south, east and north, or grid.like")
        if self.region and self.region.mask_asset and self.earthengine is None:
            raise ValueError("region.mask_asset lies on Earth Engine: add [earthengine]")
        names = [covariate.name for covariate in self.covariates]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"covariates named more than once: {', '.join(twice)}")
        for taken in (self.target.name, f"{self.target.name}_sd"):
            if taken in names:
                raise ValueError(
                    f"covariates[{names.index(taken) + 1}].name: the samples have a column "
                    f"'{taken}' for the target; call the covariate otherwise"
                )
        if self.target.name in PLACE_COLUMNS:
            raise ValueError(
                f"target.name: the samples have a column '{self.target.name}' of their own; call "
                "the target otherwise"
            )
        return self
