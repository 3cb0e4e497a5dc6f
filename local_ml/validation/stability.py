"""How much the features kept depend on the sites at hand: stability over the outer folds.

In: the sets of features that several fits kept. Out: an estimate between about 0 (no more in
common than sets drawn at random) and 1 (the same set each time), with its interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import norm


@dataclass(frozen=True)
class Stability:
    """Stability of a selection; None where it is undefined (nothing or everything kept, always).

    Parameters
    ----------
    estimate : 1 for equal sets, 0 on average for random ones of the same sizes
    lower, upper : of the interval at `level`; not clipped to 1
    level : of the interval
    sets : number of sets compared
    """

    estimate: float | None
    lower: float | None
    upper: float | None
    level: float
    sets: int


def selection_stability(
    sets: Sequence[Sequence[str]], candidates: Sequence[str], level: float = 0.95
) -> Stability:
    """Return the stability of a selection after Nogueira, Sechidis and Brown (2018).

    On the stability of feature selection algorithms, Journal of Machine Learning Research 18,
    174, 1-54. With M sets out of d candidates, p_f the share of sets that keep feature f, and
    k the mean size of a set,

        Φ = 1 − mean_f [ M / (M − 1) · p_f (1 − p_f) ] / [ k/d (1 − k/d) ]    (their equation 4)

    It corrects for chance, allows sets of different sizes, and is 1 for equal sets alone. Its
    interval is asymptotic in M (their theorem 7 and corollary 9). Few outer folds that share
    most of their rows are neither many nor independent: read the interval as a rough guide.

    Parameters
    ----------
    sets : at least two, of names of candidates
    candidates : all names that could have been kept
    level : of the interval, between 0 and 1

    Raises
    ------
    ValueError
        Fewer than two sets, or a set with a name that is no candidate.
    """
    if len(sets) < 2:
        raise ValueError(f"stability compares sets, at least two; there are {len(sets)}")
    foreign = sorted({name for kept in sets for name in kept} - set(candidates))
    if foreign:
        raise ValueError(f"not among the candidates: {', '.join(foreign)}")
    kept = np.array([[name in chosen for name in candidates] for chosen in sets], dtype=float)
    n_sets, n_candidates = kept.shape
    share, size = kept.mean(axis=0), kept.sum(axis=1) / n_candidates
    mean_size = float(size.mean())
    chance = mean_size * (1 - mean_size)
    if chance <= 0:
        return Stability(None, None, None, level, n_sets)
    estimate = 1 - n_sets / (n_sets - 1) * float(np.mean(share * (1 - share))) / chance
    # The influence of each set on the estimate.
    agreement = kept @ share / n_candidates - size * mean_size
    influence = (agreement + estimate / 2 * (2 * mean_size * size - size - mean_size + 1)) / chance
    variance = 4 / n_sets**2 * float(np.sum((influence - influence.mean()) ** 2))
    half = float(norm.ppf((1 + level) / 2)) * sqrt(variance)
    return Stability(estimate, estimate - half, estimate + half, level, n_sets)
