"""The algorithms that the stand-in knows, by what they do; importing this declares them all."""

import importlib

MODULES = (
    "arithmetic",
    "arrays",
    "bands",
    "calendar",
    "collections",
    "composites",
    "constants",
    "dictionaries",
    "elements",
    "expressions",
    "features",
    "filters",
    "focal",
    "geometries",
    "joins",
    "kernels",
    "lists",
    "masks",
    "numbers",
    "projections",
    "rasterising",
    "reducers",
    "regions",
    "sampling",
    "strings",
    "table_reducers",
    "terrain",
    "values",
    "visualisation",
)

for _module in MODULES:
    importlib.import_module(f"{__name__}.{_module}")
