"""How a command ends: one clear message and the exit code of what went wrong.

In: the work of a command. Out: its end; Ctrl-C and errors are turned into codes here and nowhere
else. As light as `export.cli`: nothing heavy is imported before a command runs.
"""

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from export.steps.context import Context

_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)
EXIT_SERVICE = 4
EXIT_HOLES = 5
EXIT_INTERRUPTED = 130


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn what goes wrong into one clear message and the exit code of its kind."""
    from export.errors import ExportError
    from gee.errors import GeeError, ServiceError
    from local_ml.errors import LocalMLError

    interrupted = False

    def interrupt(*_: object) -> NoReturn:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _INTERRUPTIONS}
    hook, sys.unraisablehook = sys.unraisablehook, _interrupt_again
    try:
        yield
    except Exception as error:
        # A library in whose midst the interruption fell may have turned it into an error.
        if interrupted and not isinstance(error, typer.Exit):
            _tell_interrupted()
        if isinstance(error, ExportError):
            _fail(error, error.exit_code)
        if isinstance(error, ServiceError):
            _fail(error, EXIT_SERVICE)
        if isinstance(error, OSError) and error.errno == errno.EROFS:
            where = f"{error.filename} lies on a read-only file system"
            _fail(f"{where}; copy the study to where it can be written", 3)
        if isinstance(error, GeeError | LocalMLError | OSError):
            _fail(error, 3)
        raise
    except KeyboardInterrupt:
        _tell_interrupted()
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Repeat an interruption that fell into a destructor, where Python would ignore it."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(unraisable)


def _tell_interrupted() -> NoReturn:
    typer.secho("interrupted; what is finished is kept, the same command resumes", err=True)
    raise typer.Exit(EXIT_INTERRUPTED) from None


def _fail(error: Exception | str, code: int) -> NoReturn:
    typer.secho("error: ", fg="red", bold=True, nl=False, err=True)
    typer.secho(str(error), err=True)
    raise typer.Exit(code) from None


@contextmanager
def opened(folder: Path, look: bool = False) -> Iterator["Context"]:
    """Open a study, and end with exit code 5 where holes were left.

    Parameters
    ----------
    look : for a command that only looks: another run may be at work
    """
    with exit_codes():
        from export.progress import progress_for
        from export.steps.context import open_context
        from export.study import Study
        from local_ml.names import counted

        study = Study.load(folder)
        with open_context(study, progress_for(sys.stderr), typer.echo, look) as context:
            try:
                yield context
            finally:
                if context.holes:
                    typer.secho(
                        f"left {counted(len(context.holes), 'hole')}:", fg="yellow", err=True
                    )
                for hole in context.holes:
                    typer.secho(f"  {hole}", err=True)
        if context.holes:
            raise typer.Exit(EXIT_HOLES)
