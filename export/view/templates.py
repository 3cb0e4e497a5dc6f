"""Templates of the package, strict: a name that is not given is an error, text is escaped."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from export.view.colours import Scale

FOLDER = Path(__file__).parent


def environment() -> Environment:
    """Return what renders them; `is scale` tells a continuous key from classes."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests["scale"] = lambda key: isinstance(key, Scale)
    return made
