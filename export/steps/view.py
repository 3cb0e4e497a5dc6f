"""`view`: the study on a map, at whatever step it is."""

from importlib.metadata import version
from pathlib import Path

from export.fingerprints import fingerprint
from export.steps.context import Context


def view_step(context: Context) -> None:
    """Write view.html, one file without any other, of what there is so far."""
    study = context.study
    parts = [
        *sorted(study.sites_folder.glob("*.csv")),
        *(path for path in sorted(study.model_folder.glob("*")) if path.is_file()),
        *sorted(study.map_folder.glob("*.tif")),
        *sorted((study.covariates_folder / "tiles").glob("*.tif")),
    ]
    if study.region_mask_file.exists():
        parts.append(study.region_mask_file)

    def work() -> tuple[list[Path], str]:
        from export.view import write_view

        view = write_view(study, study.view_file, context.progress, f"alm90 {version('alm90')}")
        absent = "; ".join(f"no {one.what.lower()} yet (`alm90 {one.step}`)" for one in view.absent)
        size_mb = study.view_file.stat().st_size / 1e6
        text = f"{study.view_file}, {size_mb:.1f} MB: open it in a browser"
        return [study.view_file], f"{text}; {absent}" if absent else text

    inputs = {
        "files": {
            path.relative_to(study.folder).as_posix(): context.journal.file_hash(path)
            for path in parts
        },
        "mask": context.hashes_of([_raster_mask(context)]),
        "settings": fingerprint(study=study.settings.decisive()),
        "report": study.report_file.exists(),
    }
    if not context.once("view", inputs, work):
        context.tell("view", f"{study.view_file}: open it in a browser")


def _raster_mask(context: Context) -> str | None:
    """Return the mask that the view reads where the user put it."""
    region = context.study.settings.region
    return None if region is None or region.mask_is_made else region.mask
