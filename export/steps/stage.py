"""How the tiles of an export get Earth Engine's pixels: straight, or by batch exports before.

In: what the tiles ask for. Out: a stack whose tiles take the same pixels from where they lie now.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from export.covariates.export_path import ExportPath, choose_path, read_probe
from export.covariates.provider import CovariateStack
from export.covariates.tile_writing import windows_needed
from export.errors import AwaitedFileError
from export.steps.context import Context
from export.study import Study
from local_ml.names import counted

if TYPE_CHECKING:
    from export.covariates.earth_engine import EarthEngineProvider
    from export.covariates.region import Extent
    from export.covariates.staging.bringing import Brought
    from export.covariates.staging.drive import DriveFiles
    from export.covariates.staging.pieces import Piece
    from export.covariates.staging.places import Place
    from export.covariates.tile_plans import TilePlan
    from gee.batch import Export
    from gee.grid import Tile
    from gee.settings import EarthEngineSettings

_KEY_LENGTH = 16


def on_its_path(
    context: Context,
    stack: CovariateStack,
    plans: "Sequence[TilePlan]",
    extents: "Mapping[str, Extent]",
) -> CovariateStack:
    """Return the stack as it is to be read, once batch exports have brought what it needs.

    Parameters
    ----------
    stack : as it is computed
    plans : of all tiles that touch the region
    extents : by tile, where the region lies in it

    Raises
    ------
    ServiceError
        where an export is refused or fails, or nothing of what was exported to Drive is here.
    ExportError
        where a file is not what was exported.
    """
    settings = context.study.settings.earthengine
    asked = {name for plan in plans for name in plan.asked}
    provider = None if settings is None else _provider(stack, asked)
    if settings is None or provider is None:
        return stack
    pixels = sum(asked.window.pixels for asked in windows_needed(stack, plans, extents))
    probed = read_probe(context.study.covariates_folder)
    wanted = stack.select([name for name in stack.names if name in asked])
    path = choose_path(settings, wanted, probed, pixels)
    context.tell("export", f"path {path.path}: {path.why}")
    if path.path == "direct":
        return stack
    read = _Fetch(context, provider, plans).on(path)
    others = (one for one in stack.providers if one is not provider)
    return replace(stack, providers=(*others, read))


def planned_exports(
    study: Study,
    stack: CovariateStack,
    asked: "Sequence[tuple[Tile, Sequence[str]]]",
    path: ExportPath,
) -> "list[Piece]":
    """Return what batch exports a path takes, those that are done already included.

    Parameters
    ----------
    asked : all tiles that touch the region, with what is to be read for each
    """
    provider = _provider(stack, {name for _, names in asked for name in names})
    if provider is None or path.path == "direct":
        return []
    return _pieces(study, provider, asked, only_heavy=path.path == "staged")


def discard_fetched(study: Study) -> None:
    """Remove files that were fetched from a bucket, once all tiles are made from them."""
    shutil.rmtree(study.fetched_folder, ignore_errors=True)


def kept_exports(settings: "EarthEngineSettings | None") -> str:
    """Say what to do about batch exports that are kept, where they are of outdated scenes.

    Returns
    -------
    str
        goes on from what else is to be deleted; empty where none are kept
    """
    if settings is None:
        return ""
    if settings.path == "bucket":
        place = f"gs://{settings.bucket}/{settings.bucket_prefix}"
        return f", and name another earthengine.bucket_prefix ({place} keeps what was exported)"
    if settings.path == "drive":
        return (
            f" and the files in {settings.drive_files}, and name another earthengine.drive_folder "
            f"('{settings.drive_folder}' keeps what was exported)"
        )
    if settings.path in ("auto", "staged") and settings.staging_folder is not None:
        return (
            f", and name another earthengine.staging_folder ({settings.staging_folder} keeps what "
            "was exported)"
        )
    return ""


def _provider(stack: CovariateStack, asked: set[str]) -> "EarthEngineProvider | None":
    """Return what computes covariates on Earth Engine, where any of them is asked for."""
    from export.covariates.earth_engine import EarthEngineProvider

    for provider in stack.providers:
        offered = {info.name for info in provider.covariates}
        if isinstance(provider, EarthEngineProvider) and offered & asked:
            return provider
    return None


def _pieces(
    study: Study,
    provider: "EarthEngineProvider",
    asked: "Sequence[tuple[Tile, Sequence[str]]]",
    only_heavy: bool,
) -> "list[Piece]":
    from export.covariates.staging.pieces import pieces_of
    from gee.catalogue import catalogue

    settings = study.settings.earthengine
    assert settings is not None
    known = catalogue(settings)
    group_of = {
        info.name: str(known[info.name].group)
        for info in provider.covariates
        if known[info.name].is_heavy or not only_heavy
    }
    return pieces_of(asked, group_of, study.settings.grid.tile_px, settings.export_px)


class _Fetch:
    """Everything that one export needs to be told of, on whichever path."""

    def __init__(
        self, context: Context, provider: "EarthEngineProvider", plans: "Sequence[TilePlan]"
    ) -> None:
        settings = context.study.settings.earthengine
        assert settings is not None
        self._context, self._provider, self._plans = context, provider, plans
        self._settings, self._grid = settings, context.region().geobox

    def on(self, path: ExportPath) -> "EarthEngineProvider":
        if path.path == "staged":
            return self._staged()
        if path.path == "bucket":
            return self._from_bucket()
        return self._from_drive()

    def _staged(self) -> "EarthEngineProvider":
        from export.covariates.staging.asset_folder import AssetFolder, staged_images

        assert self._settings.staging_folder is not None
        place = AssetFolder(self._settings.staging_folder, self._settings.workers)
        brought = self._brought(place, only_heavy=True)
        composite = self._provider.composite
        return self._provider.with_images(
            staged_images(self._grid, brought.exports, brought.failed, composite)
        )

    def _from_bucket(self) -> "EarthEngineProvider":
        from export.covariates.staging.bucket import Bucket, fetch
        from export.covariates.staging.files import FilePixels

        assert self._settings.bucket is not None
        place = Bucket(self._settings.bucket, self._settings.bucket_prefix)
        brought = self._brought(place)
        context, study = self._context, self._context.study
        files = fetch(
            place, brought.exports, study.fetched_folder, context.journal, context.progress,
            self._settings.workers,
        )  # fmt: skip
        return self._provider.with_files(FilePixels(self._grid, files, brought.failed))

    def _from_drive(self) -> "EarthEngineProvider":
        from export.covariates.staging.drive import DriveFiles
        from export.covariates.staging.files import FilePixels

        assert self._settings.drive_files is not None
        folder = self._context.study.input(self._settings.drive_files)
        place = DriveFiles(self._settings.drive_folder, folder)
        brought = self._brought(place)
        there = place.present(list(brought.exports.values()))
        files = place.files({p: e for p, e in brought.exports.items() if e.key in there})
        absent = {p: e for p, e in brought.exports.items() if e.key not in there}
        lacking: dict[Piece, Exception] = dict(brought.failed)
        lacking |= self._told_of_absent(place, absent, folder, bool(files))
        return self._provider.with_files(FilePixels(self._grid, files, lacking))

    def _told_of_absent(
        self,
        place: "DriveFiles",
        absent: "Mapping[Piece, Export]",
        files: Path,
        some_are_there: bool,
    ) -> "dict[Piece, Exception]":
        """Say which files the user has yet to bring; an error where none is there."""
        from gee.errors import AssetError

        if not absent:
            return {}
        names = {piece: place.lacking(export) for piece, export in absent.items()}
        listed = "\n".join(
            f"  {name}: {counted(self._waiting(piece), 'tile')}"
            for piece, each in names.items()
            for name in each
        )
        text = (
            f"what was exported to the folder '{self._settings.drive_folder}' of Drive is not all "
            f"in {files}. Download these files into it, and the same command goes on. Where Drive "
            "has them no more, name another earthengine.drive_folder, and they are exported anew. "
            f"So many tiles wait for each:\n{listed}"
        )
        if not some_are_there:
            raise AssetError(text)
        self._context.warn("export", text)
        return {
            piece: AwaitedFileError(f"waits for {', '.join(each)} in {files}")
            for piece, each in names.items()
        }

    def _waiting(self, piece: "Piece") -> int:
        """Return how many tiles need pixels of a piece."""
        from export.covariates.staging.pieces import overlap

        return sum(
            not plan.done
            and not set(piece.names).isdisjoint(plan.asked)
            and overlap(piece.window, plan.tile.window) is not None
            for plan in self._plans
        )

    def _brought(self, place: "Place", only_heavy: bool = False) -> "Brought":
        from export.covariates.staging.bringing import bring

        asked = [(plan.tile, plan.asked) for plan in self._plans]
        brought = bring(
            _pieces(self._context.study, self._provider, asked, only_heavy),
            [plan.tile for plan in self._plans],
            place,
            lambda piece: self._export(piece, place),
            self._context.journal,
            self._context.progress,
            lambda text: self._context.tell("export", text),
            self._settings.poll_s,
        )
        if brought.eecu_seconds:
            hours = brought.eecu_seconds / 3600
            self._context.tell("export", f"batch exports took {hours:.2f} EECU-hours")
        return brought

    def _export(self, piece: "Piece", place: "Place") -> "Export":
        """Return the export of a piece; its name holds the key of all that makes its pixels.

        That is more than the graph: of a folder's scenes also what they hold.
        """
        from gee.batch import Export
        from gee.pixels import request_grid
        from gee.stack import graph

        row, col, height, width = piece.window
        window = self._grid[row : row + height, col : col + width]
        image = self._provider.composite(piece.names, window)
        made_from = self._provider.made_from(piece.names)
        parts = [graph(image).decode(), piece.names, request_grid(window), made_from]
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        name = f"{piece.group}_r{row:05d}_c{col:05d}_{key[:_KEY_LENGTH]}"
        label = f"{piece.group}-r{row:05d}-c{col:05d}"
        return Export(label, image, piece.names, window, place.destination(name))
