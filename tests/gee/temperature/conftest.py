"""Scenes of MODIS on a few pixels of its sinusoidal lattice, with what was put into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

Array = np.ndarray[Any, Any]

MODIS_PIXEL_M = 926.625433055
MODIS_CRS = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
WEST_PX, NORTH_PX = 9047, 4085
"""Whole pixels from the origin of the lattice to a place near 91 E, 34 N."""

DATASETS = {"terra": "MODIS/061/MOD11A1", "aqua": "MODIS/061/MYD11A1"}


def modis_lattice(rows: int, cols: int) -> GeoBox:
    """Return so many pixels of the lattice."""
    side = MODIS_PIXEL_M
    transform = Affine(side, 0, WEST_PX * side, 0, -side, NORTH_PX * side)
    return GeoBox((rows, cols), transform, MODIS_CRS)


@dataclass
class MadeDays:
    """Days as they were written.

    `time` (n,) years since 1970 of 365.25 days; `celsius` and `quality` (n, rows, cols) by
    overpass such as ("terra", "Day").
    """

    lattice: GeoBox
    time: dict[str, Array] = field(default_factory=dict)
    celsius: dict[tuple[str, str], Array] = field(default_factory=dict)
    quality: dict[tuple[str, str], Array] = field(default_factory=dict)


Curve = Callable[[tuple[str, str], Array], Array]
Quality = Callable[[tuple[str, str], int], Array]


@pytest.fixture(scope="session")
def write_days() -> Callable[..., MadeDays]:
    """`write_days(scenes, lattice, days, curve, quality, satellites, whole_numbers)`."""

    def write(
        scenes: Any,
        lattice: GeoBox,
        days: list[datetime],
        curve: Curve,
        quality: Quality,
        satellites: tuple[str, ...] = ("terra", "aqua"),
        whole_numbers: bool = True,
    ) -> MadeDays:
        made = MadeDays(lattice)
        for satellite in satellites:
            made.time[satellite] = np.array(
                [day.timestamp() / 86400 / 365.25 for day in days], float
            )
            stored: dict[tuple[str, str], Array] = {}
            for time in ("Day", "Night"):
                overpass = (satellite, time)
                kelvin = curve(overpass, made.time[satellite]) + 273.15
                number = kelvin / 0.02
                stored[overpass] = np.rint(number).astype(np.uint16) if whole_numbers else number
                made.celsius[overpass] = stored[overpass] * 0.02 - 273.15
                made.quality[overpass] = np.stack(
                    [quality(overpass, place) for place in range(len(days))]
                ).astype(np.uint8)
            for place, day in enumerate(days):
                bands = {}
                for time in ("Day", "Night"):
                    bands[f"LST_{time}_1km"] = stored[satellite, time][place]
                    bands[f"QC_{time}"] = made.quality[satellite, time][place]
                scenes.scene(
                    DATASETS[satellite],
                    day.strftime("%Y_%m_%d"),
                    bands,
                    lattice,
                    day.strftime("%Y-%m-%dT00:00:00"),
                )
        return made

    return write


@pytest.fixture(scope="session")
def some_days() -> Callable[[datetime, datetime, int], list[datetime]]:
    """`some_days(first, last, step)`: every step-th day from the first to the last."""

    def days(first: datetime, last: datetime, step: int) -> list[datetime]:
        count = (last - first).days // step + 1
        return [first.astimezone(UTC) + timedelta(days=step * place) for place in range(count)]

    return days


@pytest.fixture(scope="session")
def lattice_of() -> Callable[[int, int], GeoBox]:
    """`lattice_of(rows, cols)`: so many pixels of MODIS near 91 E, 34 N."""
    return modis_lattice
