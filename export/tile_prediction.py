"""The work on one tile, of plain values in and out, so that any thread or process can do it.

In: where a covariate tile lies, what it is made from, and where the tiles of the map go. Out: what
became of it: counts of its pixels, or the reason of its failure. Which tiles are to be made, and
what is remembered of them, is known to `export.predict` alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.covariates.tiles import REGION_BAND
from export.errors import ExportError, WriteError
from export.fingerprints import fingerprint
from export.map_tile import (
    FLAGGED_FROM,
    FORMAT_VERSION,
    PixelCounts,
    PixelPredictor,
    TileFolders,
    predict_tile,
    write_map_tile,
)
from export.rasters import Window, read_info
from export.tile_parts import TilePart, read_part
from local_ml.errors import LocalMLError


@dataclass(frozen=True)
class TileJob:
    """One tile that is to be predicted.

    Parameters
    ----------
    name : of the tile, and of the files made of it
    tile : the covariate tile
    tile_sha256 : of its bytes
    model : fingerprint of the model
    folders : where the files go
    band_names : names of the tile's bands, where the file has none
    window : the pixels of a large tile that are to be predicted; None: all
    """

    name: str
    tile: Path
    tile_sha256: str
    model: str
    folders: TileFolders
    band_names: tuple[str, ...] | None = None
    window: Window | None = None

    @property
    def made_from(self) -> str:
        """Fingerprint of all that decides the bytes of the tile's files."""
        return fingerprint(
            format=FORMAT_VERSION,
            model=self.model,
            tile=self.tile_sha256,
            window=self.window,
            band_names=None if self.band_names is None else list(self.band_names),
            files=len(self.folders.all),
        )


@dataclass(frozen=True)
class TileOutcome:
    """What became of one tile.

    Parameters
    ----------
    made_from : fingerprint of what its files are made from; empty where that was not known
    skipped : whether they were there already
    counts : of its pixels
    reason : why there is no file; None where there is
    """

    name: str
    made_from: str
    skipped: bool
    counts: PixelCounts
    reason: str | None = None


def predict_job(job: TileJob, predictor: PixelPredictor) -> TileOutcome:
    """Read, predict and write one tile; a tile that cannot be is told in the outcome.

    Raises
    ------
    WriteError
        where the disk takes no more.
    """
    part = TilePart(job.name, job.tile, job.window)
    try:
        found = read_part(part, bands_to_read(job.tile, predictor, job.band_names), job.band_names)
        tile = predict_tile(found.bands, found.inside, predictor)
        write_map_tile(job.folders, job.name, tile, found.geobox, predictor)
    except WriteError:
        raise
    except (ExportError, LocalMLError) as error:
        return TileOutcome(job.name, job.made_from, False, PixelCounts(), str(error))
    return TileOutcome(job.name, job.made_from, False, tile.counts)


def bands_to_read(
    tile: Path, predictor: PixelPredictor, band_names: Sequence[str] | None
) -> list[str]:
    """Return the names of the model's bands, and of those that flags need where there are any."""
    wanted = [feature.name for feature in predictor.features]
    present = band_names or read_info(tile).band_names
    beside = [name for name in (REGION_BAND, *FLAGGED_FROM) if name in present]
    return wanted + [name for name in beside if name not in wanted]
