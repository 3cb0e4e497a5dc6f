"""`predict`: covariate tiles and a saved model → map tiles."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from export.advice import command, typed
from export.covariates.study_tiles import last_planned_of, refused_of
from export.covariates.tile_plans import last_planned, outdated_tiles
from export.covariates.tiles import tile_files
from export.errors import NoSkillError, StudyError, TileError
from export.journal import Journal, file_sha256
from export.map.map_tile import TileFolders
from export.map.mosaic import write_map
from export.map.predict import Machines, PredictReport, predict_tiles
from export.progress import Progress
from export.rasters.remote import gdal_name, is_remote, listed_tiles, remote_tiles
from export.steps import standing
from export.steps.context import Context, tile_holes
from export.study import STUDY_FILE
from local_ml.files import json_bytes, write_whole
from local_ml.names import counted
from local_ml.prediction.predictor import Predictor

_OWN_FOLDERS = ("sites", "model", "covariates", "map")
"""Folders in which a study keeps what its steps make."""
NO_SKILL_TAG = "no_skill"
"""Tag of a map that was made although its model showed no skill: what was said of it."""


def predict_step(context: Context, force: bool = False, scheduler: str | None = None) -> None:
    """Predict the map tiles of a study; each tile resumes by itself.

    Parameters
    ----------
    force : also where the model showed no skill
    scheduler : address of a cluster that does the work; None: this process

    Raises
    ------
    NoSkillError
        The model showed no skill, and `force` was not given.
    """
    study = context.study
    context.require(study.model_folder / "manifest.json", "train")
    predictor = Predictor.load(study.model_folder)
    require_skill(predictor.no_skill, force, command("predict", study.folder))
    folder = context.require(study.covariates_folder / "tiles", "export")
    standing.require_current(context, "predict", "train")
    standing.require_learned_covariates(context, [one.name for one in predictor.features])
    settings = study.settings.map
    folders = TileFolders.of(study.map_folder, settings.companion)
    tiles = _up_to_date(context, tile_files(folder))
    with _machines(
        scheduler, study.model_folder, predictor, folder, study.map_folder, context.say
    ) as machines:
        report = predict_tiles(
            tiles,
            predictor,
            folders,
            context.journal,
            context.progress,
            settings.workers,
            machines=machines,
        )
    current = {path for name in report.files for path in folders.files(name)}
    for subfolder in TileFolders.of(study.map_folder, companion=True).all:
        for path in subfolder.glob("*.tif"):
            if path not in current:
                path.unlink()
    counts = {"schema_version": 1, **asdict(report.counts)}
    write_whole(study.map_folder / "counts.json", json_bytes(counts))
    context.tile_holes("map", report.failed)
    if not report.files:
        raise TileError("no map tile could be made")
    context.tell("predict", _told(report))


def _up_to_date(context: Context, files: list[Path]) -> list[Path]:
    """Return the covariate tiles that are as the last export was to make them; tell the others."""
    current, outdated = _judged(files, last_planned(context.journal), context.study.folder)
    told = context.tiles_told_of  # an export of the same run has said why
    context.tile_holes("map", {name: why for name, why in outdated.items() if name not in told})
    return current


def _judged(
    files: list[Path], wanted: str | None, study: Path
) -> tuple[list[Path], dict[str, str]]:
    """Part the covariate tiles of a study into those of its last export and outdated ones.

    Returns
    -------
    files that are up to date; name of a tile that is not → why it is left out
    """
    outdated = set(outdated_tiles(files, wanted))
    remedy = f"{typed('export', study)} makes them anew"
    if len(outdated) == len(files):
        raise TileError(f"all covariate tiles hold covariates of earlier settings; {remedy}")
    why = "its covariate tile holds covariates of earlier settings; " + remedy.replace("them", "it")
    current = [path for path in files if path not in outdated]
    return current, {path.stem: why for path in files if path in outdated}


def require_skill(no_skill: str | None, force: bool, command: str) -> None:
    """Raise NoSkillError where a model showed no skill, and nobody wants its map all the same.

    Parameters
    ----------
    no_skill : what validation said; None where it showed skill
    command : that makes the map, without its option to do so all the same
    """
    if no_skill is None or force:
        return
    raise NoSkillError(
        f"{no_skill}. So no map is made of this model. What helps: more sites, sites spread as the "
        "region is, covariates that bear on the target. "
        f"`{command} --force` makes the map all the same, and the map then says so"
    )


def predict_folder(
    model: Path,
    covariates: Path,
    out: Path,
    progress: Progress,
    say: Callable[[str], None],
    force: bool = False,
    scheduler: str | None = None,
) -> list[str]:
    """Predict tiles that someone else exported, and join them; return what failed.

    Further parameters and errors as for `predict_step`. Where the tiles are those of a study,
    what it holds as outdated is left out and told, as `predict_step` does.

    Parameters
    ----------
    covariates : folder of the tiles, on a disk or where GDAL reads from elsewhere; or a text file
        (.txt) with the path of a tile a line
    out : folder for the map
    """
    if is_remote(out):
        raise StudyError(f"{gdal_name(out)}: a map is written to a folder, not to object storage")
    predictor = Predictor.load(model)
    tiles = gdal_name(covariates)
    again = command("predict", "--model", model, "--covariates", tiles, "--out", out)
    require_skill(predictor.no_skill, force, again)
    if (out / STUDY_FILE).exists() or (out / "tiles").resolve() == covariates.resolve():
        raise StudyError(
            f"{out} holds a study, or the tiles to be read; name another folder with --out"
        )
    _refuse_own_folder_of_a_study(out)
    out.mkdir(parents=True, exist_ok=True)
    journal = Journal(out / "journal.sqlite")
    try:
        files, outdated = _tiles_at(covariates), dict[str, str]()
        if (study := _study_of(covariates)) is not None:
            _refuse_unlearned(study, predictor)
            files, outdated = _judged(files, last_planned_of(study), study)
        folders = TileFolders.of(out, companion=True)
        _remove_map_tiles(folders, outdated)
        with _machines(scheduler, model, predictor, covariates, out, say) as machines:
            report = predict_tiles(files, predictor, folders, journal, progress, machines=machines)
        holes = tile_holes("map", outdated)
        holes += [f"map tile {name}: {why}" for name, why in report.failed.items()]
        say(_told(report))
        for hole in holes:
            say(hole)
        if report.files:
            file = out / f"{predictor.target_name}.tif"
            tags = {"model_fingerprint": predictor.fingerprint, **skill_tags(predictor)}
            made = write_map(file, folders, list(report.files), tags, journal, progress)
            say(f"map: {file}")
            for beside in made[1:]:
                say(f"     {beside.file}")
        return holes
    finally:
        journal.close()


def _refuse_unlearned(study: Path, predictor: Predictor) -> None:
    """Raise TileError where the study's own model would see what it never learned from."""
    refused, own = refused_of(study), study / "model" / "manifest.json"
    if refused is not None and own.exists() and file_sha256(own) == predictor.fingerprint:
        raise TileError(
            f"{study}: the last export was refused: {refused}. {typed('run', study)} samples and "
            "trains anew"
        )


