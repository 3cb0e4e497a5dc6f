"""What every source of covariates offers, so that nobody else asks which source it is.

In: names, pixels of the study's grid. Out: float32 values in the covariate's unit, NaN where
missing, and why. A user's rasters are one source (`raster_provider`), Earth Engine is another
(`earth_engine`); `CovariateStack` puts the covariates of all into one order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from export.covariates.changes import UNRECORDED
from export.covariates.checks import SourceReport
from export.covariates.region import Extent
from export.covariates.windows import Window, windows_of
from export.errors import StudyError
from export.progress import Progress
from gee.grid import Tile
from local_ml.features import Feature, MissingRule

Role = Literal["feature", "auxiliary"]

Given = dict[tuple[str, ...], NDArray[np.float32]]
"""What services gave for a tile: names asked for → (p, rows, cols)."""


@dataclass(frozen=True)
class Licence:
    """Under which licence a dataset is given, and what that asks beyond a citation."""

    dataset: str
    title: str
    name: str
    condition: str


@dataclass(frozen=True)
class CovariateInfo:
    """What is known of a covariate, whatever it comes from.

    Parameters
    ----------
    unit : in the notation of UDUNITS
    missing : see `local_ml.features.Feature`
    source : in words, such as a file's name or the ids of datasets
    way : in words, how it comes onto the grid, where that is known beforehand
    licences : of the datasets that it is made from; none are known of a user's own files
    tolerance : by how much the value at a site may differ from its tile's, in `unit`
    role : `auxiliary` ones lie in the tiles, but are neither sampled nor learned from
    """

    name: str
    unit: str
    missing: MissingRule
    group: str
    categorical: bool
    source: str
    way: str = ""
    licences: tuple[Licence, ...] = ()
    tolerance: float = 0.0
    role: Role = "feature"

    def feature(self, levels: tuple[int, ...] | None = None) -> Feature:
        """Return the covariate as the models see it; `levels`: the codes of a categorical one."""
        if self.categorical != (levels is not None):
            raise ValueError(f"covariate '{self.name}': levels are for categorical covariates")
        return Feature(self.name, self.unit, self.missing, levels, self.group)


class Missing(NamedTuple):
    """pixel : its index among those asked for; reason : in words, such as "masked: clouds"."""

    pixel: int
    covariate: str
    reason: str


class Sampled(NamedTuple):
    """values : (n, p) float32; missing : one entry a NaN among them, by pixel, then covariate."""

    values: NDArray[np.float32]
    missing: tuple[Missing, ...]


class TileValues(NamedTuple):
    """values : (p, rows, cols) float32.

    out_of_range : by name, (rows, cols) bool: pixels that count as missing because their value lies
    outside the valid range. A raster's are counted where it is looked at, in the file's own pixels.
    """

    values: NDArray[np.float32]
    out_of_range: Mapping[str, NDArray[np.bool_]]


class Cost(NamedTuple):
    """requests : to a service; size_bytes : of all, as the service counts them."""

    requests: int
    size_bytes: int


class PixelService(Protocol):
    """A source that is asked over a network, by windows that serve several tiles at once."""

    @property
    def requests_at_once(self) -> int:
        """How many windows are best asked for at once."""

    def cost(self, names: Sequence[str], shape: tuple[int, int]) -> Cost:
        """Say what a window of some rows and columns takes, at least."""

    def most_pixels(self, names: Sequence[str]) -> int:
        """Say how many pixels a window may hold."""

    def made_from(self, names: Sequence[str]) -> str:
        """Return the SHA-256 of what some covariates together are made from."""

    def refusals(self, names: Sequence[str]) -> Sequence[str]:
        """Say which requests for these covariates were refused as too heavy so far, and why."""

    def read_window(self, names: Sequence[str], window: GeoBox) -> NDArray[np.float32]:
        """Return (p, rows, cols) float32 as the service has them, NaN where masked."""

    def screened(self, names: Sequence[str], values: NDArray[np.float32]) -> TileValues:
        """Return values of `read_window` with those outside the valid range missing, too."""


class CovariateProvider(Protocol):
    """A source of covariates; its methods may be called from several threads."""

    @property
    def covariates(self) -> tuple[CovariateInfo, ...]:
        """All that it offers, in the order that a study gives them."""

    @property
    def service(self) -> PixelService | None:
        """What is asked by windows; None where tiles are read one by one."""

    def fingerprint(self, name: str) -> str:
        """Return the SHA-256 of what the covariate's pixels are made from, whatever the tile."""

    @property
    def kind(self) -> str:
        """Which source it is, by one word; each has its own."""

    def described(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what covariates are made from, in plain values: for `reasons`, at a later time."""

    def reasons(self, name: str, before: Mapping[str, Any]) -> list[str]:
        """Say why a covariate's fingerprint is another than when `before` was `described`.

        Parameters
        ----------
        before : names the covariate
        """

    def check(
        self, rows: NDArray[np.int64], cols: NDArray[np.int64], progress: Progress
    ) -> list[SourceReport]:
        """Look at the sources before they are used, at pixels drawn from the region.

        Raises
        ------
        ExportError
            where one cannot be used; the text names all that cannot.
        """

    def read(self, names: Sequence[str], tile: Tile) -> TileValues:
        """Return the values of covariates on a tile."""

    def sample(
        self,
        names: Sequence[str],
        rows: NDArray[np.int64],
        cols: NDArray[np.int64],
        progress: Progress,
    ) -> Sampled:
        """Return the values at pixels of the grid: those of the tiles that hold them."""


@dataclass(frozen=True)
class AskedWindow:
    """Some covariates of a service on a window of the grid."""

    service: PixelService
    names: tuple[str, ...]
    window: Window

    @property
    def cost(self) -> Cost:
        return self.service.cost(self.names, self.window.shape)

    def read(self, grid: GeoBox) -> NDArray[np.float32]:
        """Ask for it; `grid` is the study's."""
        rows, cols = self.window.rows, self.window.cols
        return self.service.read_window(self.names, grid[slice(*rows), slice(*cols)])


@dataclass(frozen=True)
class CovariateStack:
    """An ordered choice among the covariates of several providers.

    Parameters
    ----------
    names : the choice. The order is that of the samples' columns and of the tiles' bands
    """

    providers: tuple[CovariateProvider, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, *providers: CovariateProvider) -> "CovariateStack":
        """Return all covariates of the providers that can be learned from, in their order.

        Raises
        ------
        StudyError
            where two bear one name.
        """
        infos = [info for provider in providers for info in provider.covariates]
        names = [info.name for info in infos]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise StudyError(f"covariates named more than once: {', '.join(twice)}")
        return cls(tuple(providers), tuple(info.name for info in infos if info.role == "feature"))

    @property
    def auxiliary(self) -> tuple[str, ...]:
        """Names of the layers that lie in the tiles but are never learned from."""
        infos = (info for provider in self.providers for info in provider.covariates)
        return tuple(info.name for info in infos if info.role == "auxiliary")

    def select(self, names: Sequence[str]) -> "CovariateStack":
        """Return the given covariates alone, in the given order."""
        return replace(self, names=tuple(names))

    @property
    def covariates(self) -> tuple[CovariateInfo, ...]:
        known = {info.name: info for provider in self.providers for info in provider.covariates}
        return tuple(known[name] for name in self.names)

    @property
    def requests_at_once(self) -> int:
        """How many windows are best asked for at once; 0 where no service is asked."""
        services = [provider.service for provider, _ in self._chosen()]
        return max((one.requests_at_once for one in services if one is not None), default=0)

    def asked_windows(self, extents: Sequence[Extent]) -> list[AskedWindow]:
        """Return what services are asked for, to have the stack on some tiles, in order."""
        asked = []
        for provider, names in self._chosen():
            if (service := provider.service) is not None:
                windows = windows_of(extents, service.most_pixels(names))
                asked += [AskedWindow(service, tuple(names), window) for window in windows]
        return asked

    def fingerprints(self) -> dict[str, str]:
        """Return for each covariate, in order, the fingerprint of what it is made from."""
        of = {name: provider.fingerprint for provider, names in self._chosen() for name in names}
        return {name: of[name](name) for name in self.names}

    def described(self) -> dict[str, Any]:
        """Return what the covariates are made from, in plain values, by kind of source."""
        return {provider.kind: provider.described(names) for provider, names in self._chosen()}

    def reasons(self, name: str, before: Mapping[str, Any] | None) -> list[str]:
        """Say why a covariate's fingerprint is another than when the stack was `described`.

        Parameters
        ----------
        before : what the stack described; None where that was not kept
        """
        if before is None:
            return [UNRECORDED]
        provider = next(one for one, names in self._chosen() if name in names)
        if name in before.get(provider.kind, {}).get("covariates", {}):
            return provider.reasons(name, before[provider.kind])
        others = [kind for kind, said in before.items() if name in said.get("covariates", {})]
        return [f"its source ({', '.join(others)} → {provider.kind})"] if others else [UNRECORDED]

    def check(
        self, rows: NDArray[np.int64], cols: NDArray[np.int64], progress: Progress
    ) -> list[SourceReport]:
        """Look at the sources of all providers (see `CovariateProvider.check`)."""
        return [
            report for provider in self.providers for report in provider.check(rows, cols, progress)
        ]

    def read(self, tile: Tile, given: Given | None = None) -> TileValues:
        """Return the covariates on a tile, in order.

        Parameters
        ----------
        given : (p, rows, cols) of what came by `asked_windows`, by the names asked for; it is
            not asked for again, and changed
        """
        read = [(names, _read(provider, names, tile, given)) for provider, names in self._chosen()]
        if len(read) == 1:
            return read[0][1]
        values = np.empty((len(self.names), *tile.shape), np.float32)
        out_of_range: dict[str, NDArray[np.bool_]] = {}
        for names, found in read:
            values[self._places(names)] = found.values
            out_of_range |= found.out_of_range
        return TileValues(values, out_of_range)

    def sample(
        self, rows: NDArray[np.int64], cols: NDArray[np.int64], progress: Progress
    ) -> Sampled:
        """Return the covariates at pixels of the grid, in order."""
        values = np.empty((rows.size, len(self.names)), np.float32)
        missing: list[Missing] = []
        for provider, names in self._chosen():
            found = provider.sample(names, rows, cols, progress)
            values[:, self._places(names)] = found.values
            missing += found.missing
        place = {name: number for number, name in enumerate(self.names)}
        missing.sort(key=lambda entry: (entry.pixel, place[entry.covariate]))
        return Sampled(values, tuple(missing))

    def _chosen(self) -> list[tuple[CovariateProvider, list[str]]]:
        """Return the providers that are needed, each with its names in the stack's order."""
        chosen = []
        for provider in self.providers:
            offered = {info.name for info in provider.covariates}
            names = [name for name in self.names if name in offered]
            if names:
                chosen.append((provider, names))
        return chosen

    def _places(self, names: Sequence[str]) -> list[int]:
        return [self.names.index(name) for name in names]


def _read(
    provider: CovariateProvider, names: Sequence[str], tile: Tile, given: Given | None
) -> TileValues:
    if given is None or provider.service is None:
        return provider.read(names, tile)
    return provider.service.screened(names, given[tuple(names)])
