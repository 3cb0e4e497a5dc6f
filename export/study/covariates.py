"""The candidate covariates of a study, whatever they come from, in one order.

In: `[[covariates]]` and `[earthengine]`. Out: a `CovariateStack`: the study's own rasters first,
since the user chose them by hand, then those of Earth Engine as its catalogue orders them.
"""

from collections.abc import Callable
from pathlib import Path

from odc.geo.geobox import GeoBox

from export.covariates.provider import CovariateProvider, CovariateStack
from export.covariates.raster_provider import RasterProvider, open_rasters
from export.errors import StudyError
from export.study import STUDY_FILE, Study
from gee.settings import LOCAL_PREFIX
from local_ml.names import nearest


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
    providers: list[CovariateProvider] = []
    if settings.covariates:
        rasters = open_rasters(settings.covariates, study.input, geobox)
        providers.append(RasterProvider(rasters, geobox, settings.grid.tile_px, file_hash))
    if settings.earthengine is not None:
        # The client takes a second to import and half a one to connect.
        from export.covariates.earth_engine import EarthEngineProvider

        if connected:
            connect_to_earth_engine(study)
        providers.append(EarthEngineProvider(settings.earthengine, geobox))
    stack = CovariateStack.of(*providers)
    if not stack.names:
        raise StudyError(
            f"{study.folder / STUDY_FILE} names no covariates; add [[covariates]] entries or "
            "[earthengine]"
        )
    bounding = settings.target.maximum_covariate
    if bounding is not None and bounding not in stack.names:
        raise StudyError(
            f"{study.folder / STUDY_FILE}: target.maximum_covariate is '{bounding}', but no "
            f"covariate is called so{nearest(bounding, stack.names)}"
        )
    return stack


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
