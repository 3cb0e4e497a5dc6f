"""A study: a folder with a study.toml, from which everything else follows."""

from export.paths import STUDY_FILE
from export.study.folder import Study, parse_study
from export.study.settings import StudySettings

__all__ = ["STUDY_FILE", "Study", "StudySettings", "parse_study"]
