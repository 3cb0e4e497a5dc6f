"""One tree of errors for `export`, each with the exit code that the command line returns."""


class ExportError(Exception):
    """Something about the study, its rasters or its tiles is wrong."""

    exit_code = 3


class StudyError(ExportError):
    """A study that is missing, misspelt or contradicts itself."""

    exit_code = 2


class RasterError(ExportError):
    """A raster that cannot be read, placed on the grid or written."""


class WriteError(RasterError):
    """The disk does not take a file: full, or not ours to write; no later tile would go better."""


class TileError(ExportError):
    """A tile that is missing, stale, or of another grid than its neighbours."""


class AwaitedFileError(TileError):
    """A tile waits for a file of the service's that the user has yet to bring."""

    exit_code = 4


class NoSkillError(ExportError):
    """A model whose validation showed no skill; no map is made of it unless that is wanted."""


class MissingInputError(ExportError):
    """Files that the study names and that are not there."""


class MissingStepError(ExportError):
    """A step was asked for whose input no earlier step has made yet."""


class StaleStepError(ExportError):
    """A step was asked for whose input an earlier step would make otherwise now."""


class MissingPackageError(ExportError):
    """A command was asked for that needs a package which is not installed."""

    exit_code = 2


class ClusterError(ExportError):
    """The scheduler of a cluster cannot be reached or was lost, or no worker is there."""

    exit_code = 4


class ClusterSetupError(ClusterError):
    """The cluster was named wrongly, or its machines are not set up alike."""

    exit_code = 2
