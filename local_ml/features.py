"""What the learner knows of a covariate: its name, unit, and rule for missing values.

The same rule holds for the rows of a table and for the pixels of a tile. Needs the
standard library alone, since prediction from a saved model imports it.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

MissingRule = Literal["nodata", "native", "impute"]


@dataclass(frozen=True)
class Feature:
    """A covariate as the models see it.

    Parameters
    ----------
    name : column of the sample table and band of the covariate tiles
    unit : in the notation of UDUNITS, such as ``m3 m-3``; ``1`` where there is none
    missing : what a missing value does to a row or pixel where the model kept this feature.
        ``nodata``: no prediction. ``native``: the trees decide. ``impute``: the median of the
        training rows, fitted inside each fold.
    levels : the codes of a categorical covariate, ascending; None where it is continuous
    group : family of covariates (radar, optical, temperature, terrain, soil, climate)
    """

    name: str
    unit: str
    missing: MissingRule = "nodata"
    levels: tuple[int, ...] | None = None
    group: str = ""

    @property
    def categorical(self) -> bool:
        return self.levels is not None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Feature":
        levels = fields.get("levels")
        return cls(**{**fields, "levels": None if levels is None else tuple(levels)})
