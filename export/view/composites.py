"""Covariates as Earth Engine's own map tiles, for a browser that asks the service itself.

In: what a view shows, and the connection that the study's `[earthengine]` names. Out: which
composites there are and how they are coloured, and layers of a geemap map.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from export.errors import StudyError
from export.progress import Progress
from export.report.text import in_unit
from export.study import Study
from export.study.covariates import connect_to_earth_engine
from export.study.grid import study_geobox
from export.view.colours import Scale, colours_of, scale_for
from export.view.contents import View
from export.view.layers import Layer
from gee.catalogue import candidates
from gee.covariate import Covariate
from gee.settings import LOCAL_PREFIX, EarthEngineSettings

_PALETTE = 16


@dataclass(frozen=True)
class Composite:
    """A covariate that Earth Engine computes, and how it is coloured."""

    covariate: Covariate
    key: Scale

    @property
    def title(self) -> str:
        return f"Earth Engine: {in_unit(self.covariate.name, self.covariate.unit)}"


def composites(view: View) -> list[Composite]:
    """Return what Earth Engine computes for the view: the covariates kept, before training all.

    None where the study does not ask it, or a browser cannot: `url = "local:FOLDER"` answers in
    this process alone.
    """
    study = view.study
    settings = study.settings.earthengine
    if settings is None or computes_in_process(settings):
        return []
    pictures = {layer.name.removeprefix("covariate:"): layer for layer in view.layers}
    # One of the study's own rasters may bear a name of the catalogue.
    computed = {entry.name: entry for entry in candidates(settings)}
    names = [name for name in view.kept or computed if name in computed]
    sampled = _sampled(study, names)
    return [
        Composite(computed[name], _key(computed[name], pictures.get(name), sampled.get(name)))
        for name in names
    ]


def add_composites(
    made: Any, view: View, shown: Sequence[Composite], progress: Progress, pane: str
) -> None:
    """Add composites to a geemap map, unticked where there is something else to see.

    Parameters
    ----------
    pane : of the map, in which they lie

    Raises
    ------
    ServiceError
        where Earth Engine cannot be reached, or refuses one.
    """
    if not shown:
        return
    from gee.scope import Scope
    from gee.session import ask
    from gee.stack import stack

    study = view.study
    settings = study.settings.earthengine
    assert settings is not None
    connect_to_earth_engine(study)
    scope = Scope(study_geobox(study), settings.years)
    first = not view.layers
    # Tiles beside the region would cost the service as much as those that show it.
    south, west, north, east = view.bounds
    bounds = [[south, west], [north, east]]
    with progress.task("asking for map tiles", len(shown)) as task:
        for one in shown:
            name = one.covariate.name
            colours = {"min": one.key.low, "max": one.key.high, "palette": list(one.key.colours)}
            image = stack([name], settings, scope)
            add = partial(
                made.add_layer, image, colours, one.title, first, pane=pane, bounds=bounds
            )
            ask(add, f"map tiles of '{name}'")
            first = False
            task.advance()


def computes_in_process(settings: EarthEngineSettings) -> bool:
    """Say whether nobody but this process is answered."""
    return settings.url is not None and settings.url.startswith(LOCAL_PREFIX)


@contextmanager
def answering_browsers(study: Study, port: int) -> Iterator[Study]:
    """Give the study with a service in this process that answers browsers, too, while open.

    Parameters
    ----------
    port : on 127.0.0.1

    Raises
    ------
    StudyError
        where the study does not compute in this process, or the port is taken.
    """
    seen, server = answered(study, port)
    with server:
        yield seen


def answered(study: Study, port: int) -> tuple[Study, Any]:
    """Return the study as one asks the server that now answers for it, and the server.

    See `answering_browsers`; the server answers as long as the process lives, unless closed.
    """
    from gee.local import LocalEarthEngine
    from gee.local.errors import CatalogueError, PortError

    settings = study.settings.earthengine
    if settings is None or settings.url is None or not computes_in_process(settings):
        raise StudyError(
            "only a study with earthengine.url = 'local:FOLDER' is served; the service of this "
            "one answers browsers by itself, or there is none"
        )
    folder = study.input(settings.url.removeprefix(LOCAL_PREFIX))
    try:
        server = LocalEarthEngine(folder).serve(port)
    except CatalogueError as error:
        raise StudyError(f"earthengine.url = '{settings.url}': {error}") from error
    except PortError as error:
        raise StudyError(f"{error}; name another by --port") from error
    asked = settings.model_copy(update={"url": server.url})
    return Study(study.folder, study.settings.model_copy(update={"earthengine": asked})), server


def _sampled(study: Study, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return what the sites hold of covariates, where they have been sampled."""
    if not study.samples_file.exists():
        return {}
    table = pd.read_csv(study.samples_file, usecols=lambda name: name in names)
    return {name: table[name].to_numpy(float) for name in names if name in table}


def _key(entry: Covariate, picture: Layer | None, sampled: np.ndarray | None) -> Scale:
    """Return the colours of a composite: those of its picture, else by what the sites hold."""
    scale = picture.key if picture is not None and isinstance(picture.key, Scale) else None
    if scale is None and sampled is not None:
        scale = scale_for("covariate", sampled, entry.unit)
    low, high = (scale.low, scale.high) if scale else (entry.minimum, entry.maximum)
    return Scale(colours_of("covariate", _PALETTE), low, high, entry.unit)
