"""Stability of the selection: exact truths, chance correction, coverage of the interval."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_ml.validation.stability import selection_stability

NAMES = tuple(f"f{i}" for i in range(8))


def _sets(matrix):
    return [[name for name, kept in zip(NAMES, row, strict=False) if kept] for row in matrix]


def test_equal_sets_are_wholly_stable_and_leave_no_doubt():
    found = selection_stability([["f0", "f3"]] * 4, NAMES)
    assert (found.estimate, found.lower, found.upper) == pytest.approx((1, 1, 1))
    assert found.sets == 4


def test_two_sets_by_hand():
    # p = 1, 1/2, 1/2, 0 of d = 4; k = 2: 1 - mean(2 p (1 - p)) / (1/2 · 1/2) = 1 - 0.25 / 0.25
    assert selection_stability([["a", "b"], ["a", "c"]], "abcd").estimate == pytest.approx(0)
    # Two sets that share nothing: p = 1/2 everywhere, 1 - 0.5 / 0.25
    assert selection_stability([["a", "b"], ["c", "d"]], "abcd").estimate == pytest.approx(-1)


@given(st.integers(2, 7), st.integers(1, 7), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_sets_of_equal_size_have_the_mean_pairwise_agreement_beyond_chance(n_sets, size, seed):
    # Oracle: Kuncheva's index (2007), the mean over pairs of (r - k²/d) / (k - k²/d), to which
    # the measure reduces where all sets have one size (Nogueira et al. 2018, section 4.3).
    random = np.random.default_rng(seed)
    sets = [set(random.choice(8, size, replace=False)) for _ in range(n_sets)]
    expected = size**2 / 8
    pairs = [
        (len(a & b) - expected) / (size - expected)
        for i, a in enumerate(sets)
        for b in sets[i + 1 :]
    ]
    found = selection_stability([[NAMES[i] for i in chosen] for chosen in sets], NAMES)
    assert found.estimate == pytest.approx(np.mean(pairs), abs=1e-12)
    assert found.lower <= found.estimate <= found.upper


def test_random_sets_have_no_stability_on_average():
    # Fault: an index that grows with the size of the sets, as that of Jaccard does.
    random = np.random.default_rng(0)
    for share in (0.2, 0.7):
        found = [
            selection_stability(_sets(random.random((6, 8)) < share), NAMES).estimate
            for _ in range(300)
        ]
        found = [value for value in found if value is not None]
        assert np.mean(found) == pytest.approx(0, abs=0.03)


def test_the_interval_covers_the_stability_of_the_population():
    # Fault: a wrong variance. With many sets drawn, each feature kept on its own with p_f, the
    # population's stability is 1 - mean p (1 - p) / (k/d (1 - k/d)).
    p = np.array([0.95, 0.9, 0.8, 0.5, 0.3, 0.1, 0.05, 0.05])
    truth = 1 - np.mean(p * (1 - p)) / (p.mean() * (1 - p.mean()))
    random = np.random.default_rng(1)
    inside = []
    for _ in range(400):
        found = selection_stability(_sets(random.random((60, 8)) < p), NAMES)
        inside.append(found.lower <= truth <= found.upper)
    assert 0.92 <= np.mean(inside) <= 0.98


def test_undefined_where_all_or_nothing_is_kept():
    for sets in ([NAMES, NAMES], [[], []]):
        assert selection_stability(sets, NAMES).estimate is None


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="at least two; there are 1"):
        selection_stability([["f0"]], NAMES)
    with pytest.raises(ValueError, match="not among the candidates: twi"):
        selection_stability([["f0"], ["twi"]], NAMES)
