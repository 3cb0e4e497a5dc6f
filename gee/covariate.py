"""What is known of a covariate before a pixel of it is computed."""

from dataclasses import dataclass
from typing import Literal

Group = Literal["radar", "optical", "temperature", "terrain", "soil", "climate", "auxiliary"]
Preset = Literal["published", "extended"]

MANY_SCENES: tuple[Group, ...] = ("radar", "optical", "temperature", "climate")
"""Groups whose composites are made of hundreds of scenes or days."""


@dataclass(frozen=True)
class Covariate:
    """One band of the stack, or one auxiliary layer.

    Parameters
    ----------
    name : of the band, of the column in samples.csv and of the tile's band
    description : one sentence
    unit : in the notation of UDUNITS
    minimum, maximum : valid range in `unit`; what lies outside counts as missing, and is counted
    group : for the ablation by group and the documentation
    datasets : ids of what it is computed from, keys of `gee.datasets.DATASETS`
    period : in words, such as "1 September to 15 October of every year"
    reducer : in words, from scenes to one value
    way : in words, how it comes onto the grid
    masked_where : in words, why a pixel has no value
    presets : those that it belongs to
    missing : as in `[[covariates]]`: `nodata`, `native` or `impute`
    role : `feature` can be learned from; `auxiliary` never is
    """

    name: str
    description: str
    unit: str
    minimum: float
    maximum: float
    group: Group
    datasets: tuple[str, ...]
    period: str
    reducer: str
    way: str
    masked_where: str
    presets: tuple[Preset, ...] = ("extended",)
    missing: Literal["nodata", "native", "impute"] = "nodata"
    role: Literal["feature", "auxiliary"] = "feature"

    @property
    def is_heavy(self) -> bool:
        """Whether many scenes are computed on for each pixel."""
        return self.group in MANY_SCENES
