"""`train`: samples → model/: the saved model, its nested score, the out-of-fold predictions."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from export.errors import StudyError
from export.fold_cache import FolderFoldCache
from export.progress import Progress
from export.steps.context import Context
from local_ml.settings import LearningSettings

if TYPE_CHECKING:
    from local_ml.train import TrainingResult


def train_step(context: Context) -> None:
    """Train and score the model of a study."""
    study, settings = context.study, context.study.settings
    samples = context.require(study.samples_file, "sample")
    learning = _learning_part(settings)

    def work() -> tuple[list[Path], str]:
        result = _train(samples, learning, study.model_folder, context.progress)
        return list(result.files), _summary(result)

    inputs = {
        "samples": context.journal.file_hash(samples),
        "description": context.journal.file_hash(samples.with_suffix(".json")),
        "settings": learning.decisive(),
    }
    context.once("train", inputs, work)


def train_samples(
    samples: Path,
    model: Path,
    settings_file: Path | None,
    progress: Progress,
    say: Callable[[str], None],
) -> None:
    """Train on a table that someone else sampled; the target is what its samples.json says."""
    learning = _learning(samples, settings_file)
    result = _train(samples, learning, model, progress)
    say(_summary(result))
    say(f"model: {model}")


def _learning(samples: Path, settings_file: Path | None) -> LearningSettings:
    from local_ml.samples import read_target

    if settings_file is None:
        return LearningSettings(target=read_target(samples))
    from export.study import parse_study

    try:
        text = settings_file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StudyError(f"{settings_file} cannot be read: {error.strerror}") from error
    settings = parse_study(text, str(settings_file))
    return _learning_part(settings)


def _learning_part(settings: LearningSettings) -> LearningSettings:
    """Return what training reads of a study's settings."""
    parts = {name: getattr(settings, name) for name in LearningSettings.model_fields}
    return LearningSettings(**parts)


def _train(
    samples: Path, learning: LearningSettings, model: Path, progress: Progress
) -> "TrainingResult":
    from local_ml.samples import read_samples
    from local_ml.train import train

    table = read_samples(samples, learning.target)
    cache = FolderFoldCache(model / "folds")
    folds = len(learning.validation.designs) * learning.validation.folds
    with progress.task("final model, then nested folds", folds) as task:
        result = train(table, learning, model, cache=cache, progress=lambda *_: task.advance())
    cache.forget_others()
    return result


def _summary(result: "TrainingResult") -> str:
    selection = result.fitted.selection
    scores = ", ".join(
        f"{design} R² {held_out['scores']['r2']:.2f} RMSE {held_out['scores']['rmse']:.3g}"
        for design, held_out in result.validation.to_json()["designs"].items()
    )
    text = (
        f"kept {len(selection.chosen)} of {len(selection.candidates)} covariates; nested: {scores}"
    )
    return f"{text}; {selection.note}" if selection.note else text
