"""How rows are divided into folds.

In: a design's name, the group of each row, the number of folds, a seed. Out: positions of the
training and the held-out rows. Positions count within the rows given, so that inner folds, made
from the outer training rows, cannot name any other row.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from local_ml.errors import TrainingError
from local_ml.randomness import seed_for, stream

Split = tuple[np.ndarray, np.ndarray]
DESIGNS = ("random", "grouped")


class BalancedGroupKFold(GroupKFold):  # type: ignore[misc]
    """Grouped folds of about equal size, redrawn by the seed.

    scikit-learn's `GroupKFold` balances the folds only without shuffling, and shuffles only
    without balancing. This one deals the largest groups first, as the former does, and lets the
    seed decide between groups of equal size.

    Parameters
    ----------
    n_splits : number of folds
    random_state : seed
    """

    def __init__(self, n_splits: int = 5, *, random_state: int = 0) -> None:
        super().__init__(n_splits)
        self.random_state = random_state

    def _iter_test_indices(self, X: Any, y: Any, groups: Any) -> Iterator[np.ndarray]:
        _, position = np.unique(np.asarray(groups), return_inverse=True)
        label = stream(self.random_state, "order of groups").permutation(position.max() + 1)
        yield from super()._iter_test_indices(X, y, label[position])


def splitter(
    design: str, groups: np.ndarray, n_splits: int, seed: int, setting: str = "folds"
) -> list[Split]:
    """Return (training rows, held-out rows), one pair a fold; every row is held out once.

    Parameters
    ----------
    design : ``random``, or ``grouped``: rows of one group are held out together
    groups : (n,) the group of each row
    n_splits : number of folds
    seed : the order in which rows or groups are dealt
    setting : the key of the study that sets `n_splits`, for the message

    Raises
    ------
    TrainingError
        Fewer rows, or groups, than folds.
    """
    n, n_groups = len(groups), len(np.unique(groups))
    if design not in DESIGNS:
        raise ValueError(f"no design {design!r}; there are {', '.join(DESIGNS)}")
    if n < n_splits:
        raise TrainingError(
            f"{n_splits} folds need as many training sites, but there are {n}; "
            f"set {setting} to {max(n, 2)} or less, or add sites"
        )
    if design == "random":
        folds = KFold(n_splits, shuffle=True, random_state=seed_for(seed, "random folds"))
        return list(folds.split(groups))
    if n_groups < n_splits:
        raise TrainingError(
            f"{n_splits} grouped folds need as many groups of sites, but there are {n_groups} "
            f"among these {n} sites; set {setting} to {max(n_groups, 2)} or less, or make the "
            "groups smaller (the distance within which sites share one, or the largest share of "
            "the sites that one may hold)"
        )
    grouped = BalancedGroupKFold(n_splits, random_state=seed)
    return list(grouped.split(groups, groups=groups))
