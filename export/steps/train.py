"""`train`: samples → model/: the saved model, its nested score, the out-of-fold predictions."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from export.errors import StudyError
from export.fold_cache import FolderFoldCache
from export.progress import Progress
from export.steps import standing
from export.steps.context import Context
from export.summary import shown
from local_ml.settings import LearningSettings
from local_ml.versions import library_versions

if TYPE_CHECKING:
    from local_ml.train import TrainingResult

logger = logging.getLogger(__name__)


def train_step(context: Context) -> None:
    """Train and score the model of a study."""
    study, settings = context.study, context.study.settings
    samples = context.require(study.samples_file, "sample")
    learning = _learning_part(settings)
    domain = study.domain_file if settings.domain.pixels else None
    if domain is not None:
        context.require(domain, "sample")
    standing.require_current(context, "train", "sample")

    def work() -> tuple[list[Path], str]:
        result = _train(samples, domain, learning, study.model_folder, context.progress)
        return list(result.files), _summary(result)

    inputs = {
        "samples": context.journal.file_hash(samples),
        "description": context.journal.file_hash(samples.with_suffix(".json")),
        "domain": None if domain is None else context.journal.file_hash(domain),
        "settings": learning.decisive(),
        "libraries": library_versions(),
    }
    context.once("train", inputs, work)
    standing.note(context, "train")
    for note in _warnings(study.model_folder):  # said on every run, as the model stays what it is
        context.warn("train", note)


def train_samples(
    samples: Path,
    model: Path,
    settings_file: Path | None,
    progress: Progress,
    say: Callable[[str], None],
) -> None:
    """Train on a table that someone else sampled; the target is what its samples.json says.

    A domain.csv that lies beside the table is taken for the sample of its region.
    """
    learning = _learning(samples, settings_file)
    beside = samples.with_name("domain.csv")
    domain = beside if beside.exists() else None
    if domain is not None:
        say(f"domain: {domain}")
    result = _train(samples, domain, learning, model, progress)
    for note in _warnings(model):
        logger.warning(note)
        say(f"warning: {note}")
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
    samples: Path,
    domain_file: Path | None,
    learning: LearningSettings,
    model: Path,
    progress: Progress,
) -> "TrainingResult":
    from local_ml.domain import read_domain
    from local_ml.folds.designs import count_folds
    from local_ml.learning.pipeline import FIT_PARTS
    from local_ml.samples import read_samples
    from local_ml.train import FINAL_MODEL, train
    from local_ml.validation.ablation import count_fits

    table = read_samples(samples, learning.target)
    domain = None if domain_file is None else read_domain(domain_file, table.features)
    cache = FolderFoldCache(model / "folds")
    folds = count_folds(learning, domain) + count_fits(table, learning)
    with (
        progress.task(FINAL_MODEL, len(FIT_PARTS)) as final,
        progress.task("nested folds", folds) as nested,
    ):

        def advance(what: str, _done: int, _total: int) -> None:
            (final if what == FINAL_MODEL else nested).advance()

        result = train(table, learning, model, domain, cache=cache, progress=advance)
    cache.forget_others()
    return result


def _warnings(model: Path) -> list[str]:
    """Return what a user of the model must know, from the file of its scores."""
    validation = json.loads((model / "validation.json").read_text(encoding="utf-8"))
    no_skill = validation["no_skill"]
    return [*validation["notes"], *([no_skill] if no_skill else [])]


def _summary(result: "TrainingResult") -> str:
    selection = result.fitted.selection
    scores = ", ".join(
        f"{design} R² {shown(held_out['scores'], 'r2', '.2f')} "
        f"RMSE {shown(held_out['scores'], 'rmse', '.3g')}"
        for design, held_out in result.validation.to_json()["designs"].items()
    )
    text = (
        f"kept {len(selection.chosen)} of {len(selection.candidates)} covariates; nested: {scores}"
    )
    return f"{text}; {selection.note}" if selection.note else text
