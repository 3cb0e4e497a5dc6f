"""One tree of errors for `gee`; the command line maps it to exit codes."""


class GeeError(Exception):
    """Something about the pixel grid or the covariates that Earth Engine gives is wrong."""


class GridError(GeeError):
    """A grid, a region or a tile that cannot be built or does not fit the study's grid."""


class CatalogueError(GeeError):
    """A covariate that is not in the catalogue, or not for this use."""


class ServiceError(GeeError):
    """Earth Engine did not give what was asked for; the kinds below say what to do about it."""


class CredentialsError(ServiceError):
    """No credentials, expired ones, or ones that the project does not accept."""


class AssetError(ServiceError):
    """An asset or a band that is missing, or has another shape than expected."""


class TooLargeError(ServiceError):
    """The request is too large or too heavy: the same in parts may pass."""


class QuotaError(ServiceError):
    """A quota of the project is used up; nothing passes before its next day or month begins."""


class BusyError(ServiceError):
    """Quota, overload or network: the same request may pass later."""


class RefusedError(ServiceError):
    """Any other answer that would be the same next time."""
