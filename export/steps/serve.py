"""`earthengine serve`: a folder of rasters answers the Earth Engine client on this machine."""

from collections.abc import Callable
from pathlib import Path

from export.errors import ExportError, StudyError
from export.study import STUDY_FILE

_CATALOGUES = ("catalogue.json", "catalogue.toml", "exports/catalogue.json")


def serve_folder(folder: Path | None, port: int, say: Callable[[str], None]) -> None:
    """Answer until Ctrl-C, which ends the command well.

    Parameters
    ----------
    folder : with a catalogue; None, or without one: the algorithms alone are served
    port : on 127.0.0.1

    Raises
    ------
    StudyError
        where the folder is none, or the port is taken.
    ExportError
        where the catalogue has faults.
    """
    from gee.local import CatalogueError, LocalEarthEngine, PortError

    if folder is not None and not folder.is_dir():
        raise StudyError(f"{folder} is not a folder")
    try:
        service = LocalEarthEngine(folder)
        if folder is not None and not any((folder / name).exists() for name in _CATALOGUES):
            say(f"no catalogue.json in {folder}: the algorithms alone are served{_hint(folder)}")
        service.serve_forever(port, lambda url: say(f"serving on {url}; stop with Ctrl-C"))
    except CatalogueError as error:
        raise ExportError(str(error)) from error
    except PortError as error:
        raise StudyError(f"{error}; name another by --port") from error
    except KeyboardInterrupt:
        say("stopped")


def _hint(folder: Path) -> str:
    """Name the scenes of a study that was given in place of them."""
    scenes = folder / "earthengine"
    if (folder / STUDY_FILE).exists() and (scenes / _CATALOGUES[0]).exists():
        return f"; the scenes of this study are in {scenes}"
    return ""
