"""On which path a tile's pixels come from Earth Engine, and why.

In: `[earthengine]`, the covariates that an export asks for, what a probe measured. Out: one of
four paths and a sentence. Pixels are the same on each.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from export.covariates.provider import CovariateStack
from export.errors import ExportError
from gee.catalogue import catalogue
from gee.settings import EarthEngineSettings

Way = Literal["direct", "staged", "bucket", "drive"]

PROBE_FILE = "probe.json"
LONGEST_REQUEST_S = 150.0
"""Half of what the service grants: where one window takes that, others are given up."""
LONGEST_EXPORT_S = 7 * 86_400.0
"""What an export may take on the direct path before another is worth its trouble."""


class ExportPath(NamedTuple):
    """path : how pixels are fetched; why : one sentence, without a full stop."""

    path: Way
    why: str


def read_probe(covariates_folder: Path) -> dict[str, Any] | None:
    """Return what `alm90 plan --probe` measured, or None where it never did.

    Raises
    ------
    ExportError
        where the file cannot be read, or is of another version.
    """
    file = covariates_folder / PROBE_FILE
    if not file.exists():
        return None
    try:
        probe: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        known = probe["schema_version"] == 1 and isinstance(probe["kinds"], list)
    except (OSError, ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ExportError(f"{file} is no probe of this version; delete it, or probe again")
    return probe


def choose_path(
    settings: EarthEngineSettings,
    stack: CovariateStack,
    probe: Mapping[str, Any] | None,
    pixels: int = 0,
) -> ExportPath:
    """Choose how the covariates of a stack are fetched.

    Parameters
    ----------
    probe : `read_probe`
    pixels : how many are to be asked for

    Returns
    -------
    ExportPath
        what the study names; with ``auto`` direct, unless the probe showed that a window of
        covariates made of many scenes was refused, or that all would take too long, and a folder
        for staging is known.
    """
    if settings.path != "auto":
        return ExportPath(settings.path, f"the study says path = '{settings.path}'")
    known = catalogue(settings)
    heavy = {name for name in stack.names if name in known and known[name].is_heavy}
    if not heavy:
        return ExportPath("direct", "nothing is made of many scenes")
    if probe is None:
        return ExportPath("direct", "no probe has shown that it is too heavy")
    trouble = _trouble(probe, heavy, pixels, settings.workers)
    if trouble is None:
        return ExportPath("direct", "the probe was answered in time")
    if settings.staging_folder is None:
        return ExportPath(
            "direct", f"{trouble}, but no earthengine.staging_folder is named to stage into"
        )
    return ExportPath("staged", trouble)


def _trouble(probe: Mapping[str, Any], heavy: set[str], pixels: int, workers: int) -> str | None:
    """Say what was wrong with the first window of heavy covariates, if anything was."""
    for kind in probe["kinds"]:
        if kind["kind"] != "direct" or not heavy.intersection(kind["names"]):
            continue
        named = ", ".join(sorted(heavy.intersection(kind["names"])))
        seconds = kind["seconds"]
        if kind["refused"] or seconds is None:
            return f"a probe of {named} was refused ({kind['refused'] or 'no answer'})"
        if seconds > LONGEST_REQUEST_S:
            return f"a probe of {named} took {seconds:.0f} s of the 300 that a request has"
        rows, cols = kind["shape"]
        all_s = seconds * pixels / (rows * cols) / workers
        if all_s > LONGEST_EXPORT_S:
            return f"by a probe of {named} all would take {all_s / 86_400:.0f} days"
    return None
