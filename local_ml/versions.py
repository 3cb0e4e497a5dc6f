"""The libraries on whose versions the numbers of a model depend.

In: what is installed. Out: versions by the library's name, which the saved model tells and which
decide whether a fold that was fitted earlier may be used again.
"""

from importlib.metadata import version

LIBRARIES = ("numpy", "scikit-learn", "xgboost", "catboost")


def library_versions() -> dict[str, str]:
    """Return the installed versions of the libraries that learn."""
    return {library: version(library) for library in LIBRARIES}
