"""SoilGrids of the example plateau: seven properties at six depths, integers, 250 m.

Right in the main and wrong over a few kilometres, as the raster example's soil maps are; lakes
have no value. Divisors as in SoilGrids' own documentation.
"""

import numpy as np

from export.plateau.fields import random_field
from export.plateau.layers import SOIL_PIXEL_DEG
from export.plateau.scenes.files import SceneFolder
from export.plateau.scenes.lattices import GEOGRAPHIC, View, lattice_over
from export.plateau.world import Plateau
from local_ml.randomness import stream

ASSET = "projects/soilgrids-isric/{}_mean"
DEPTHS = ("0-5cm", "5-15cm", "15-30cm", "30-60cm", "60-100cm", "100-200cm")
MIDDLES_CM = np.array([2.5, 10.0, 22.5, 45.0, 80.0, 150.0])
MISSING = -32768
MINERAL_DENSITY_KG_DM3 = 2.65


def write_soilgrids(plateau: Plateau, folder: SceneFolder) -> None:
    """Write an image a property with a band a depth, such as ``clay_0-5cm_mean``."""
    surface, grid = plateau.surface, plateau.grid
    view = View(grid, lattice_over(grid, GEOGRAPHIC, SOIL_PIXEL_DEG, 3 * SOIL_PIXEL_DEG))
    lake = view.averaged(plateau.terrain.lake) > 0.5

    def mapped(name: str, values: np.ndarray, error: float) -> np.ndarray:
        wrong = random_field(stream(plateau.seed, "plateau", "soil map", name), grid, 3000.0)
        return view.averaged(values + error * wrong)

    clay = np.clip(mapped("clay", surface.clay_percent, 2.5), 1.0, 60.0)
    sand = np.clip(mapped("sand", surface.sand_percent, 5.0), 5.0, 97.0 - clay)
    carbon = np.exp(mapped("organic carbon", np.log(surface.organic_carbon_g_kg), 0.35))
    porosity = mapped("porosity", surface.porosity, 0.02)
    stones = np.clip(10.0 + 2.0 * mapped("stones", plateau.terrain.slope_deg, 2.0), 0.0, 80.0)
    acidity = 8.4 - 0.012 * np.minimum(carbon, 120.0)
    deeper = np.log(MIDDLES_CM / MIDDLES_CM.mean())
    # Change with the logarithm of depth, around a mean over the profile that is the world's.
    deeper -= np.average(deeper, weights=[5, 10, 15, 30, 40, 100])
    layers = {
        "clay": [10.0 * clay * (1.0 + 0.03 * d) for d in deeper],
        "sand": [10.0 * sand * (1.0 + 0.02 * d) for d in deeper],
        "silt": [
            10.0 * (100.0 - clay * (1.0 + 0.03 * d) - sand * (1.0 + 0.02 * d)) for d in deeper
        ],
        "soc": [10.0 * carbon * np.exp(-0.45 * d) for d in deeper],
        "bdod": [
            100.0 * MINERAL_DENSITY_KG_DM3 * (1.0 - porosity * (1.0 - 0.02 * d)) for d in deeper
        ],
        "cfvo": [10.0 * stones * (1.0 + 0.05 * d) for d in deeper],
        "phh2o": [10.0 * (acidity + 0.05 * d) for d in deeper],
    }
    for name, by_depth in layers.items():
        bands = {
            f"{name}_{depth}_mean": np.where(lake, MISSING, np.rint(values)).astype(np.int16)
            for depth, values in zip(DEPTHS, by_depth, strict=True)
        }
        files = [folder.raster(f"soilgrids/{name}.tif", bands, view.lattice, nodata=MISSING)]
        folder.image(ASSET.format(name), files)
