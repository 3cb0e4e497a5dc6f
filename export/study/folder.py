"""The folder of a study: its settings, and where each step's files lie.

In: a folder with a study.toml. Out: a frozen `Study`. Every fault of the file is an error that
names the line, the key, and the nearest valid one.
"""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from export.advice import typed
from export.errors import StudyError
from export.paths import STUDY_FILE, inside_study
from export.study.faults import describe_faults
from export.study.settings import StudySettings
from gee.errors import CatalogueError, GeeError


@dataclass(frozen=True)
class Study:
    """A study's folder and its settings."""

    folder: Path
    settings: StudySettings

    @classmethod
    def load(cls, folder: Path) -> "Study":
        """Read `folder`/study.toml; the file itself is taken for its folder.

        Raises
        ------
        StudyError
            where the folder holds no study, or the file has faults; all of them are named.
        """
        if folder.name == STUDY_FILE and folder.is_file():
            folder = folder.parent
        path = folder / STUDY_FILE
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError as error:
            raise StudyError(
                f"{folder} holds no {STUDY_FILE}; {typed('init', folder)} writes one"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{path} cannot be read: {error}") from error
        return cls(folder.resolve(), parse_study(text, str(path)))

    def input(self, name: str) -> Path:
        """Return the path of a file that the study names (see `inside_study`)."""
        return inside_study(self.folder, name, outside_files=self.settings.outside_files)

    @cached_property
    def sites_folder(self) -> Path:
        return self.folder / "sites"

    @cached_property
    def samples_file(self) -> Path:
        return self.folder / "samples.csv"

    @cached_property
    def missing_file(self) -> Path:
        return self.folder / "missing.csv"

    @cached_property
    def domain_file(self) -> Path:
        return self.folder / "domain.csv"

    @cached_property
    def model_folder(self) -> Path:
        return self.folder / "model"

    @cached_property
    def covariates_folder(self) -> Path:
        return self.folder / "covariates"

    @cached_property
    def fetched_folder(self) -> Path:
        """Files of batch exports, for as long as tiles are made from them."""
        return self.covariates_folder / "fetched"

    @cached_property
    def region_mask_file(self) -> Path:
        """The mask on the study's grid, where it is made of polygons or of an asset."""
        return self.covariates_folder / "region_mask.tif"

    @cached_property
    def map_folder(self) -> Path:
        return self.folder / "map"

    @cached_property
    def map_file(self) -> Path:
        return self.map_folder / f"{self.settings.target.name}.tif"

    @cached_property
    def report_file(self) -> Path:
        return self.folder / "report.html"

    @cached_property
    def view_file(self) -> Path:
        return self.folder / "view.html"

    @cached_property
    def geemap_file(self) -> Path:
        return self.folder / "view_geemap.html"


def parse_study(text: str, source: str) -> StudySettings:
    """Read the text of a study.toml; `source` names it in errors.

    Raises
    ------
    StudyError
        with one line a fault; what `[sites]` says of columns and units is checked here, too.
    """
    # the schema of the field table loads what `alm90 --help` has no need of
    from local_ml.errors import LocalMLError
    from local_ml.sites import check_settings

    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{source} is not valid TOML: {error}") from error
    try:
        settings = StudySettings.model_validate(values)
    except ValidationError as error:
        faults = describe_faults(error, StudySettings, text)
        raise StudyError("\n".join(f"{source}{fault}" for fault in faults)) from error
    try:
        check_settings(settings.sites, settings.target)
        _check_names(settings)
    except (LocalMLError, GeeError) as error:
        raise StudyError(f"{source}: {error}") from error
    return settings


def _check_names(settings: StudySettings) -> None:
    """Refuse names of Earth Engine's covariates that don't exist or are taken.

    Raises
    ------
    CatalogueError
        with the key at fault.
    """
    if settings.earthengine is None:
        return
    from gee.catalogue import candidates

    taken = {covariate.name for covariate in settings.covariates} | {settings.target.name}
    twice = [entry.name for entry in candidates(settings.earthengine) if entry.name in taken]
    if twice:
        listed = ", ".join(f"'{name}'" for name in twice)
        raise CatalogueError(
            f"{', '.join(twice)}: named by Earth Engine's catalogue and by the study itself. To "
            f"keep the study's own, set earthengine.without = [{listed}]; else rename it"
        )
