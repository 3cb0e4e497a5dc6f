"""Whether a worker may predict tiles of this run: the same software, the same files in sight.

In: what a run needs of each worker. Out: in words, what a worker lacks. It is asked of every worker
before the first tile is sent, and of one that joins later before its first tile.
"""

import hashlib
import platform
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from export.errors import ClusterSetupError
from local_ml.prediction.predictor import MANIFEST

# What the bits of a prediction, and of its compressed file, depend on.
LIBRARIES = ("alm90", "numpy", "numba", "llvmlite", "rasterio")
MARK = "mark"


@dataclass(frozen=True)
class Needs:
    """What a run needs of a worker; plain values.

    Parameters
    ----------
    software : names and versions, see `software`
    model : folder of the model
    model_fingerprint : of its manifest
    covariates : a local folder or file that must be in sight; None where tiles lie elsewhere
    unfinished : folder for files that are not in their place yet, within that of the map
    mark : what the file `MARK` in it holds
    """

    software: tuple[tuple[str, str], ...]
    model: Path
    model_fingerprint: str
    covariates: Path | None
    unfinished: Path
    mark: str


def software() -> tuple[tuple[str, str], ...]:
    """Return names and versions of all that the bits of a map depend on."""
    import rasterio

    found = [(library, _version(library)) for library in LIBRARIES]
    found.append(("GDAL", rasterio.__gdal_version__))
    found.append(("Python", ".".join(platform.python_version_tuple()[:2])))
    found.append(("processor", platform.machine()))
    return tuple(found)


def faults(needs: Needs) -> list[str]:
    """Return what this process lacks of the needs of a run, each as a sentence without subject."""
    mine = dict(software())
    lacks = [
        f"has {name} {mine.get(name)}, here it is {wanted}; the map's bits depend on that: give "
        "all machines one environment (constraints.txt)"
        for name, wanted in needs.software
        if mine.get(name) != wanted
    ]
    advice = "it must lie on storage that all machines share, under the same path"
    folder = needs.unfinished.parent
    try:
        shared = (needs.unfinished / MARK).read_text() == needs.mark
    except OSError:
        shared = False
    if not shared:
        lacks.append(f"does not see {folder} as this machine does; {advice}")
    else:
        try:
            with tempfile.TemporaryFile(dir=needs.unfinished) as file:
                file.write(b"alm90")
        except OSError as error:
            lacks.append(f"cannot write into {folder}: {error.strerror}")
    manifest = needs.model / MANIFEST
    try:
        if hashlib.sha256(manifest.read_bytes()).hexdigest() != needs.model_fingerprint:
            lacks.append(f"sees another model in {needs.model} than this machine does; {advice}")
    except OSError as error:
        lacks.append(f"cannot read {manifest} ({error.strerror}); {advice}")
    if needs.covariates is not None and not needs.covariates.exists():
        lacks.append(f"does not see {needs.covariates}; {advice}")
    return lacks


@lru_cache(maxsize=8)
def require_fit(needs: Needs) -> None:
    """Raise ClusterSetupError where this process lacks something; looked at once a run.

    Raises
    ------
    ClusterSetupError
        with what is lacking, the name of the machine before it.
    """
    lacks = faults(needs)
    if lacks:
        raise ClusterSetupError(f"a worker on {platform.node()} {lacks[0]}")


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "(not installed)"
