"""The candidate covariates of a study, whatever they come from, in one order.

In: `[[covariates]]` and `[earthengine]`. Out: a `CovariateStack`: the study's own rasters first,
since the user chose them by hand, then those of Earth Engine as its catalogue orders them.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from odc.geo.geobox import GeoBox

from export.covariates.provider import CovariateProvider, CovariateStack
from export.covariates.raster_provider import RasterProvider, open_rasters
from export.errors import StudyError
from export.study import STUDY_FILE, Study
from gee.catalogue import catalogue
from gee.settings import LOCAL_PREFIX
from local_ml.names import nearest
from local_ml.settings import TargetSettings

if TYPE_CHECKING:
    from export.covariates.local_scenes import LocalScenes


def study_covariates(
    study: Study, geobox: GeoBox, file_hash: Callable[[Path], str], connected: bool = True
) -> CovariateStack:
    """Open the candidates of a study; connects to Earth Engine where the study asks for it.

    Parameters
    ----------
    geobox : the study's grid
    file_hash : from a path to the file's SHA-256
    connected : False leaves Earth Engine alone: its covariates are then known, but can neither be
        read nor fingerprinted

    Raises
    ------
    StudyError
        where the study names no covariates, or bounds the target by one that it does not name.
    ExportError, ServiceError
        where a raster cannot be used, or Earth Engine cannot be reached.
    """
    settings = study.settings
    bounding = settings.target.maximum_covariate
    providers: list[CovariateProvider] = []
    if settings.covariates:
        rasters = open_rasters(settings.covariates, study.input, geobox)
        providers.append(RasterProvider(rasters, geobox, settings.grid.tile_px, file_hash))
    if settings.earthengine is not None:
        # The client takes a second to import and half a one to connect.
        from export.covariates.earth_engine import EarthEngineProvider
        from export.covariates.remembered_sizes import RememberedSizes

        if connected:
            connect_to_earth_engine(study)
        # A raster of the study's own comes before what Earth Engine has by the same name.
        own = any(one.name == bounding for one in settings.covariates)
        providers.append(
            EarthEngineProvider(
                settings.earthengine,
                geobox,
                None if own else bounding,
                RememberedSizes(study.covariates_folder / "request_sizes.json"),
                local_scenes(study, file_hash),
            )
        )
    stack = CovariateStack.of(*providers)
    if not stack.names:
        raise StudyError(
            f"{study.folder / STUDY_FILE} names no covariates; add [[covariates]] entries or "
            "[earthengine]"
        )
    known = (*stack.names, *stack.auxiliary)
    if bounding is not None and bounding not in known:
        known += _auxiliary_names(study)
        raise StudyError(
            f"{study.folder / STUDY_FILE}: target.maximum_covariate is '{bounding}', but no "
            f"covariate is called so{nearest(bounding, known)}"
        )
    return stack


def local_scenes(study: Study, file_hash: Callable[[Path], str]) -> "LocalScenes | None":
    """Return what a local service in this process computes from; None where another computes."""
    from export.covariates.local_scenes import LocalScenes
    from gee.session import local_folder

    settings = study.settings.earthengine
    if settings is None or settings.url is None or not settings.url.startswith(LOCAL_PREFIX):
        return None
    return LocalScenes(local_folder(settings.url, study.folder), file_hash)


def sampled(stack: CovariateStack, target: TargetSettings) -> CovariateStack:
    """Return what is sampled: the candidates, then what bounds the target where it is none."""
    bounding = target.maximum_covariate
    if bounding is None or bounding in stack.names:
        return stack
    return stack.select([*stack.names, bounding])


def needed_by_model(study: Study) -> list[str]:
    """Return the covariates that a trained model reads: its features, and what bounds its target.

    The model must be there.
    """
    manifest = json.loads((study.model_folder / "manifest.json").read_text(encoding="utf-8"))
    names = [feature["name"] for feature in manifest["features"]]
    if manifest["maximum"]:
        names.append(manifest["maximum"]["covariate"]["name"])
    return list(dict.fromkeys(names))


def _auxiliary_names(study: Study) -> tuple[str, ...]:
    """Return what Earth Engine computes for those alone who ask for it by name."""
    settings = study.settings.earthengine
    if settings is None:
        return ()
    entries = catalogue(settings).values()
    return tuple(entry.name for entry in entries if entry.role == "auxiliary")


def connect_to_earth_engine(study: Study) -> None:
    """Connect the client as `[earthengine]` says, which must be there.

    Raises
    ------
    StudyError
        where the folder of a local service lies outside a study that forbids it.
    ServiceError
        where the service cannot be reached, or does not accept who asks.
    """
    from gee.session import connect

    settings = study.settings.earthengine
    assert settings is not None
    if settings.url is not None and settings.url.startswith(LOCAL_PREFIX):
        study.input(settings.url.removeprefix(LOCAL_PREFIX))
    connect(settings, study.folder)
