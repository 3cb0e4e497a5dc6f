"""What was probably meant where a name leads nowhere; standard library alone.

In: a name and those that there are. Out: the end of a sentence.
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
