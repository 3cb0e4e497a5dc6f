"""Tiles predicted by other machines, through dask.distributed (the extra `cluster`)."""
