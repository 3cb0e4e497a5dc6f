"""Folds: every row held out once, groups whole, sizes alike, redrawn by the seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_ml.errors import TrainingError
from local_ml.folds import splitter


@given(
    design=st.sampled_from(["random", "grouped"]),
    sizes=st.lists(st.integers(1, 9), min_size=5, max_size=25),
    n_splits=st.integers(2, 5),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_every_row_is_held_out_once_and_never_learned_from(design, sizes, n_splits, seed):
    groups = np.repeat([f"g{i}" for i in range(len(sizes))], sizes)
    folds = splitter(design, groups, n_splits, seed)
    held_out = np.concatenate([test for _, test in folds])
    assert sorted(held_out) == list(range(len(groups)))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(len(groups)))
        if design == "grouped":
            assert not set(groups[train]) & set(groups[test])


@given(sizes=st.lists(st.integers(1, 9), min_size=10, max_size=40), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_grouped_folds_are_of_about_equal_size(sizes, seed):
    # Fault: groups dealt by their number, so that one fold gets all the large ones.
    groups = np.repeat(np.arange(len(sizes)), sizes)
    lengths = [len(test) for _, test in splitter("grouped", groups, 5, seed)]
    assert max(lengths) - min(lengths) <= max(sizes)


def test_the_seed_redraws_the_folds_and_repeats_them():
    groups = np.repeat(np.arange(30), 2)

    def drawn(design, seed):
        return [test.tolist() for _, test in splitter(design, groups, 5, seed)]

    for design in ("random", "grouped"):
        assert drawn(design, 1) == drawn(design, 1)
        assert drawn(design, 1) != drawn(design, 2)


def test_too_few_groups_or_rows_say_what_to_set():
    with pytest.raises(TrainingError, match=r"there are 3 among.*set fusion.folds to 3 or less"):
        splitter("grouped", np.repeat([1, 2, 3], 20), 5, 0, "fusion.folds")
    with pytest.raises(TrainingError, match=r"there are 4; set folds to 4"):
        splitter("random", np.arange(4), 5, 0)


def test_an_unknown_design():
    with pytest.raises(ValueError, match="'spatial'"):
        splitter("spatial", np.arange(9), 3, 0)
