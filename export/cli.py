"""`alm90`: a thin skin; the work is in `export.steps`.

Nothing heavy is imported before a command runs, so that `alm90 --help` answers at once.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from export.command import EXIT_HOLES, EXIT_INTERRUPTED, exit_codes, opened

app = typer.Typer(
    name="alm90",
    help="Maps the moisture of the permafrost's active layer from field sites and covariates.",
    epilog="Exit codes: 0 done; 2 usage or settings; 3 data; 4 Earth Engine or the cluster; "
    "5 finished with holes; 130 interrupted (the same command resumes).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

earthengine = typer.Typer(
    no_args_is_help=True, help="A local stand-in for Earth Engine (docs/local-earth-engine.md)."
)
app.add_typer(earthengine, name="earthengine")

StudyFolder = Annotated[
    Path, typer.Argument(metavar="STUDY", help="folder of the study", show_default=False)
]
OptionalStudyFolder = Annotated[
    Path | None, typer.Argument(metavar="[STUDY]", help="folder of the study", show_default=False)
]

Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="predict tiles on the workers of this dask scheduler, tcp://HOST:PORT "
        "(docs/cluster.md)",
        show_default=False,
    ),
]
SchedulerFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="the same, by the file that the scheduler wrote", show_default=False
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="make the map although the model shows no skill")
]


AllCandidates = Annotated[
    bool, typer.Option("--all", help="all candidates, not only what the model kept")
]


def main() -> None:
    """Run the command line."""
    try:
        app()
    except SystemExit as end:
        if end.code == EXIT_INTERRUPTED and _is_waited_for():
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(EXIT_INTERRUPTED)
        raise


def _is_waited_for() -> bool:
    """Say whether threads would hold the process: one may wait for minutes for a service."""
    main_thread = threading.main_thread()
    return any(thread is not main_thread and not thread.daemon for thread in threading.enumerate())


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("alm90"))
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="print the version and stop"
        ),
    ] = False,
) -> None:
    pass


def _scheduler(scheduler: str | None, scheduler_file: Path | None) -> str | None:
    """Return the address of the scheduler that does the work, None where none is named."""
    if scheduler is not None and scheduler_file is not None:
        raise typer.BadParameter("give either --scheduler or --scheduler-file")
    if scheduler is None and scheduler_file is None:
        return None
    with exit_codes():
        from export.cluster.connection import scheduler_address

        return scheduler_address(scheduler, scheduler_file)


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="folder to make", show_default=False)
    ],
    example: Annotated[
        str | None,
        typer.Option(
            help="fill it with an example: 'plateau', a synthetic region of known truth as "
            "satellites see it, or 'plateau-rasters', the same with covariates as files"
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="take region, period and licence from a dataset's metadata record"),
    ] = None,
    accept_swapped_bounds: Annotated[
        bool, typer.Option(help="exchange edges that the record has the wrong way round")
    ] = False,
    existing: Annotated[
        bool, typer.Option(help="do nothing, and succeed, where the study exists already")
    ] = False,
) -> None:
    """Make the folder of a new study, with a commented study.toml."""
    with exit_codes():
        from export.steps.init import init_study

        typer.echo(
            init_study(
                folder,
                example=example,
                record=record,
                accept_swapped_bounds=accept_swapped_bounds,
                existing=existing,
            )
        )


@app.command()
def run(
    folder: StudyFolder,
    force: Force = False,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
) -> None:
    """Do all steps, from the field table to the report; resumes, and redoes what changed."""
    address = _scheduler(scheduler, scheduler_file)
    with opened(folder) as context:
        from export.steps.run import run_all

        run_all(context, force, address)


@app.command()
def sites(folder: StudyFolder) -> None:
    """Read and screen the field table; every row left out gets its reason."""
    with opened(folder) as context:
        from export.steps.sites import sites_step

        sites_step(context)


@app.command()
def sample(folder: StudyFolder) -> None:
    """Sample the candidate covariates at the sites, and at random pixels of the region."""
    with opened(folder) as context:
        from export.steps.sample import sample_step

        sample_step(context)


@app.command()
def train(
    folder: OptionalStudyFolder = None,
    samples: Annotated[
        Path | None, typer.Option(help="a table sampled elsewhere, with its samples.json beside it")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="with --samples: folder for the model; ./model if not given")
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="with --samples: a study.toml to take settings from")
    ] = None,
) -> None:
    """Select features, fit and fuse the members, score all of it by nested validation."""
    if (folder is None) == (samples is None):
        raise typer.BadParameter("give either STUDY or --samples FILE")
    if folder is not None:
        if model is not None or settings is not None:
            raise typer.BadParameter("--model and --settings go with --samples")
        with opened(folder) as context:
            from export.steps.train import train_step

            train_step(context)
        return
    assert samples is not None
    with exit_codes():
        from export.progress import progress_for
        from export.steps.train import train_samples

        train_samples(
            samples, model or Path("model"), settings, progress_for(sys.stderr), typer.echo
        )


@app.command()
def plan(
    folder: StudyFolder,
    probe: Annotated[
        bool, typer.Option("--probe", help="measure a few requests on the service first")
    ] = False,
    everything: AllCandidates = False,
) -> None:
    """Say what an export would ask of Earth Engine and write, and what is there already."""
    with opened(folder, look=not probe) as context:
        from export.steps.plan import plan_step

        plan_step(context, probe, everything)


@app.command()
def export(folder: StudyFolder, everything: AllCandidates = False) -> None:
    """Write tiles of the covariates that the model kept."""
    with opened(folder) as context:
        from export.steps.tiles import tiles_step

        tiles_step(context, everything)


@app.command()
def predict(
    folder: OptionalStudyFolder = None,
    model: Annotated[
        Path | None, typer.Option(help="folder of a saved model", show_default=False)
    ] = None,
    covariates: Annotated[
        Path | None,
        typer.Option(
            help="folder of covariate tiles with named bands, also one of GDAL's virtual file "
            "systems such as /vsis3/BUCKET/FOLDER; or a .txt file with one path a line",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="with --model: folder for the map; ./map if not given", show_default=False
        ),
    ] = None,
    force: Force = False,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
) -> None:
    """Predict map tiles from covariate tiles: of a study, or of any folder with --model."""
    address = _scheduler(scheduler, scheduler_file)
    if (folder is None) == (model is None and covariates is None):
        raise typer.BadParameter("give either STUDY, or --model DIR and --covariates DIR")
    if folder is not None:
        if out is not None:
            raise typer.BadParameter("--out goes with --model and --covariates")
        with opened(folder) as context:
            from export.steps.predict import predict_step

            predict_step(context, force, address)
        return
    if model is None or covariates is None:
        raise typer.BadParameter("--model and --covariates go together")
    with exit_codes():
        from export.progress import progress_for
        from export.steps.predict import predict_folder

        holes = predict_folder(
            model,
            covariates,
            out or Path("map"),
            progress_for(sys.stderr),
            typer.echo,
            force,
            address,
        )
        if holes:
            raise typer.Exit(EXIT_HOLES)


@app.command()
def mosaic(folder: StudyFolder) -> None:
    """Join the map tiles into one Cloud-Optimized GeoTIFF."""
    with opened(folder) as context:
        from export.steps.mosaic import mosaic_step

        mosaic_step(context)


@app.command()
def compare(folder: StudyFolder) -> None:
    """Hold the map against a reference raster, where the study names one (map.reference)."""
    with opened(folder) as context:
        from export.steps.compare import compare_step

        compare_step(context)


@app.command()
def report(folder: StudyFolder) -> None:
    """Write report.html: the scores, what the model took from the covariates, the map."""
    with opened(folder) as context:
        from export.steps.report import report_step

        report_step(context)


@app.command()
def view(
    folder: StudyFolder,
    geemap: Annotated[
        bool,
        typer.Option(
            "--geemap", help="write view_geemap.html instead: Earth Engine's composites under it"
        ),
    ] = False,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="with --geemap and a study of url = 'local:FOLDER': answer the page's requests "
            "for composites until Ctrl-C",
        ),
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="of 127.0.0.1, for --serve; 8124 if not given",
            show_default=False,
        ),
    ] = None,
    basemap: Annotated[
        str | None,
        typer.Option(
            help="with --geemap: tiles beneath, such as OpenStreetMap", show_default=False
        ),
    ] = None,
) -> None:
    """Write view.html: map, sites and covariates to look at in a browser, without a network."""
    if not geemap and (serve or basemap is not None):
        raise typer.BadParameter("--serve and --basemap go with --geemap")
    if port is not None and not serve:
        raise typer.BadParameter("--port goes with --serve")
    if not geemap:
        with opened(folder, look=True) as context:
            from export.steps.view import view_step

            view_step(context)
        return
    with exit_codes():
        from export.steps.view import seen_by_browsers, serve_until_interrupted

        with seen_by_browsers(folder, (port or 8124) if serve else None) as answered:
            with opened(folder, look=True) as context:
                from export.steps.view import geemap_step

                geemap_step(context, answered, basemap)
            if serve:
                serve_until_interrupted(typer.echo)


@earthengine.command()
def serve(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="rasters with a catalogue; without it the algorithms alone are served",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="port on 127.0.0.1")] = 8123,
) -> None:
    """Serve a folder of rasters to the Earth Engine client, on this machine only."""
    with exit_codes():
        from export.steps.serve import serve_folder

        serve_folder(folder, port, typer.echo)


if __name__ == "__main__":
    main()
