"""The part of study.toml that says what Earth Engine computes: `[earthengine]`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from gee.auxiliary.settings import AuxiliarySettings
from gee.climate.settings import ClimateSettings
from gee.frozen import FrozenSettings
from gee.optical.settings import OpticalSettings
from gee.sentinel1.settings import Sentinel1Settings
from gee.soil.settings import SoilSettings
from gee.temperature.settings import TemperatureSettings
from gee.terrain.settings import TerrainSettings

LOCAL_PREFIX = "local:"
"""What `url` begins with where a folder of rasters is computed on, in this process."""


class CompositeSettings(FrozenSettings):
    """How each covariate is computed; a change of them changes pixels."""

    preset: Literal["published", "extended"] = Field(
        "published",
        description="which covariates are candidates: 'published' (the kinds that the record of the "
        "published map lists) or 'extended' (all)",
    )
    covariates: tuple[str, ...] = Field(
        (), description="names of the candidates; unless given, those of the preset"
    )
    without: tuple[str, ...] = Field((), description="names that are left out of the preset")
    years: tuple[int, int] = Field(
        (2009, 2024), description="first and last year whose scenes are used, both included"
    )
    sentinel1: Sentinel1Settings = Field(Sentinel1Settings(), description="radar")
    optical: OpticalSettings = Field(OpticalSettings(), description="Landsat and Sentinel-2")
    temperature: TemperatureSettings = Field(
        TemperatureSettings(), description="land surface temperature"
    )
    terrain: TerrainSettings = Field(TerrainSettings(), description="elevation model")
    soil: SoilSettings = Field(SoilSettings(), description="soil properties")
    climate: ClimateSettings = Field(ClimateSettings(), description="climate and snow")
    auxiliary: AuxiliarySettings = Field(
        AuxiliarySettings(), description="layers that are never learned from"
    )

    @model_validator(mode="after")
    def _years_in_order(self) -> Self:
        first, last = self.years
        if first > last:
            raise ValueError(f"years = [{first}, {last}]: the first comes after the last")
        return self


class EarthEngineSettings(CompositeSettings):
    """The whole of `[earthengine]`: composites, and how the service is reached."""

    project: str | None = Field(
        None, description="Google Cloud project that is billed; the service needs one"
    )
    service_account_key: str | None = Field(
        None,
        description="JSON key file of a service account, relative to the study; unless given, application-default credentials, then the token that 'earthengine authenticate' stored",
    )
    url: str | None = Field(
        None,
        pattern=r"^(local:.+|https?://[^/\s]+/?)$",
        description="'local:FOLDER' computes on the rasters of a folder, without an account; an address such as 'http://127.0.0.1:8123' asks there, without credentials. Unless given, Earth Engine itself",
    )
    endpoint: Literal["standard", "high_volume"] = Field(
        "standard", description="'high_volume' suits many small requests of ready-made images"
    )
    deadline_s: float = Field(
        330.0, gt=0, description="seconds after which an unanswered request is given up"
    )
    patience_s: float = Field(
        900.0,
        ge=0,
        description="seconds for which a request is repeated that the service is too busy for",
    )
    workers: int = Field(
        8, ge=1, le=40, description="requests at once; the service allows 40 on each endpoint"
    )
    points_per_request: int = Field(
        500, ge=1, le=5000, description="points that one request samples; the service allows 5,000"
    )
    request_mib: float = Field(
        24.0,
        gt=0,
        le=48,
        description="MiB that one request for pixels may hold, 5 bytes a value; the service allows 48. Less where all requests are too heavy",
    )
    path: Literal["auto", "direct", "staged", "bucket", "drive"] = Field(
        "auto",
        description="how a tile's pixels are fetched; they are the same on each path. 'direct' computes them as they are asked for; 'staged' computes what is made of many scenes once, into assets; 'bucket' and 'drive' have all of it written to files of Cloud Storage or Drive. 'auto' is direct, or staged where 'alm90 plan --probe' saw that too heavy",
    )
    staging_folder: str | None = Field(
        None,
        pattern=r"^projects/[^/\s]+/assets/[^\s]*[^/\s]$",
        description="with path = 'staged' or 'auto': folder of assets that staged pixels are kept in, such as 'projects/my-project/assets/alm90'",
    )
    bucket: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9._-]+[a-z0-9]$",
        description="with path = 'bucket': name of a bucket of Cloud Storage that the account may write and read",
    )
    bucket_prefix: str = Field(
        "alm90",
        pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
        description="what the names of files in the bucket begin with",
    )
    drive_folder: str = Field(
        "alm90",
        pattern=r"^[A-Za-z0-9 _-]+$",
        description="with path = 'drive': folder of Drive into which files are written",
    )
    drive_files: str | None = Field(
        None,
        min_length=1,
        description="with path = 'drive': folder on this machine into which you put those files, relative to the study",
    )
    export_px: int = Field(
        2048,
        ge=16,
        le=16_384,
        description="side of the window that one batch export computes, in pixels; rounded down to whole tiles, but at least one",
    )
    poll_s: float = Field(
        10.0,
        gt=0,
        description="seconds to the first look at batch exports; later ones are farther apart, up to a minute",
    )

    @model_validator(mode="after")
    def _path_is_known(self) -> Self:
        needed = {
            "staged": ("staging_folder", "projects/my-project/assets/alm90"),
            "bucket": ("bucket", "my-bucket"),
            "drive": ("drive_files", "drive"),
        }
        key, example = needed.get(self.path, ("path", ""))
        if getattr(self, key) is None:
            raise ValueError(f"path = '{self.path}' needs {key}, such as {key} = '{example}'")
        return self
