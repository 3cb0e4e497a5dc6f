"""`run`: all steps in the order in which the data flow, each doing only what changed."""

from collections.abc import Callable
from importlib import import_module

from export.steps.context import Context

STEPS = ("sites", "sample", "train", "tiles", "predict", "mosaic", "compare", "report")


def run_all(context: Context) -> None:
    """Do every step of a study, and end with where the results lie."""
    for name in STEPS:
        step: Callable[[Context], None] = getattr(
            import_module(f"export.steps.{name}"), f"{name}_step"
        )
        step(context)
    _tell_result(context)


def _tell_result(context: Context) -> None:
    from export.summary import summary_lines

    for line in summary_lines(context.study):
        context.say(line)