def _refuse_own_folder_of_a_study(out: Path) -> None:
    """Raise StudyError where a study keeps its own map, model or tiles in a folder."""
    folder = out.resolve()
    for study in folder.parents:
        inside = folder.relative_to(study).parts[0]
        if inside in _OWN_FOLDERS and (study / STUDY_FILE).is_file():
            raise StudyError(
                f"{out} belongs to the study {study}, whose own files would be overwritten; name "
                f"another folder with --out, or {typed('predict', study)} for the study's own map"
            )


def _study_of(covariates: Path) -> Path | None:
    """Return the folder of the study whose own tiles these are; None where they are no study's."""
    if is_remote(covariates):
        return None
    folder = covariates.resolve()
    study = folder.parent.parent
    is_its = folder == study / "covariates" / "tiles" and (study / STUDY_FILE).is_file()
    return study if is_its else None


def _remove_map_tiles(folders: TileFolders, names: Iterable[str]) -> None:
    """Remove what an earlier run made of tiles, in parts where they were large."""
    for folder in folders.all:
        for name in names:
            for path in (folder / f"{name}.tif", *folder.glob(f"{name}_r*.tif")):
                path.unlink(missing_ok=True)


def _tiles_at(place: Path) -> list[Path]:
    if is_remote(place):
        return remote_tiles(place)
    return listed_tiles(place) if place.suffix == ".txt" else tile_files(place)


@contextmanager
def _machines(
    scheduler: str | None,
    model: Path,
    predictor: Predictor,
    covariates: Path,
    map_folder: Path,
    say: Callable[[str], None],
) -> Iterator[Machines | None]:
    """Give the machines of a cluster, where one is named."""
    if scheduler is None:
        yield None
        return
    from export.cluster.sending import cluster

    in_sight = covariates if covariates.is_dir() else None
    with cluster(scheduler, model, predictor.fingerprint, in_sight, map_folder, say) as machines:
        yield machines


def skill_tags(predictor: Predictor) -> dict[str, str]:
    """Return the tags of a map that was made although its model showed no skill, else none."""
    return {} if predictor.no_skill is None else {NO_SKILL_TAG: predictor.no_skill}


def _told(report: PredictReport) -> str:
    counts = report.counts
    share = counts.clipped / max(counts.predicted, 1)
    text = (
        f"{counted(len(report.files), 'tile')} ({len(report.written)} predicted, "
        f"{len(report.skipped)} kept): {counts.predicted:,} pixels; "
        f"{counts.missing:,} without data; {share:.2%} clipped"
    )
    outside = counts.outside_area / max(counts.predicted, 1)
    text += f"; {outside:.1%} outside the area of applicability"
    if counts.without_maximum:
        text += f"; {counts.without_maximum:,} without the covariate that bounds the target"
    if counts.unseen_levels:
        text += f"; {counts.unseen_levels:,} of a category that no site has"
    return text
