"""Whether the map of a study is that of the model and of the tiles that are there now.

In: the map's tags, and what the journal remembers of its tiles. Out: what differs, in words; what
neither knows is not judged.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from odc.geo.geobox import GeoBox

from export.advice import typed
from export.covariates.source import coinciding_origin
from export.covariates.tile_plans import last_planned, outdated_tiles
from export.errors import RasterError, TileError
from export.fingerprints import fingerprint
from export.journal import Journal
from export.map.map_tile import TileFolders
from export.map.mosaic import STEP as MOSAIC
from export.map.predict import STEP as MAP_TILES
from export.map.tile_parts import TilePart, tile_parts
from export.map.tile_prediction import TileJob
from export.parallel import in_order
from export.rasters.info import read_info
from export.steps.context import Context
from export.study import Study
from export.study.grid import study_geobox
from local_ml.names import counted

_JOINED = "joined_tiles"


def remember_joined(context: Context) -> None:
    """Remember which map tiles the map was just joined from."""
    tiles = _map_tiles(context.study, context.journal)
    if tiles is not None and context.journal.made_from(_JOINED, "") != tiles:
        context.journal.record(_JOINED, "", tiles, [])


def said_of_the_map(context: Context, step: str) -> list[str]:
    """Return, as a sentence for a page, why the map is not that of what is there; warn of it.

    Parameters
    ----------
    step : that asks
    """
    faults = "; ".join(map_faults(context))
    if not faults:
        return []
    study = context.study
    manifest = json.loads((study.model_folder / "manifest.json").read_text(encoding="utf-8"))
    force = ("--force",) if manifest.get("no_skill") else ()
    remedy = f"{typed('run', study.folder, *force)} makes it anew"
    context.warn(step, f"the map is out of date: {faults}; {remedy}")
    return [f"The map is out of date: {faults}. {typed('run', *force)} makes it anew."]


def map_faults(context: Context) -> list[str]:
    """Say why the map is not made from the current model and tiles; nothing where it is."""
    study, journal = context.study, context.journal
    manifest = study.model_folder / "manifest.json"
    if not study.map_file.exists() or not manifest.exists():
        return []
    model = journal.file_hash(manifest)
    if read_info(study.map_file).tags.get("model_fingerprint", model) != model:
        return ["it was made by an earlier model, and so is not shown"]
    found = []
    if not _lies_on(read_info(study.map_file).geobox, study_geobox(study)):
        found.append("it lies on the grid of earlier settings")
    if journal.is_altered(MOSAIC, study.map_file.name):
        found.append("its file has been changed since it was written")
    joined = journal.made_from(_JOINED, "")
    if joined is not None and _map_tiles(study, journal) not in (None, joined):
        found.append("its tiles have changed since they were joined")
    return found + stale_tiles(study, journal, model).told()


def _lies_on(shown: GeoBox, now: GeoBox) -> bool:
    return shown.shape == now.shape and coinciding_origin(shown, now) == (0, 0)


def _map_tiles(study: Study, journal: Journal) -> str | None:
    """Return the fingerprint of the map's tiles, and of those beside them; None without any."""
    folders = TileFolders.of(study.map_folder, companion=True)
    if not any(folders.value.glob("*.tif")):
        return None
    files = [path for folder in folders.all for path in sorted(folder.glob("*.tif"))]
    hashes = {path.relative_to(study.folder).as_posix(): journal.file_hash(path) for path in files}
    return fingerprint(tiles=hashes)


@dataclass(frozen=True)
class StaleTiles:
    """How far the map's tiles are not those of the covariate tiles that are there now.

    Parameters
    ----------
    made : how many map tiles there are
    others : names of those predicted from other covariate tiles, by another model or version
    gone : names of those of which no covariate tile is left
    lingering : names of those whose covariate tiles are of earlier settings
    outdated : how many covariate tiles are of earlier settings, with or without a map tile
    absent : how many covariate tiles, or parts of large ones, have no map tile yet
    """

    made: int = 0
    others: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    lingering: tuple[str, ...] = ()
    outdated: int = 0
    absent: int = 0

    def told(self) -> list[str]:
        """Return what differs, in words."""
        told = (
            (len(self.others), f"{len(self.others)} of {self.made} tiles were predicted from other "
             "covariate tiles than are there now, or by another version of alm90"),
            (self.outdated, f"{counted(self.outdated, 'covariate tile')} of earlier settings"),
            (self.absent, f"{counted(self.absent, 'covariate tile')} not in it"),
            (len(self.gone), f"{counted(len(self.gone), 'tile')} of which no covariate tile is "
             "left"),
        )  # fmt: skip
        return [text for count, text in told if count]


def stale_tiles(study: Study, journal: Journal, model: str) -> StaleTiles:
    """Hold the covariate tiles that are there against those that the map's tiles were made from.

    Where the covariate tiles were removed, or the journal is a new one, nothing is known.

    Parameters
    ----------
    model : fingerprint of the model
    """
    files = sorted((study.covariates_folder / "tiles").glob("*.tif"))
    made = {path.stem for path in (study.map_folder / "tiles").glob("*.tif")}
    parts = [part for found in in_order(_parts, files) for part in found]
    recorded = {part.name: journal.made_from(MAP_TILES, part.name) for part in parts}
    if not made or not any(recorded.values()):
        return StaleTiles()
    outdated = set(outdated_tiles(files, last_planned(journal)))
    current = [part for part in parts if part.tile not in outdated]
    failed = journal.failures(MAP_TILES)  # told by the step that met them
    return StaleTiles(
        made=len(made),
        others=tuple(
            part.name
            for part in current
            if recorded[part.name] is not None
            and recorded[part.name] not in _possible(part, study, journal, model)
        ),
        gone=tuple(sorted(made - recorded.keys())),
        lingering=tuple(part.name for part in parts if part.tile in outdated and part.name in made),
        outdated=len(outdated),
        absent=sum(part.name not in made and part.name not in failed for part in current),
    )


def require_fresh_tiles(context: Context, model: str) -> None:
    """Raise TileError where the map's tiles are not those of the covariate tiles that are there.

    Tiles that are still to be made are holes of the map, and no fault.

    Parameters
    ----------
    model : fingerprint of the model
    """
    study = context.study
    stale = stale_tiles(study, context.journal, model)
    faults = StaleTiles(stale.made, stale.others, stale.gone).told()
    if stale.lingering:
        count = counted(len(stale.lingering), "tile")
        faults.append(f"{count} of covariate tiles of earlier settings")
    if faults:
        first = (*stale.others, *stale.gone, *stale.lingering)[0]
        raise TileError(
            f"{study.map_folder / 'tiles'}: {'; '.join(faults)} (first: {first}); "
            f"{typed('predict', study.folder)} first"
        )


def _parts(path: Path) -> list[TilePart]:
    try:
        return tile_parts(path)
    except RasterError:
        return []


def _possible(part: TilePart, study: Study, journal: Journal, model: str) -> set[str]:
    """Return what a map tile is made from now, with files beside it or without."""
    sha256 = journal.file_hash(part.tile)
    return {
        TileJob(
            part.name, part.tile, sha256, model,
            TileFolders.of(study.map_folder, companion), None, part.window,
        ).made_from(sha256)
        for companion in (True, False)
    }  # fmt: skip
