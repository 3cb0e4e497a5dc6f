"""The field table: read as found, screened, integrated over depth, merged by pixel, grouped.

    table = read_field_table(path, settings, target)
    screened = screen(table, settings, target, located, region_text)

Between the two the caller puts each row on the map's grid. The names below are imported when
they are first used, so that reading the settings of a study stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from local_ml.sites.settings import SiteTableSettings

if TYPE_CHECKING:
    from local_ml.sites.columns import check_settings
    from local_ml.sites.coordinates import ElevationFinding, flag_elevation
    from local_ml.sites.groups import group_sites
    from local_ml.sites.reading import FieldTable, read_field_table
    from local_ml.sites.schema import read_screened
    from local_ml.sites.screening import ScreenedSites, screen

__all__ = [
    "ElevationFinding",
    "FieldTable",
    "ScreenedSites",
    "SiteTableSettings",
    "check_settings",
    "flag_elevation",
    "group_sites",
    "read_field_table",
    "read_screened",
    "screen",
]

_HOMES = {
    "ElevationFinding": "coordinates",
    "FieldTable": "reading",
    "ScreenedSites": "screening",
    "check_settings": "columns",
    "flag_elevation": "coordinates",
    "group_sites": "groups",
    "read_field_table": "reading",
    "read_screened": "schema",
    "screen": "screening",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'local_ml.sites' has no attribute '{name}'")
    return getattr(import_module(f"local_ml.sites.{_HOMES[name]}"), name)
