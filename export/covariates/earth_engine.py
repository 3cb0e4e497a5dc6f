"""Covariates that Earth Engine computes.

In: `[earthengine]` of a study, the study's grid, a connected client (`gee.session.connect`). Out:
a `CovariateProvider`. What lies outside a covariate's valid range counts as missing, alike in
samples and tiles.
"""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from typing import Any, Protocol
from urllib.parse import urlsplit

import ee
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from export.covariates.changes import software
from export.covariates.checks import SourceReport
from export.covariates.local_scenes import LocalScenes
from export.covariates.provider import Cost, CovariateInfo, Licence, Missing, Sampled, TileValues
from export.covariates.recipes import CLIENT, COMPOSING, Recipe, recipe_of, recipe_reasons
from export.covariates.remembered_sizes import RememberedSizes
from export.fingerprints import fingerprint
from export.progress import Progress
from gee.catalogue import auxiliary_layers, candidates, licences
from gee.covariate import Covariate
from gee.grid import ALIGNMENT_PX, Tile, grid_to_json
from gee.pixels import read_window, request_size, windows_within_budget
from gee.points import sample_points
from gee.request_size import RequestSize
from gee.scope import Scope
from gee.settings import LOCAL_PREFIX, EarthEngineSettings
from gee.stack import stack

SERVICE_TOLERANCE = 1e-4
"""Of the valid range: by how much the service may answer differently at a point and in a tile."""
ROUNDING_TOLERANCE = 1e-6
"""The same for a stand-in, where the study's grid does not lie on whole pixels from the origin of
its CRS: the origins of tiles are then rounded, each by itself."""

ImageOf = Callable[[Sequence[str], GeoBox], ee.Image]
"""From names and the window of a request to an image with those bands."""


class PixelSource(Protocol):
    """Pixels that Earth Engine computed before, such as files of a batch export."""

    def read(self, names: Sequence[str], window: GeoBox) -> NDArray[np.float32]:
        """Return (len(names), rows, cols) float32, NaN where masked."""


