"""The base of all settings in `gee`."""

from pydantic import BaseModel, ConfigDict


class FrozenSettings(BaseModel):
    """Unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
