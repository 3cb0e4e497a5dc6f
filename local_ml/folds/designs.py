"""Which designs of outer folds can be drawn, and how many folds that makes.

In: settings, and the sample of the domain where there is one. Out: names of designs, a sentence on
those left out, and a count.
"""

from local_ml.domain import DomainSample
from local_ml.errors import TrainingError
from local_ml.settings import LearningSettings


def designs_of(
    settings: LearningSettings, domain: DomainSample | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the designs whose folds can be drawn, and a sentence on those that cannot.

    Raises
    ------
    TrainingError
        Without a domain no design is left.
    """
    designs: tuple[str, ...] = settings.validation.designs
    if domain is not None:
        return designs, ()
    left = tuple(design for design in designs if design != "knndm")
    without = [design for design in ("knndm",) if design in designs]
    without += ["random_weighted"] if "random" in designs else []
    if not without:
        return left, ()
    note = (
        f"no score under {' and '.join(without)}: without points of the domain (domain.csv; "
        "domain.pixels above 0) nobody can tell how far the map lies from the sites"
    )
    if not left:
        raise TrainingError(f"{note}; name another design in validation.designs")
    return left, (note,)


def count_folds(settings: LearningSettings, domain: DomainSample | None) -> int:
    """Return how many times validation fits the pipeline."""
    designs, _ = designs_of(settings, domain)
    rounds = [settings.validation.repeats if design == "random" else 1 for design in designs]
    return settings.validation.folds * sum(rounds)
