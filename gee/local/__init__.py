"""A local stand-in for Earth Engine, behind the unmodified `earthengine-api` client.

In: a folder of rasters with a catalogue. Out: the answers that the client asks for, in process or
over loopback. Imports nothing of the product around it; see README.md beside this file.
"""

from gee.local.errors import CatalogueError, LocalServiceError, PortError
from gee.local.faults import Fault
from gee.local.graph import algorithms_in
from gee.local.registry import implemented
from gee.local.request_log import RequestRecord
from gee.local.service import LocalEarthEngine

__all__ = [
    "CatalogueError",
    "Fault",
    "LocalEarthEngine",
    "LocalServiceError",
    "PortError",
    "RequestRecord",
    "algorithms_in",
    "implemented",
]
