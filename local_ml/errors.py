"""One tree of errors for `local_ml`; the command line maps all of it to exit code 3 (data)."""


class LocalMLError(Exception):
    """The sites, the samples or the model cannot be used as they are."""


class UnitError(LocalMLError):
    """A unit that is not known, or that measures something else than it should."""


class SiteTableError(LocalMLError):
    """The field table cannot be read or mapped to the schema."""


class SampleTableError(LocalMLError):
    """The table of sampled covariates does not keep its contract."""


class TrainingError(LocalMLError):
    """The samples do not suffice for what the settings ask."""


class BundleError(LocalMLError):
    """A saved model that is incomplete, altered, or of an unknown version."""


class PredictionError(LocalMLError):
    """What is to be predicted does not fit the model."""
