"""`view`: the study on a map, at whatever step it is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from export.advice import typed
from export.covariates.tile_plans import STEP as TILES
from export.fingerprints import fingerprint
from export.steps import standing
from export.steps.context import Context
from export.steps.map_age import said_of_the_map
from export.study import Study


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
    left_out, said = _untrusted(context)

    def work() -> tuple[list[Path], str]:
        from export.view import write_view

        view = write_view(
            study, study.view_file, context.progress, f"alm90 {version('alm90')}", left_out, said
        )
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
        "left_out": sorted(left_out),
        "said": said,
    }
    if not context.once("view", inputs, work):
        context.tell("view", f"{study.view_file}: open it in a browser")


def _untrusted(context: Context) -> tuple[set[str], list[str]]:
    """Say what of the study is not to be trusted, and warn of it.

    Returns
    -------
    left_out : names of covariate tiles that are not as they were written, or lie on the grid of
        earlier settings
    said : what is out of date, as sentences for a page
    """
    from export.view.layers import tiles_off_grid, told_off_grid

    files = sorted((context.study.covariates_folder / "tiles").glob("*.tif"))
    elsewhere = tiles_off_grid(context.study)
    if elsewhere:
        context.warn("view", told_off_grid(elsewhere, context.study.folder))
    altered = [path.stem for path in files if context.journal.is_altered(TILES, path.stem)]
    if altered:
        context.warn(
            "view",
            f"covariate tiles altered since they were written, and so left out: "
            f"{', '.join(altered)}; {typed('export', context.study.folder)} makes them anew",
        )
    said = [*standing.warn_of_stale(context, "view", "train"), *said_of_the_map(context, "view")]
    if elsewhere:
        said.append(f"{told_off_grid(elsewhere)}.")
    return {*altered, *elsewhere}, said


def _raster_mask(context: Context) -> str | None:
    """Return the mask that the view reads where the user put it."""
    region = context.study.settings.region
    return None if region is None or region.mask_is_made else region.mask


def geemap_step(context: Context, answered: Study | None, basemap: str | None) -> None:
    """Write view_geemap.html: each time anew, for the service keeps its tiles for hours only.

    Parameters
    ----------
    answered : the study as browsers are answered for it; None where it is as it stands
    """
    from export.view.composites import computes_in_process
    from export.view.notebook import study_map, write_page

    study = context.study
    settings = study.settings.earthengine
    if settings is None:
        context.tell("view", "study.toml has no [earthengine]: the page is without composites")
    elif answered is None and computes_in_process(settings):
        context.warn(
            "view",
            "composites are left out, since they are computed in this process alone; "
            f"{typed('view', study.folder, '--geemap', '--serve')} answers the browser, too",
        )
    left_out, said = _untrusted(context)
    made = study_map(answered or study, context.progress, basemap, left_out, said)
    write_page(made, study.geemap_file)
    context.tell("view", f"{study.geemap_file}: open it in a browser that has a network")


@contextmanager
def seen_by_browsers(folder: Path, port: int | None) -> Iterator[Study | None]:
    """Give the study with a service of its own that answers browsers; None without a port."""
    if port is None:
        yield None
        return
    from export.view.composites import answering_browsers

    with answering_browsers(Study.load(folder), port) as answered:
        yield answered


def serve_until_interrupted(say: Callable[[str], None]) -> None:
    """Wait for Ctrl-C, which ends the command well."""
    say("answering the page's requests; stop with Ctrl-C")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        say("stopped")
