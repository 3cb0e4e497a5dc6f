"""A study: a folder with a study.toml, from which everything else follows."""

from export.study.folder import STUDY_FILE, Study, parse_study
from export.study.settings import StudySettings

__all__ = ["STUDY_FILE", "Study", "StudySettings", "parse_study"]
