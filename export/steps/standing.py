"""Whether what a step stands on is as the steps before it would leave it now.

In: what `sites`, `sample` and `train` noted of the files and settings that they read, and the same
now. Out: which of them is out of date and by what, in words. What nobody noted is not judged, nor
what somebody put in the place of a step's files: it is told, and taken as it is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.advice import typed
from export.covariates.tile_plans import CHECK
from export.errors import StaleStepError, TileError
from export.fingerprints import fingerprint
from export.steps.context import Context
from export.study import Study
from local_ml.settings import LearningSettings

_NOTED, _EXPORTED = "stands_on", "exported_from"
"""Steps of the journal: what steps read; what the tiles were made from."""

STEPS = ("sites", "sample", "train")
_MADE = {"sites": "sites/screened.csv", "sample": "samples.csv", "train": "model"}
_PARTS = {
    "sites": ("sites", "target", "region", "grid"),
    "sample": ("covariates", "earthengine", "target", "domain", "region", "grid", "seed"),
    "train": tuple(LearningSettings.model_fields),
}
"""Parts of study.toml that each step reads."""
_CALLED = {"covariates": "[[covariates]]", "seed": "seed"}
"""What is no table of study.toml."""


@dataclass(frozen=True)
class Stale:
    """A step that would do something else now.

    Parameters
    ----------
    made : what it made, relative to the study
    differing : what it made that from and is otherwise now, in words
    """

    step: str
    made: str
    differing: tuple[str, ...]

    @property
    def fault(self) -> str:
        return f"{self.made} was made from other {', '.join(self.differing)} than there are now"

    def told(self, study: Path) -> str:
        """Return what is out of date, and the step that mends it."""
        return (
            f"{self.fault}; {typed(self.step, study)} first, or {typed('run', study)}, which does "
            "all that is needed"
        )


def note(context: Context, step: str) -> None:
    """Note what a step that has just been done, or had nothing to do, read."""
    held = json.dumps(_read_by(context, step))
    if context.journal.made_from(_NOTED, step) != held:
        context.journal.record(_NOTED, step, held, [])


def stale(context: Context, last: str) -> Stale | None:
    """Return the first step up to `last` that is out of date; None where none is known to be."""
    for step in STEPS[: STEPS.index(last) + 1]:
        noted = context.journal.made_from(_NOTED, step)
        if noted is None or context.journal.is_altered(step, ""):
            continue
        before, now = json.loads(noted), _read_by(context, step)
        # A file that was not brought along tells nothing: a model may be used without its table.
        there = [name for name in now if now[name] is not None]
        differing = tuple(name for name in there if before.get(name, now[name]) != now[name])
        if differing:
            return Stale(step, _MADE[step], differing)
    return None


def require_current(context: Context, asking: str, last: str) -> None:
    """Raise StaleStepError where a step up to `last` is out of date.

    Parameters
    ----------
    asking : the step that stands on them; it warns of files that others put there
    """
    found = stale(context, last)
    if found is not None:
        raise StaleStepError(found.told(context.study.folder))
    _warn_of_altered(context, asking, last)


def require_same_grid(context: Context) -> None:
    """Raise StaleStepError where region or grid are others than the sites were screened for."""
    found = stale(context, "sites")
    if found is not None and {"[region]", "[grid]"} & set(found.differing):
        raise StaleStepError(found.told(context.study.folder))


def warn_of_stale(context: Context, asking: str, last: str) -> list[str]:
    """Say which step up to `last` is out of date; return it as sentences for a page."""
    said = _warn_of_altered(context, asking, last)
    found = stale(context, last)
    if found is None:
        return said
    context.warn(asking, found.told(context.study.folder))
    return [*said, f"Out of date: {found.fault}. `alm90 run` makes all anew that is."]


def is_of_others(context: Context, step: str) -> bool:
    """Say whether what a step made is not as it left it."""
    return context.journal.is_altered(step, "")


def note_exported(context: Context, fingerprints: dict[str, str]) -> None:
    """Note what covariate tiles are about to be made from: covariate → fingerprint."""
    context.journal.record(_EXPORTED, "", json.dumps(fingerprints), [])


def note_check(context: Context, refused: str | None) -> None:
    """Note how the tiles held against the samples: what was said against them, or nothing."""
    if refused is not None:
        context.journal.record_failure(CHECK, "", refused)
    elif context.journal.failures(CHECK):
        context.journal.forget(CHECK, [""])


def require_learned_covariates(context: Context, needed: Sequence[str]) -> None:
    """Raise TileError where the tiles hold other covariates than the model of a study learned.

    A model of others, about whose samples nothing is known, is not held against them.

    Parameters
    ----------
    needed : names of the covariates that the model reads
    """
    study, journal = context.study, context.journal
    for said in journal.failures(CHECK).values():
        raise TileError(
            f"the last export was refused: {said}. {typed('run', study.folder)} samples and trains "
            f"anew; where the covariates are as they were again, {typed('export', study.folder)}"
        )
    exported = journal.made_from(_EXPORTED, "")
    described = study.samples_file.with_suffix(".json")
    if exported is None or not described.exists() or is_of_others(context, "train"):
        return
    provenance = json.loads(described.read_text(encoding="utf-8")).get("provenance", {})
    learned = provenance.get("covariates", {})
    held = json.loads(exported)
    others = [
        name
        for name in needed
        if name in held and name in learned and held[name] != learned[name]["fingerprint"]
    ]
    if others:
        raise TileError(
            f"the covariate tiles hold other values of {', '.join(others)} than the sites were "
            f"sampled with and the model learned from; {typed('run', study.folder)} samples and "
            "trains anew. To keep the model, restore what they were made from, then "
            f"{typed('export', study.folder)}"
        )


def _warn_of_altered(context: Context, asking: str, last: str) -> list[str]:
    said = []
    for step in STEPS[: STEPS.index(last) + 1]:
        there = (context.study.folder / _MADE[step]).exists()
        if there and is_of_others(context, step):
            text = f"{_MADE[step]} is not as `alm90 {step}` left it, and is taken as it is"
            context.warn(asking, f"{text}; {typed('run', context.study.folder)} makes it anew")
            said.append(f"{text}.")
    return said


def _read_by(context: Context, step: str) -> dict[str, str | None]:
    """Return what a step reads, by name: parts of study.toml, and files."""
    settings: dict[str, Any] = context.study.settings.decisive()
    if step == "sites":  # what a covariate allows is asked of the samples
        target = settings["target"].items()
        settings["target"] = {key: one for key, one in target if not key.startswith("maximum_")}
    read: dict[str, str | None] = {
        _CALLED.get(part, f"[{part}]"): fingerprint(part=settings[part]) for part in _PARTS[step]
    }
    for name, path in _files(context.study, step).items():
        read[name] = context.journal.file_hash(path) if path.is_file() else None
    return read


def _files(study: Study, step: str) -> dict[str, Path]:
    if step == "sites":
        region, grid = study.settings.region, study.settings.grid
        named = [study.settings.sites.file, region.mask if region else None, grid.like]
        return {name: study.input(name) for name in named if name is not None}
    if step == "sample":
        return {_MADE["sites"]: study.sites_folder / "screened.csv"}
    samples = [study.samples_file, study.samples_file.with_suffix(".json")]
    domain = [study.domain_file] if study.settings.domain.pixels else []
    return {path.name: path for path in (*samples, *domain)}
