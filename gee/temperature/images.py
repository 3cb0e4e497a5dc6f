"""Temperature: from daily scenes to one image a covariate.

Everything is computed on the lattice of MODIS and then interpolated onto the grid.
"""

from collections.abc import Callable, Collection

import ee

from gee.scope import Scope
from gee.temperature import degree_days
from gee.temperature.harmonics import MEAN, amplitude, averaged_over, fitted
from gee.temperature.overpasses import good_days, lattice, overpasses
from gee.temperature.settings import TemperatureSettings
from gee.ways import interpolated_to_the_edge


def images(
    names: Collection[str], scope: Scope, settings: TemperatureSettings
) -> dict[str, ee.Image]:
    """Return one single-band image a name, in the catalogue's unit, on its way to the grid."""
    fits = {
        overpass: fitted(good_days(overpass, scope, settings), scope.years, settings)
        for overpass in overpasses(settings)
    }
    curve = averaged_over(list(fits.values()), settings)
    by_day, by_night = (
        averaged_over([fit for overpass, fit in fits.items() if overpass.time == time], settings)
        for time in ("Day", "Night")
    )
    recipes: dict[str, Callable[[], ee.Image]] = {
        "lst_mean": lambda: curve.select([MEAN]),
        "lst_amplitude": lambda: amplitude(curve),
        "thawing_degree_days": lambda: degree_days.thawing(curve, settings),
        "freezing_degree_days": lambda: degree_days.freezing(curve, settings),
        "lst_diurnal_range": lambda: by_day.select([MEAN]).subtract(by_night.select([MEAN])),
    }
    projection = lattice(settings)
    return {
        name: interpolated_to_the_edge(recipes[name]().rename(name), projection) for name in names
    }
