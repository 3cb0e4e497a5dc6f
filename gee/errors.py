"""One tree of errors for `gee`; the command line maps it to exit codes."""


class GeeError(Exception):
    """Something about the pixel grid or the covariates that Earth Engine gives is wrong."""


class GridError(GeeError):
    """A grid, a region or a tile that cannot be built or does not fit the study's grid."""
