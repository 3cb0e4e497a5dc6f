"""On which path a tile's pixels come from Earth Engine, and why.

In: `[earthengine]`, the covariates that an export asks for, what a probe measured. Out: one of
four paths and a sentence. Pixels are the same on each.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError

from export.covariates.probe import Measured, parse
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


def read_probe(covariates_folder: Path) -> list[Measured] | None:
    """Return what `alm90 plan --probe` measured, or None where it never did.

    Raises
    ------
    ExportError
        where the file cannot be read, is of another version, or holds what no probe writes.
    """
    file = covariates_folder / PROBE_FILE
    if not file.exists():
        return None
    try:
        return parse(json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("kinds", *first["loc"]))
        why = f"{where}: {first['msg']}"
    except (OSError, ValueError) as error:
        why = str(error)
    raise ExportError(
        f"{file} is no probe of this version ({why}); delete it, or `alm90 plan --probe` anew"
    )


def choose_path(
    settings: EarthEngineSettings,
    stack: CovariateStack,
    probed: Sequence[Measured] | None,
    pixels: int = 0,
    connected: bool = True,
) -> ExportPath:
    """Choose how the covariates of a stack are fetched.

    Parameters
    ----------
    probed : `read_probe`; windows of what the covariates are no longer made from are not believed
    pixels : of all windows that are to be asked for (`windows_needed`)
    connected : else it cannot be known what a probe was of

    Returns
    -------
    ExportPath
        what the study names; with ``auto`` direct, unless the probe showed that a window of
        covariates made of many scenes was refused however it was divided, or that a request or
        all would take too long, and a folder for staging is known.
    """
    if settings.path != "auto":
        return ExportPath(settings.path, f"the study says path = '{settings.path}'")
    known = catalogue(settings)
    heavy = {name for name in stack.names if name in known and known[name].is_heavy}
    if not heavy:
        return ExportPath("direct", "nothing is made of many scenes")
    of_heavy = [
        one for one in probed or () if one.kind == "direct" and heavy.intersection(one.names)
    ]
    if not of_heavy:
        return ExportPath("direct", "no probe has shown that it is too heavy")
    if not connected:
        return ExportPath(
            "direct", "without a connection it is not known whether the probe was of these settings"
        )
    current = [one for one in of_heavy if _made_from(stack, one.names) == one.made_from]
    if not current:
        return ExportPath("direct", "the probe was of other covariates or settings")
    trouble = _trouble(current, heavy, pixels, settings.workers)
    if trouble is None:
        return ExportPath("direct", "the probe was answered in time")
    if settings.staging_folder is None:
        return ExportPath(
            "direct", f"{trouble}, but no earthengine.staging_folder is named to stage into"
        )
    return ExportPath("staged", trouble)


def _made_from(stack: CovariateStack, names: Sequence[str]) -> str | None:
    """Return what covariates are made from now; None where no service offers all of them."""
    for provider in stack.providers:
        offered = {info.name for info in provider.covariates}
        if provider.service is not None and offered.issuperset(names):
            return provider.service.made_from(names)
    return None


def _trouble(probed: Sequence[Measured], heavy: set[str], pixels: int, workers: int) -> str | None:
    """Say what was wrong with the first window of heavy covariates, if anything was."""
    for one in probed:
        named = ", ".join(sorted(heavy.intersection(one.names)))
        if one.seconds is None:
            return f"a probe of {named} was refused ({one.refused or 'no answer'})"
        # What was refused and then answered in parts took that long in several requests.
        if one.refused is None and one.seconds > LONGEST_REQUEST_S:
            return f"a probe of {named} took {one.seconds:.0f} s of the 300 that a request has"
        all_s = one.seconds * pixels / one.pixels / workers
        if all_s > LONGEST_EXPORT_S:
            return f"by a probe of {named} all would take {all_s / 86_400:.0f} days"
    return None
