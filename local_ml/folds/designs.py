"""Which designs of outer folds can be drawn, and how many folds that makes.

In: settings, and the sample of the domain where there is one. Out: names of designs, a sentence on
those left out, and a count.
"""

from local_ml.domain import DomainSample
from local_ml.errors import TrainingError
from local_ml.names import nearest
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


def reported_designs(settings: LearningSettings, domain: DomainSample | None) -> tuple[str, ...]:
    """Return the names of all designs that a validation reports, borrowed ones too."""
    designs, _ = designs_of(settings, domain)
    weighted = ("random_weighted",) if "random" in designs and domain is not None else ()
    return designs + weighted


def require_design(setting: str, design: str, known: tuple[str, ...]) -> None:
    """Raise TrainingError where a setting names a design that is not among those validated."""
    if design not in known:
        raise TrainingError(
            f"{setting} is {design!r}, which is not validated{nearest(design, known)}; "
            f"choose among {', '.join(known)}, or add it to validation.designs"
        )


def count_folds(settings: LearningSettings, domain: DomainSample | None) -> int:
    """Return how many times validation fits the pipeline."""
    designs, _ = designs_of(settings, domain)
    rounds = [settings.validation.repeats if design == "random" else 1 for design in designs]
    return settings.validation.folds * sum(rounds)
