"""What a user is told to type next, and which step makes a file again.

In: a command with its arguments, or the path of a file. Out: words that hold as they stand when
they are pasted into a shell, or a sentence for the end of an error.
"""

import shlex
from pathlib import Path

_STUDY_FILE = "study.toml"
_MADE_BY = {
    ("covariates", "tiles"): "export",
    ("map", "tiles"): "predict",
    ("map", "companion_tiles"): "predict",
    ("map", "flag_tiles"): "predict",
}
"""Folders within a study → the command that makes their files."""


def typed(step: str, *arguments: object) -> str:
    """Return the command `alm90 STEP ARGUMENTS` in backticks, quoted as a shell wants it."""
    return f"`{command(step, *arguments)}`"


def command(step: str, *arguments: object) -> str:
    """Return the command `alm90 STEP ARGUMENTS`, quoted as a shell wants it."""
    return shlex.join(["alm90", step, *map(str, arguments)])


def remedy_of(path: Path) -> str:
    """Say how a file that cannot be read comes back: by the step that made it, or anew."""
    path = path.absolute()
    inside = path.parts[-3:-1]
    study = path.parents[2] if len(path.parts) > 3 else path.parent
    if inside in _MADE_BY and (study / _STUDY_FILE).is_file():
        return f"{typed(_MADE_BY[inside], study)} makes it again"
    study = path.parent.parent
    if path.parent.name == "map" and (study / _STUDY_FILE).is_file():
        return f"{typed('mosaic', study)} makes it again"
    return "copy or download it again"
