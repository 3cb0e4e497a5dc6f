"""What each covariate tile needs, before anything is read.

In: a stack of covariates, the region, its tiles, the journal. Out: for each tile which bands its
file holds already, and which are asked for. Each band says what it was made from, so that a
changed covariate is read anew and the others are taken over from the file that is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from export.covariates.provider import CovariateStack
from export.covariates.region import Region
from export.covariates.source import source_parts
from export.covariates.tiles import FORMAT_VERSION, MADE_FROM, REGION_BAND, STACK, tag
from export.errors import RasterError, StudyError
from export.fingerprints import fingerprint
from export.journal import Journal
from export.rasters.info import read_info
from gee.grid import Tile, grid_to_json

STEP = "covariate_tiles"
LAST_PLANNED = "covariate_stack"
"""Step of the journal: the stack that the last export was to make."""
CHECK = "covariate_check"
"""Step of the journal: the tiles held against the samples; what failed is what was said of them."""


@dataclass(frozen=True)
class TilePlan:
    """What one tile needs.

    Parameters
    ----------
    file : where it lies or will lie
    made_from : covariate → fingerprint of what its band is made from, in the order of the bands
    stack : fingerprint of the stack, the same for all tiles
    key : that of all that the tile is made from
    done : the file is there, made from all that
    kept : covariates whose bands a file of earlier settings holds already, unaltered
    """

    tile: Tile
    file: Path
    made_from: Mapping[str, str]
    stack: str
    key: str
    done: bool
    kept: tuple[str, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """Return the covariates to be read from their sources."""
        if self.done:
            return ()
        return tuple(name for name in self.made_from if name not in self.kept)


def stack_fingerprint(stack: CovariateStack, region: Region, journal: Journal) -> str:
    """Return the fingerprint of what the pixels of these covariates are made from.

    For rasters it holds their bytes and how they are read, neither where they lie nor their age;
    for Earth Engine the graph that it computes.
    """
    return fingerprint(
        covariates=list(stack.fingerprints().items()), region=region_fingerprint(region, journal)
    )


def region_fingerprint(region: Region, journal: Journal) -> str:
    """Return the fingerprint of the grid and of which of its pixels count."""
    return fingerprint(
        format=FORMAT_VERSION,
        grid=grid_to_json(region.geobox),
        mask=None if region.mask is None else source_parts(region.mask, journal.file_hash),
        mask_values=region.mask_values,
    )


def plan_tiles(
    stack: CovariateStack,
    region: Region,
    tiles: Sequence[Tile],
    folder: Path,
    journal: Journal,
) -> list[TilePlan]:
    """Say for each tile what is there and what must be read; nothing is read yet.

    Parameters
    ----------
    stack : the covariates kept, in the order of their bands
    tiles : those that touch the region (`region_tiles`)
    folder : where ``<tile.name>.tif`` go

    Raises
    ------
    StudyError
        where a covariate is called ``region``.
    """
    if REGION_BAND in stack.names:
        raise StudyError(f"a covariate may not be called '{REGION_BAND}': tiles have such a band")
    around = region_fingerprint(region, journal)
    of_covariate = stack.fingerprints()
    whole = stack_fingerprint(stack, region, journal)

    def plan(tile: Tile) -> TilePlan:
        file = folder / f"{tile.name}.tif"
        key = fingerprint(stack=whole, window=tile.window)
        made_from = {
            name: fingerprint(covariate=made, region=around, window=tile.window)
            for name, made in of_covariate.items()
        }
        done = journal.is_done(STEP, tile.name, key)
        held = {} if done or not journal.is_unaltered(STEP, tile.name) else tag(file, MADE_FROM)
        kept = tuple(name for name, made in made_from.items() if held.get(name) == made)
        return TilePlan(tile, file, made_from, whole, key, done, kept)

    return [plan(tile) for tile in tiles]


def remember_stack(plans: Sequence[TilePlan], journal: Journal) -> None:
    """Remember what an export is about to make, so that `outdated_tiles` tells what it is not."""
    for stack in {plan.stack for plan in plans}:
        journal.record(LAST_PLANNED, "", stack, [])


def last_planned(journal: Journal) -> str | None:
    """Return the fingerprint of the stack that the last export was to make; None before any."""
    return journal.made_from(LAST_PLANNED, "")


def outdated_tiles(files: Sequence[Path], wanted: str | None) -> list[Path]:
    """Return the tiles that are not what the last export was to make.

    They hold bands of earlier settings: the export failed for them, or did not come to them.

    Parameters
    ----------
    files : tiles of the study; one that cannot be read is not judged
    wanted : of `last_planned`; None: no tile is judged
    """
    if wanted is None:
        return []
    return [path for path in files if _stack_of(path) not in (wanted, None)]


def _stack_of(path: Path) -> str | None:
    """Return which stack a tile says that it holds; empty where it says none, None: unreadable."""
    try:
        return read_info(path).tags.get(STACK, "")
    except RasterError:
        return None
