"""The work on one tile, of plain values in and out, so that any thread or process can do it.

In: where a covariate tile lies, what it is made from, and where the tiles of the map go. Out: what
became of it: counts of its pixels, or the reason of its failure. Which tiles are to be made, and
what is remembered of them, is known to `export.map.predict` alone.
"""

from dataclasses import dataclass, field
from pathlib import Path

from export.errors import ExportError, WriteError
from export.fingerprints import fingerprint
from export.journal import file_sha256
from export.map.map_tile import (
    FLAGGED_FROM,
    FORMAT_VERSION,
    PixelCounts,
    PixelPredictor,
    TileFolders,
    predict_tile,
    write_map_tile,
)
from export.map.tile_parts import TilePart, read_part
from export.rasters.bands import Window
from export.rasters.remote import at_hand, gdal_name
from local_ml.errors import LocalMLError


@dataclass(frozen=True)
class TileJob:
    """One tile that is to be predicted.

    Parameters
    ----------
    name : of the tile, and of the files made of it
    tile : the covariate tile
    tile_sha256 : of its bytes; None where only who reads it can know that
    model : fingerprint of the model
    folders : where the files go
    band_names : names of the tile's bands, where the file has none
    window : the pixels of a large tile that are to be predicted; None: all
    made_already : what the files that are there were made from; None where there are none
    """

    name: str
    tile: Path
    tile_sha256: str | None
    model: str
    folders: TileFolders
    band_names: tuple[str, ...] | None = None
    window: Window | None = None
    made_already: str | None = None

    def made_from(self, tile_sha256: str) -> str:
        """Return the fingerprint of all that decides the bytes of the tile's files."""
        return fingerprint(
            format=FORMAT_VERSION,
            model=self.model,
            tile=tile_sha256,
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
    skipped : whether they were there already, made from the same
    counts : of the pixels of a tile made now
    reason : why there is no file; None where there is
    files_sha256 : of its files, in the order of `TileFolders.files`, where another machine told
        them as it wrote; None where the files are to be hashed here
    """

    name: str
    made_from: str
    skipped: bool = False
    counts: PixelCounts = field(default_factory=PixelCounts)
    reason: str | None = None
    files_sha256: tuple[str, ...] | None = None


def predict_job(job: TileJob, predictor: PixelPredictor) -> TileOutcome:
    """Read, predict and write one tile; a tile that cannot be is told in the outcome.

    Raises
    ------
    WriteError
        where the disk takes no more.
    """
    file, made_from = job.tile, ""
    try:
        with at_hand(job.tile) as file:
            made_from = job.made_from(job.tile_sha256 or file_sha256(file))
            if made_from == job.made_already:
                return TileOutcome(job.name, made_from, skipped=True)
            part = TilePart(job.name, file, job.window)
            wanted = [feature.name for feature in predictor.features]
            found = read_part(part, wanted, job.band_names, where_present=tuple(FLAGGED_FROM))
        tile = predict_tile(found.bands, found.inside, predictor)
        write_map_tile(job.folders, job.name, tile, found.geobox, predictor)
    except WriteError:
        raise
    except (ExportError, LocalMLError) as error:
        reason = str(error).replace(str(file), gdal_name(job.tile))  # not the copy, but its source
        return TileOutcome(job.name, made_from, reason=reason)
    return TileOutcome(job.name, made_from, counts=tile.counts)
