"""The scenes of the example plateau on disk, and what the study says of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from export.plateau.scenes.elevation import write_elevation
from export.plateau.scenes.era5_land import write_hourly, write_monthly
from export.plateau.scenes.files import SceneFolder
from export.plateau.scenes.landsat import write_landsat
from export.plateau.scenes.modis import write_snow, write_temperature
from export.plateau.scenes.sentinel1 import write_sentinel1
from export.plateau.scenes.soilgrids import write_soilgrids
from export.plateau.scenes.water_and_ice import write_glacier, write_water
from export.plateau.sensing import backscatter
from export.plateau.world import Plateau

SCENES_FOLDER = "earthengine"


def write_scenes(plateau: Plateau, folder: Path) -> None:
    """Write every asset into `folder`, with the catalogue that the local Earth Engine reads.

    Each sensor draws from streams of its own name, so that the bytes don't depend on the order in
    which two threads come to them.
    """
    scenes = SceneFolder(folder)
    passes = backscatter(
        plateau.seed, plateau.grid, plateau.terrain, plateau.surface, plateau.moisture.explained
    )
    tasks: list[Callable[[], None]] = [lambda: write_sentinel1(plateau, passes, scenes)]
    tasks += [
        lambda write=write: write(plateau, scenes)  # type: ignore[misc]
        for write in (
            write_landsat,
            write_elevation,
            write_water,
            write_temperature,
            write_snow,
            write_soilgrids,
            write_hourly,
            write_monthly,
            write_glacier,
        )
    ]
    with ThreadPoolExecutor(max_workers=2) as threads:
        for done in [threads.submit(task) for task in tasks]:
            done.result()
    scenes.finish()


def scene_settings() -> dict[str, Any]:
    """Return the `[earthengine]` section that fits the scenes."""
    return {
        "url": f"local:{SCENES_FOLDER}",
        "preset": "published",
        # The stand-in computes in this process: more requests at once than cores gain nothing.
        "workers": 2,
        "sentinel1": {
            # Scenes have pixels of 90 m: a finer lattice would only cost time.
            "scale_m": 90.0,
            # Four orbits see the region under 30 to 46 degrees: without it their edges show.
            "normalisation": "linear",
            "change_detection": {"minimum_scenes": 3},
        },
        "optical": {"scale_m": 90.0},
        # Looks of every sixteenth day, over three years.
        "temperature": {"minimum_days": 20},
    }
