"""Whether the map of a study is that of the model and of the tiles that are there now.

In: the map's tags, and what the journal remembers of its tiles. Out: what differs, in words; what
neither knows is not judged.
"""

from pathlib import Path

from export.covariates.tile_plans import last_planned, outdated_tiles
from export.errors import RasterError
from export.fingerprints import fingerprint
from export.journal import Journal
from export.map.map_tile import TileFolders
from export.map.mosaic import STEP as MOSAIC
from export.map.predict import STEP as MAP_TILES
from export.map.tile_parts import TilePart, tile_parts
from export.map.tile_prediction import TileJob
from export.rasters.info import read_info
from export.steps.context import Context, counted
from export.study import Study

_JOINED = "joined_tiles"


def remember_joined(context: Context) -> None:
    """Remember which map tiles the map was just joined from."""
    tiles = _map_tiles(context.study, context.journal)
    if tiles is not None and context.journal.made_from(_JOINED, "") != tiles:
        context.journal.record(_JOINED, "", tiles, [])


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
    if journal.is_altered(MOSAIC, study.map_file.name):
        found.append("its file has been changed since it was written")
    joined = journal.made_from(_JOINED, "")
    if joined is not None and _map_tiles(study, journal) not in (None, joined):
        found.append("its tiles have changed since they were joined")
    return found + _tile_faults(study, journal, model)


def _map_tiles(study: Study, journal: Journal) -> str | None:
    """Return the fingerprint of the map's tiles, and of those beside them; None without any."""
    folders = TileFolders.of(study.map_folder, companion=True)
    if not any(folders.value.glob("*.tif")):
        return None
    files = [path for folder in folders.all for path in sorted(folder.glob("*.tif"))]
    hashes = {path.relative_to(study.folder).as_posix(): journal.file_hash(path) for path in files}
    return fingerprint(tiles=hashes)


def _tile_faults(study: Study, journal: Journal, model: str) -> list[str]:
    """Hold the covariate tiles that are there against those that the map's tiles were made from."""
    files = sorted((study.covariates_folder / "tiles").glob("*.tif"))
    made = {path.stem for path in (study.map_folder / "tiles").glob("*.tif")}
    outdated = outdated_tiles(files, last_planned(journal))
    parts = [part for path in files for part in _parts(path)]
    recorded = {part.name: journal.made_from(MAP_TILES, part.name) for part in parts}
    if not made or not any(recorded.values()):
        return []  # the tiles were removed, or the journal is a new one
    current = [part for part in parts if part.tile not in outdated]
    others = sum(
        recorded[part.name] is not None
        and recorded[part.name] not in _possible(part, study, journal, model)
        for part in current
    )
    failed = journal.failures(MAP_TILES)  # told by the step that met them
    absent = sum(part.name not in made and part.name not in failed for part in current)
    gone = len(made - recorded.keys())
    told = (
        (others, f"{others} of {len(made)} tiles were predicted from other covariate tiles than "
         "are there now, or by another version of alm90"),
        (len(outdated), f"{counted(len(outdated), 'covariate tile')} of earlier settings"),
        (absent, f"{counted(absent, 'covariate tile')} not in it"),
        (gone, f"{counted(gone, 'tile')} of which no covariate tile is left"),
    )  # fmt: skip
    return [text for count, text in told if count]


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
