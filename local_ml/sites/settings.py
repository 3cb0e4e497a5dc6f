"""How a study reads its field table: the `[sites]` section of study.toml.

The user's own words (columns, units, missing codes, methods) are mapped here to the schema
of `local_ml.sites.columns`, so that a table is used as it was found.
"""

import codecs
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from local_ml.settings import Settings
from local_ml.units import require_known_unit

Method = Literal["ring", "gpr", "other"]
Cell = int | float | str


class GprSettings(Settings):
    """Radar velocity to volumetric water content by the CRIM mixing formula."""

    invert: Literal["missing", "always", "never"] = Field(
        "missing",
        description="which rows get their water content from the radar velocity: those without a "
        "value of their own, all that give a velocity, or none",
    )
    exponent: float = Field(
        0.26, gt=0, le=1, description="exponent of the mixing formula (Du et al. 2020: 0.26)"
    )
    water_permittivity: float = Field(
        86.0, gt=1, description="relative permittivity of water near 0 degC"
    )
    solid_permittivity: float = Field(
        5.0, gt=1, description="relative permittivity of the soil's solids"
    )
    solid_permittivity_sd: float = Field(1.0, ge=0, description="its standard deviation")
    air_permittivity: float = Field(1.0, ge=1, description="relative permittivity of air")
    porosity: float = Field(0.4, gt=0, lt=1, description="porosity (1) where the table gives none")
    porosity_sd: float = Field(
        0.1, ge=0, lt=1, description="standard deviation of a porosity that is assumed"
    )
    measured_porosity_sd: float = Field(
        0.03, ge=0, lt=1, description="standard deviation of a porosity that the table gives"
    )
    velocity_sd_share: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="standard deviation of the velocity as a share of it, where not in the table",
    )


class GroupSettings(Settings):
    """Which sites stay together when folds are drawn."""

    distance_m: float = Field(
        5000.0, ge=0, description="sites closer than this (great circle, m) share a group"
    )
    maximum_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="a group with more than this share of the training sites is divided",
    )
    by_label: tuple[Literal["campaign", "transect"], ...] = Field(
        ("campaign", "transect"),
        description="sites that have one of these in common share a group, too",
    )


class ScreeningSettings(Settings):
    """What makes a row unfit, and what is only warned of."""

    minimum_sites: int = Field(10, ge=2, description="fewer sites than this are an error")
    minimum_decimals: int = Field(
        3,
        ge=0,
        le=10,
        description="decimals (degrees) that a position needs; 3 are about 100 m",
    )
    few_decimals: Literal["warn", "exclude"] = Field(
        "warn", description="what happens to a row whose position has fewer"
    )
    merge_methods: bool = Field(
        False,
        description="true: sites of different methods within a pixel are averaged into one, too",
    )
    maximum_gap_share: float = Field(
        0.25,
        ge=0,
        lt=1,
        description="a profile is left out where more than this share of its depth has no value",
    )
    error_correlation: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="correlation of the errors of rows that are averaged (one crew, calibration, "
        "formula); 0: they average out, near 1: they do not",
    )
    elevation_tolerance_m: float = Field(
        300.0,
        gt=0,
        description="a site whose stated elevation is this far from the terrain's is flagged",
    )


class SiteTableSettings(Settings):
    file: str = Field("sites.csv", min_length=1, description="the field table, in the study folder")
    encoding: str = Field(
        "auto",
        description="'auto' (UTF-8 with or without BOM, then GB18030, which holds GBK), or a name",
    )
    delimiter: str = Field(
        "auto", min_length=1, description="'auto', or the character between the fields"
    )
    decimal: Literal[".", ","] = Field(".", description="the decimal mark")
    header_row: int = Field(
        1, ge=1, description="number of the line that holds the names of the columns"
    )
    units_row: bool = Field(False, description="true: the line after the header holds units")
    missing_codes: tuple[Cell, ...] = Field(
        (), description="numbers or words that stand for a missing value, such as -999"
    )
    columns: dict[str, str] = Field(
        {},
        description="name in the schema = your column. A column that has the schema's name already "
        "needs no entry; '' leaves it out",
    )
    units: dict[str, str] = Field(
        {}, description="name in the schema = its unit in your file, where it differs"
    )
    constants: dict[str, Cell] = Field(
        {}, description="name in the schema = a value that holds for all rows"
    )
    method_values: dict[str, Method] = Field(
        {}, description="your word for a method = ring, gpr or other"
    )
    crs: str | None = Field(
        None, description="coordinate reference system of x and y, such as 'EPSG:25832'"
    )
    key_columns: tuple[str, ...] = Field(
        (), description="your columns that name a site only together, joined to site_id by '_'"
    )
    train_values: tuple[str, ...] = Field(
        ("train", "training", "calibration"),
        min_length=1,
        description="words in the split column that mark a site to train on",
    )
    test_values: tuple[str, ...] = Field(
        ("test", "testing", "validation"),
        min_length=1,
        description="words in the split column that mark a site kept for the test",
    )
    screening: ScreeningSettings = Field(ScreeningSettings(), description="what makes a row unfit")
    gpr: GprSettings = Field(GprSettings(), description="radar velocity to water content")
    groups: GroupSettings = Field(
        GroupSettings(), description="sites that stay together in the folds"
    )

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, encoding: str) -> str:
        if encoding != "auto":
            try:
                codecs.lookup(encoding)
            except LookupError as error:
                raise ValueError(
                    f"encoding '{encoding}' is not known; use 'auto', 'utf-8' or 'gbk'"
                ) from error
        return encoding

    @field_validator("delimiter")
    @classmethod
    def _delimiter_is_one_character(cls, delimiter: str) -> str:
        if delimiter != "auto" and len(delimiter) != 1:
            raise ValueError(f"delimiter must be 'auto' or one character, not '{delimiter}'")
        return delimiter

    @field_validator("units")
    @classmethod
    def _units_are_known(cls, units: dict[str, str]) -> dict[str, str]:
        for unit in units.values():
            require_known_unit(unit)
        return units

    @model_validator(mode="after")
    def _keys_do_not_contradict(self) -> Self:
        for name in self.constants:
            if self.columns.get(name):
                raise ValueError(
                    f"'{name}' is given twice: as column '{self.columns[name]}' and as a constant"
                )
        if self.key_columns and (self.columns.get("site_id") or "site_id" in self.constants):
            raise ValueError("give either key_columns or a column for site_id, not both")
        both = {word.casefold() for word in self.train_values} & {
            word.casefold() for word in self.test_values
        }
        if both:
            raise ValueError(f"'{min(both)}' stands in train_values and in test_values")
        return self
