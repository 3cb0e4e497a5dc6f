"""`report`: all that was found, on one HTML page."""

import json
from importlib.metadata import version
from pathlib import Path

from export.fingerprints import fingerprint
from export.steps import standing
from export.steps.context import Context
from export.steps.map_age import said_of_the_map
from export.study import Study


def report_step(context: Context) -> None:
    """Write report.html; without a map where the model showed no skill and none was made."""
    study = context.study
    context.require(study.model_folder / "manifest.json", "train")
    if no_skill(study) is None:
        context.require(study.map_file, "mosaic")
    parts = [
        *sorted(study.sites_folder.glob("*")),
        *(path for path in sorted(study.model_folder.glob("*")) if path.is_file()),
        study.covariates_folder / "report.json",
        study.map_folder / "counts.json",
        study.map_folder / "comparison.json",
        *sorted(study.map_folder.glob("*.tif")),
    ]

    said = standing.warn_of_stale(context, "report", "train")
    said += said_of_the_map(context, "report")
    # Of whatever run they were left by: they stay until the tile is made.
    holes = [
        f"{what} {name}: {why}"
        for step, what in (("covariate_tiles", "covariate tile"), ("map_tiles", "map tile"))
        for name, why in context.journal.failures(step).items()
    ]

    def work() -> tuple[list[Path], str]:
        from export.report import write_report

        provenance = {"software": f"alm90 {version('alm90')}"}
        files = write_report(
            study, study.report_file, provenance=provenance, holes=holes, warnings=said
        )
        return files, study.report_file.name

    inputs = {
        "files": {
            path.relative_to(study.folder).as_posix(): context.journal.file_hash(path)
            for path in parts
            if path.exists()
        },
        "settings": fingerprint(study=study.settings.decisive()),
        "holes": holes,
        "said": said,
    }
    context.once("report", inputs, work)


def no_skill(study: Study) -> str | None:
    """Return what the model of a study says of itself where it showed no skill."""
    manifest = json.loads((study.model_folder / "manifest.json").read_text(encoding="utf-8"))
    said: str | None = manifest["no_skill"]
    return said
