"""`run`: all steps in the order in which the data flow, each doing only what changed."""

from collections.abc import Callable
from importlib import import_module

from export.advice import command
from export.errors import MissingInputError
from export.steps.context import Context
from export.study import STUDY_FILE
from gee.settings import LOCAL_PREFIX

STEPS = ("sites", "sample", "train", "tiles", "predict", "mosaic", "compare", "report")


def run_all(context: Context, force: bool = False, scheduler: str | None = None) -> None:
    """Do every step of a study, and end with where the results lie.

    Parameters
    ----------
    force : make the map also of a model that showed no skill
    scheduler : address of a cluster that predicts the tiles; the other steps run here

    Raises
    ------
    NoSkillError
        The model showed no skill, and `force` was not given. The report is written, without a
        map; covariates are not exported.
    """
    _require_inputs(context)
    if scheduler is not None:
        from export.cluster.connection import connected

        with connected(scheduler):
            pass  # said now, and not after hours of training
    for name in STEPS:
        step: Callable[..., None] = getattr(import_module(f"export.steps.{name}"), f"{name}_step")
        if name == "predict":
            step(context, force, scheduler)
        else:
            step(context)
        if name == "train":
            _require_skill(context, force)
    _tell_result(context)


def _require_skill(context: Context, force: bool) -> None:
    from export.steps.predict import require_skill
    from export.steps.report import no_skill, report_step

    said = no_skill(context.study)
    if said is not None and not force:
        report_step(context)
    require_skill(said, force, command("run", context.study.folder))


def _require_inputs(context: Context) -> None:
    """Look for every file that the study names before any work is begun."""
    study, settings = context.study, context.study.settings
    named = {
        "sites.file": settings.sites.file,
        "grid.like": settings.grid.like,
        "region.mask": settings.region.mask if settings.region else None,
        "map.reference": settings.map.reference,
    }
    named_files = [(key, name) for key, name in named.items() if name is not None]
    named_files += [
        (f"covariates.{entry.name}", name) for entry in settings.covariates for name in entry.files
    ]
    service = settings.earthengine.url if settings.earthengine else None
    if service is not None and service.startswith(LOCAL_PREFIX):
        named_files.append(("earthengine.url", service.removeprefix(LOCAL_PREFIX)))
    absent = [
        f"{key} names {study.input(name)}, which is not there"
        for key, name in named_files
        if not study.input(name).exists()
    ]
    if not settings.covariates and settings.earthengine is None:
        absent.append("no covariates are named; add [[covariates]] entries or [earthengine]")
    if absent:
        raise MissingInputError(
            "\n".join(f"{study.folder / STUDY_FILE}: {line}" for line in absent)
        )


def _tell_result(context: Context) -> None:
    from export.summary import summary_lines

    for line in summary_lines(context.study):
        context.say(line)
