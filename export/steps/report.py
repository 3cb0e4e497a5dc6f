"""`report`: all that was found, on one HTML page."""

from importlib.metadata import version
from pathlib import Path

from export.fingerprints import fingerprint
from export.steps.context import Context


def report_step(context: Context) -> None:
    """Write report.html."""
    study = context.study
    context.require(study.map_file, "mosaic")
    parts = [
        *sorted(study.sites_folder.glob("*")),
        *(path for path in sorted(study.model_folder.glob("*")) if path.is_file()),
        study.covariates_folder / "report.json",
        study.map_folder / "counts.json",
        study.map_folder / "comparison.json",
        *sorted(study.map_folder.glob("*.tif")),
    ]

    def work() -> tuple[list[Path], str]:
        from export.report import write_report

        provenance = {"software": f"alm90 {version('alm90')}"}
        files = write_report(study, study.report_file, provenance=provenance)
        return files, study.report_file.name

    inputs = {
        "files": {
            path.relative_to(study.folder).as_posix(): context.journal.file_hash(path)
            for path in parts
            if path.exists()
        },
        "settings": fingerprint(study=study.settings.decisive()),
    }
    context.once("report", inputs, work)
