"""How many covariates the outer folds kept, and which of those delivered none of them did.

In: documents of `ReportData`. Out: one sentence, or two.
"""

from collections.abc import Mapping
from statistics import median

from export.report import words
from export.report.documents import Design, Selection
from export.report.text import count, fixed

_NAMED = 6


def kept_by_folds(
    selection: Selection, designs: Mapping[str, Design], deciding: str | None
) -> str | None:
    """Say how far the sets of the folds differ from the one delivered; None where it is not known.

    Parameters
    ----------
    deciding : the design whose folds are counted
    """
    delivered = len(selection.chosen)
    sentences = []
    sizes = [len(names) for names in designs[deciding].selected] if deciding else []
    if deciding and sizes:
        low, high, middle = min(sizes), max(sizes), median(sizes)
        text = f"The {words.design_phrase(deciding)} kept "
        text += f"{low}" if low == high else f"{low} to {high} (median {middle:g})"
        sentences.append(
            f"{text} of {count(len(selection.candidates), 'candidate')} each, the delivered model "
            f"{delivered}: the scores are those of the folds\u2019 models, not of this one."
        )
    of = selection.frequency.values()
    if selection.frequency:
        never = [name for name in selection.chosen if not any(part.get(name) for part in of)]
        if never:
            named = ", ".join(never[:_NAMED])
            more = f" and {len(never) - _NAMED} more" if len(never) > _NAMED else ""
            sentences.append(
                f"{fixed(len(never), 0)} of the {fixed(delivered, 0)} delivered "
                f"{'was' if len(never) == 1 else 'were'} kept by no fold at all ({named}{more}): "
                "other sites would hardly have chosen them."
            )
    return " ".join(sentences) or None
