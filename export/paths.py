"""What a file's name says of it, and where one that the study names may lie.

In: the study's folder and a name as it stands in `study.toml`. Out: an absolute path.
"""

from pathlib import Path, PurePath

from export.errors import StudyError

STUDY_FILE = "study.toml"
VECTOR_SUFFIXES = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".gml", ".kml")


def is_vector(name: str) -> bool:
    """Say whether a file of this name holds shapes and not pixels."""
    return PurePath(name).suffix.lower() in VECTOR_SUFFIXES


def is_geotiff(path: PurePath) -> bool:
    """Say whether a file of this name is a GeoTIFF."""
    return path.suffix.lower() in (".tif", ".tiff")


def inside_study(study_folder: Path, name: str | Path, outside_files: bool) -> Path:
    """Return the absolute path of a file that the study names.

    Parameters
    ----------
    study_folder : folder of the study; relative names count from it
    name : as written in the study
    outside_files : the study's `outside_files`: whether it may read what lies elsewhere

    Raises
    ------
    StudyError
        for an empty name, one with `..`, or one that leads out of the study (absolute, or through
        a link) where `outside_files` is false. Whether the file exists is not looked at.
    """
    path = PurePath(name)
    if not str(name).strip():
        raise StudyError("a file name in the study is empty")
    if ".." in path.parts:
        raise StudyError(
            f"'{name}' leaves the study's folder with '..'. Put the file into the study, or write "
            "its absolute path and set outside_files = true"
        )
    home = study_folder.resolve()
    found = (home / path).resolve()
    if not (outside_files or found.is_relative_to(home)):
        raise StudyError(
            f"'{name}' lies outside the study's folder {study_folder}. Put the file into the "
            "study, or set outside_files = true to read files from elsewhere"
        )
    return home / path
