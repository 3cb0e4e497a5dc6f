"""`predict`: covariate tiles and a saved model → map tiles."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from export.covariates.tiles import tile_files
from export.journal import Journal
from export.mosaic import write_mosaic
from export.predict import PredictReport, predict_tiles
from export.progress import Progress
from export.steps.context import Context
from local_ml.files import json_bytes, write_whole
from local_ml.predictor import Predictor


def predict_step(context: Context) -> None:
    """Predict the map tiles of a study; each tile resumes by itself."""
    study = context.study
    context.require(study.model_folder / "manifest.json", "train")
    folder = context.require(study.covariates_folder / "tiles", "export")
    predictor = Predictor.load(study.model_folder)
    out = study.map_folder / "tiles"
    report = predict_tiles(
        tile_files(folder),
        predictor,
        out,
        context.journal,
        context.progress,
        study.settings.map.workers,
    )
    for path in out.glob("*.tif"):
        if path.stem not in report.files:
            path.unlink()
    counts = {"schema_version": 1, **asdict(report.counts)}
    write_whole(study.map_folder / "counts.json", json_bytes(counts))
    context.holes.extend(f"map tile {name}: {why}" for name, why in report.failed.items())
    context.tell("predict", _told(report))


def predict_folder(
    model: Path, covariates: Path, out: Path, progress: Progress, say: Callable[[str], None]
) -> list[str]:
    """Predict tiles that someone else exported, and join them; return what failed."""
    predictor = Predictor.load(model)
    out.mkdir(parents=True, exist_ok=True)
    journal = Journal(out / "journal.sqlite")
    try:
        files = tile_files(covariates)
        report = predict_tiles(files, predictor, out / "tiles", journal, progress)
        holes = [f"map tile {name}: {why}" for name, why in report.failed.items()]
        say(_told(report))
        for hole in holes:
            say(hole)
        if report.files:
            file = out / f"{predictor.target_name}.tif"
            tags = {"model_fingerprint": predictor.fingerprint}
            write_mosaic(report.files, file, tags, journal, progress)
            say(f"map: {file}")
        return holes
    finally:
        journal.close()


def _told(report: PredictReport) -> str:
    counts = report.counts
    share = counts.clipped / max(counts.predicted, 1)
    text = (
        f"{len(report.files)} tiles ({len(report.written)} predicted, {len(report.skipped)} kept): "
        f"{counts.predicted:,} pixels; {counts.missing:,} without data; {share:.2%} clipped"
    )
    if counts.unseen_levels:
        text += f"; {counts.unseen_levels:,} of a category that no site has"
    return text
