"""Words for messages: what was probably meant where a name leads nowhere, and how many of what.

In: a name and those that there are, or a number and a noun. Out: a part of a sentence. Standard
library alone.
"""

import difflib
from collections.abc import Iterable

ALIKE = 0.4
"""Share of two names that must agree (`difflib.SequenceMatcher.ratio`)."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return " (the nearest is '…')", or "" where nothing in `names` resembles `name`.

    Capital and small letters count alike.
    """
    by_folded = {known.casefold(): known for known in names}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=ALIKE)
    return f" (the nearest is '{by_folded[found[0]]}')" if found else ""


def counted(number: int, noun: str) -> str:
    """Return '1 tile', '4 tiles'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
