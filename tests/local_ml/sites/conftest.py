"""Helpers of the field table's tests: write a table, put it on a grid, screen it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from local_ml.settings import TargetSettings
from local_ml.sites import FieldTable, ScreenedSites, SiteTableSettings, read_field_table, screen

WEST, SOUTH, EAST, NORTH = 90.0, 32.0, 95.0, 36.0


def locate_on_grid(table: FieldTable, pixel_deg: float = 0.001) -> pd.DataFrame:
    """Rows and columns on a grid whose origin is (90°E, 36°N), as the map's grid gives them."""

    def inside(longitude: pd.Series, latitude: pd.Series) -> pd.Series:
        return longitude.between(WEST, EAST) & latitude.between(SOUTH, NORTH)

    longitude, latitude = table.rows["longitude"], table.rows["latitude"]
    return pd.DataFrame(
        {
            "row": np.floor((NORTH - latitude.fillna(0)) / pixel_deg).astype(int),
            "col": np.floor((longitude.fillna(0) - WEST) / pixel_deg).astype(int),
            "in_region": inside(longitude, latitude),
            "in_region_swapped": inside(latitude, longitude),
        }
    )


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., FieldTable]:
    """read(text or bytes, target=..., **settings) -> FieldTable"""

    def _read(
        content: str | bytes, target: TargetSettings | None = None, **settings: Any
    ) -> FieldTable:
        path = tmp_path / "sites.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_field_table(path, SiteTableSettings(**settings), target or TargetSettings())

    return _read


@pytest.fixture
def screened(read: Callable[..., FieldTable]) -> Callable[..., ScreenedSites]:
    """screened(text, target=..., **settings) -> ScreenedSites; two sites suffice unless said so"""

    def _screened(
        content: str | bytes, target: TargetSettings | None = None, **settings: Any
    ) -> ScreenedSites:
        settings.setdefault("screening", {"minimum_sites": 2})
        table = read(content, target, **settings)
        typed = SiteTableSettings(**settings)
        return screen(
            table, typed, target or TargetSettings(), locate_on_grid(table), "the region 90–95°E"
        )

    return _screened
