"""What a user is told to type next, and which step makes a file again.

In: a command with its arguments, or the path of a file. Out: words that hold as they stand when
they are pasted into a shell, or a sentence for the end of an error.
"""

import shlex
from pathlib import Path

from export.paths import STUDY_FILE

_MADE_BY = {
    ("covariates", "tiles"): "export",
    ("map", "tiles"): "predict",
    ("map", "companion_tiles"): "predict",
    ("map", "flag_tiles"): "predict",
    ("map",): "mosaic",
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
    folder = path.absolute().parent
    for inside, step in _MADE_BY.items():
        if folder.parts[-len(inside) :] == inside:
            study = folder.parents[len(inside) - 1]
            if (study / STUDY_FILE).is_file():
                return f"{typed(step, study)} makes it again"
    return "copy or download it again"