class EarthEngineProvider:
    """The covariates that a study has Earth Engine compute (a `CovariateProvider`).

    Parameters
    ----------
    settings : the study's `[earthengine]`
    geobox : the study's grid, whole
    bounding : what bounds the target, offered too where it is an auxiliary layer
    remembered : what earlier runs learned of how large requests may be; None: nothing
    scenes : what a local service computes from; None: that cannot be known
    """

    kind = "earthengine"

    def __init__(
        self,
        settings: EarthEngineSettings,
        geobox: GeoBox,
        bounding: str | None = None,
        remembered: RememberedSizes | None = None,
        scenes: LocalScenes | None = None,
    ) -> None:
        self._settings, self._geobox, self._scenes = settings, geobox, scenes
        self._remembered = remembered
        self._sizes: dict[tuple[str, ...], RequestSize] = {}
        self._lock = threading.Lock()
        entries = (*candidates(settings), *auxiliary_layers(settings, bounding))
        self._entries = {entry.name: entry for entry in entries}
        tolerance = _tolerance(settings, geobox)
        self.covariates = tuple(
            _info(entry, settings, tolerance) for entry in self._entries.values()
        )
        self.requests_at_once = _requests_at_once(settings)
        self._image_of: ImageOf = self.composite
        self._files: PixelSource | None = None

    def with_images(self, image_of: ImageOf) -> "EarthEngineProvider":
        """Return the same covariates; their tiles are asked of other images of the same pixels."""
        other = copy(self)
        other._image_of = image_of
        # How heavy the composites are says nothing of pixels that are there already.
        other._remembered, other._sizes = None, {}
        return other

    def with_files(self, files: PixelSource) -> "EarthEngineProvider":
        """Return the same covariates; their tiles are cut from files that hold the same pixels."""
        other = copy(self)
        other._files = files
        return other

    @property
    def service(self) -> "EarthEngineProvider | None":
        return self if self._files is None else None

    def cost(self, names: Sequence[str], shape: tuple[int, int]) -> Cost:
        parts = windows_within_budget(shape, len(names), largest=self._size(names).now)
        return Cost(len(parts), sum(part.size_bytes for part in parts))

    def most_pixels(self, names: Sequence[str]) -> int:
        _, pixels = self._size(names).now
        return pixels

    def refusals(self, names: Sequence[str]) -> Sequence[str]:
        return self._size(names).refusals

    def made_from(self, names: Sequence[str]) -> str:
        """Return the fingerprint of what some covariates together are made from."""
        return fingerprint(covariates=[self.fingerprint(name) for name in names])

    def _size(self, names: Sequence[str]) -> RequestSize:
        """Return what is known of how large requests for some covariates may be."""
        asked = tuple(names)
        with self._lock:
            if asked in self._sizes:
                return self._sizes[asked]
            budget_bytes = int(self._settings.request_mib * 2**20)
            size = request_size(len(asked), budget_bytes)
            if self._remembered is not None:
                if not ee.data.is_initialized():
                    return size  # what they are made from is not known yet
                made_from = self.made_from(asked)
                keep = partial(self._remembered.keep, made_from, asked)
                size = request_size(len(asked), budget_bytes, self._remembered.of(made_from), keep)
            self._sizes[asked] = size
            return size

    def fingerprint(self, name: str) -> str:
        return self._fingerprints[name]

    @cached_property
    def _fingerprints(self) -> dict[str, str]:
        """Of each covariate's graph over the whole grid, its valid range, and who computes it.

        Of a folder's scenes also what they hold.
        """
        found = {}
        for name, recipe in self._recipes.items():
            parts: dict[str, Any] = {
                "graph": recipe.graph,
                "valid": recipe.valid,
                "service": _service(self._settings.url),
            }
            if self._scenes is not None:
                parts["scenes"] = recipe.scenes
            found[name] = fingerprint(**parts)
        return found

    @cached_property
    def _recipes(self) -> dict[str, Recipe]:
        """Of each covariate what computes it, and from which scenes of a folder."""
        return {
            name: recipe_of(name, self._settings, self._geobox, self._scenes)
            for name in self._entries
        }

    def described(self, names: Sequence[str]) -> dict[str, Any]:
        recipes = {name: self._recipes[name] for name in names}
        datasets = {dataset for recipe in recipes.values() for dataset in recipe.scenes}
        return {
            "software": software(CLIENT),
            "settings": self._settings.model_dump(mode="json", include=COMPOSING),
            "grid": grid_to_json(self._geobox),
            "service": _service(self._settings.url),
            "scenes": {} if self._scenes is None else self._scenes.described(sorted(datasets)),
            "covariates": {
                name: {"recipe": recipe.key, "datasets": sorted(recipe.scenes)}
                for name, recipe in recipes.items()
            },
        }

    def reasons(self, name: str, before: Mapping[str, Any]) -> list[str]:
        was, now = before["covariates"][name], self._recipes[name]
        found = (
            recipe_reasons(name, before, self._settings, self._geobox)
            if was["recipe"] != now.key
            else []
        )
        if before["service"] != (service := _service(self._settings.url)):
            return [*found, f"setting earthengine.url ({before['service']} → {service})"]
        if self._scenes is not None:
            for dataset in was["datasets"]:
                if dataset in now.scenes:
                    found += self._scenes.reasons(dataset, before["scenes"][dataset])
        other = sorted(set(was["datasets"]).symmetric_difference(now.scenes))
        return found or [f"datasets that came or went ({', '.join(other)})"]

    def _scope(self, window: GeoBox | None) -> Scope:
        return Scope(self._geobox, self._settings.years, window)

    def check(
        self,
        rows: NDArray[np.int64],  # noqa: ARG002
        cols: NDArray[np.int64],  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> list[SourceReport]:
        """Find nothing: the catalogue says what there is to say before pixels are asked for."""
        return []

    def read(self, names: Sequence[str], tile: Tile) -> TileValues:
        """Return the values of covariates on a tile.

        Raises
        ------
        ServiceError
            see `gee.pixels.read_window`.
        """
        if self._files is not None:
            return self.screened(names, self._files.read(names, tile.geobox))
        return self.screened(names, self.read_window(names, tile.geobox))

    def read_window(self, names: Sequence[str], window: GeoBox) -> NDArray[np.float32]:
        image = partial(self._image_of, tuple(names))
        return read_window(image, names, window, self._size(names))

    def screened(self, names: Sequence[str], values: NDArray[np.float32]) -> TileValues:
        out_of_range = {}
        for band, name in zip(values, names, strict=True):
            outside = _outside(band, self._entries[name])
            band[outside] = np.nan
            out_of_range[name] = outside
        return TileValues(values, out_of_range)

    def composite(self, names: Sequence[str], window: GeoBox) -> ee.Image:
        """Return the image of covariates whose pixels are asked for on a window alone.

        Scenes that don't touch the window are not looked up; its values are the same.
        """
        return stack(names, self._settings, self._scope(window))

    def sample(
        self,
        names: Sequence[str],
        rows: NDArray[np.int64],
        cols: NDArray[np.int64],
        progress: Progress,
    ) -> Sampled:
        if not rows.size:
            return Sampled(np.empty((0, len(names)), np.float32), ())

        with progress.task("sampling Earth Engine", rows.size) as task:
            values = sample_points(
                # Each request looks up the scenes near its own points alone.
                partial(self.composite, tuple(names)),
                names,
                self._geobox,
                rows,
                cols,
                points_per_request=self._settings.points_per_request,
                workers=self.requests_at_once,
                progress=task.advance,
            )
        missing: list[Missing] = []
        for column, name in enumerate(names):
            entry, found = self._entries[name], values[:, column]
            masked, outside = np.isnan(found), _outside(found, entry)
            missing += [
                Missing(int(index), name, f"masked: {entry.masked_where}")
                for index in np.flatnonzero(masked)
            ]
            missing += [
                Missing(int(index), name, _out_of_range(found[index], entry))
                for index in np.flatnonzero(outside)
            ]
            found[outside] = np.nan
        return Sampled(values, tuple(missing))


def _info(entry: Covariate, settings: EarthEngineSettings, tolerance: float) -> CovariateInfo:
    return CovariateInfo(
        name=entry.name,
        unit=entry.unit,
        missing=entry.missing,
        group=entry.group,
        categorical=False,
        source=", ".join(entry.datasets),
        way=entry.way,
        licences=tuple(
            Licence(one.id, one.title, one.licence, one.condition)
            for one in licences([entry], settings)
        ),
        tolerance=tolerance * (entry.maximum - entry.minimum),
        role=entry.role,
    )


def _tolerance(settings: EarthEngineSettings, geobox: GeoBox) -> float:
    """Return by how much a site's value may differ from its tile's, as a part of the range."""
    if settings.url is None:
        return SERVICE_TOLERANCE
    a, b, c, d, e, f, *_ = geobox.transform
    offsets = ~Affine(a, b, 0.0, d, e, 0.0) * (c, f)
    anchored = all(abs(offset - round(offset)) < ALIGNMENT_PX for offset in offsets)
    return 0.0 if anchored else ROUNDING_TOLERANCE


def _requests_at_once(settings: EarthEngineSettings) -> int:
    """Return as many as the service is to be asked; a stand-in in this process shares its cores."""
    in_process = settings.url is not None and settings.url.startswith(LOCAL_PREFIX)
    return min(settings.workers, os.cpu_count() or 1) if in_process else settings.workers


def _outside(values: NDArray[np.float32], entry: Covariate) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        outside: NDArray[np.bool_] = (values < entry.minimum) | (values > entry.maximum)
    return outside


def _out_of_range(value: np.float32, entry: Covariate) -> str:
    return f"out of range: {value:g} not in [{entry.minimum:g}, {entry.maximum:g}]"


def _service(url: str | None) -> str:
    """Return who computes: a port says nothing of what stands behind it, the folder does."""
    if url is None:
        return "Earth Engine"
    return url if url.startswith(LOCAL_PREFIX) else str(urlsplit(url).hostname)
