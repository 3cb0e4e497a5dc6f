"""`init`: the folder of a new study, empty, from a metadata record, or with an example."""

from pathlib import Path
from typing import Any

from export.advice import typed
from export.errors import StudyError
from export.study import STUDY_FILE, Study, parse_study
from export.study.record import values_from_record
from export.study.template import study_template
from local_ml.files import write_whole

_EXAMPLES = ("plateau", "plateau-rasters")

# A region to begin with: the box of the published map, which the user narrows.
_PLATEAU_REGION = {"west": 68.0244444, "south": 25.8138889, "east": 104.6825, "north": 39.805}

# An example is to be seen within minutes on two cores: fewer trees than the defaults.
_EXAMPLE_LEARNING: dict[str, Any] = {
    "selection": {"folds": 3, "trees": 40},
    "ensemble": {
        "random_forest": {"trees": 200},
        "extra_trees": {"trees": 200},
        "xgboost": {"trees": 200, "learning_rate": 0.06},
        "catboost": {"trees": 300, "learning_rate": 0.08},
    },
}


def init_study(
    folder: Path,
    *,
    example: str | None = None,
    record: Path | None = None,
    accept_swapped_bounds: bool = False,
    existing: bool = False,
) -> str:
    """Write study.toml (and the files of an example) and return what to do next.

    Raises
    ------
    StudyError
        where the folder holds a study already, or the example or record cannot be used.
    """
    path = folder / STUDY_FILE
    if path.exists():
        if existing:
            Study.load(folder)
            return f"{path} is there already and is left as it is"
        raise StudyError(f"{path} exists already; nothing was changed")
    if example is not None and record is not None:
        raise StudyError("--example and --record exclude each other")
    if example is not None and example not in _EXAMPLES:
        raise StudyError(f"no example is called '{example}'; there is: {', '.join(_EXAMPLES)}")
    if accept_swapped_bounds and record is None:
        raise StudyError("--accept-swapped-bounds goes with --record")
    values: dict[str, Any] = {"name": folder.resolve().name, "region": _PLATEAU_REGION}
    if record is not None:
        values |= values_from_record(record, accept_swapped_bounds=accept_swapped_bounds)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"{folder} cannot be made a folder: {error.strerror}") from error
    if example is not None:
        values |= _plateau(folder, scenes=example == "plateau")
    text = study_template(values)
    parse_study(text, str(path))
    write_whole(path, text.encode())
    if example:
        return f"{path} is written; {typed('run', folder)} makes the map"
    return (
        f"{path} is written. Put your field table and covariates there, name them in it, "
        f"then {typed('run', folder)}"
    )


def _plateau(folder: Path, *, scenes: bool) -> dict[str, Any]:
    from export.plateau import write_plateau

    plateau = write_plateau(folder, scenes=scenes)
    west, south, east, north = plateau.region
    return {
        "title": "Example plateau: synthetic, its true moisture known",
        "licence": "CC0-1.0",
        "region": {
            "west": west,
            "south": south,
            "east": east,
            "north": north,
            "mask": plateau.mask_file,
        },
        "sites": plateau.sites,
        "covariates": plateau.covariates,
        **({"earthengine": plateau.earthengine} if plateau.earthengine else {}),
        "map": {"reference": plateau.truth_file},
        **_EXAMPLE_LEARNING,
    }
