"""Folds: every row held out once, groups whole, sizes alike, redrawn by the seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_ml.domain import DomainSample
from local_ml.errors import TrainingError
from local_ml.features import Feature
from local_ml.folds.splitters import places_of, splitter, square_blocks
from local_ml.samples import SampleTable
from local_ml.settings import ValidationSettings


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


# ---- in space


def _table(n_places=12, size=5, seed=0):
    random = np.random.default_rng(seed)
    longitude = np.repeat(random.uniform(75, 100, n_places), size)
    latitude = np.repeat(random.uniform(28, 38, n_places), size)
    n = n_places * size
    return SampleTable.in_memory(
        [Feature("a", "1"), Feature("b", "1")],
        random.normal(size=(n, 2)),
        random.normal(size=n),
        longitude=longitude + random.normal(0, 0.01, n),
        latitude=latitude + random.normal(0, 0.01, n),
    )


def _domain(seed=0, m=400):
    random = np.random.default_rng(seed)
    return DomainSample(
        ("a", "b"),
        np.float32(random.normal(size=(m, 2))),
        random.uniform(75, 100, m),
        random.uniform(28, 38, m),
    )


SPACES = (
    ValidationSettings(),
    ValidationSettings(space="projected", projection="EPSG:6933"),
    ValidationSettings(space="features"),
)


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.space)
@pytest.mark.parametrize("design", ["block", "knndm"])
def test_designs_in_space_hold_every_row_out_once(design, space):
    table = _table()
    places = places_of(table, _domain(), space)
    folds = splitter(design, table.group, 4, 1, places=places)
    assert len(folds) == 4
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(table.n))
    for train, test in folds:
        assert not set(train) & set(test)
        if design == "block":
            assert not set(places.block[train]) & set(places.block[test])


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.space)
def test_folds_of_outer_training_rows_know_nothing_of_the_others(space):
    # Fault: places, clusters or scales taken from the whole table inside an outer fold.
    table = _table()
    inside = np.arange(table.n) % 5 != 0
    moved = SampleTable.in_memory(
        table.features,
        np.where(inside[:, None], table.values, 1000),
        table.target,
        longitude=np.where(inside, table.longitude, 10),
        latitude=np.where(inside, table.latitude, -50),
    )
    drawn = []
    for whole in (table, moved):
        part = whole.rows(np.flatnonzero(inside))
        folds = splitter("knndm", part.group, 4, 1, places=places_of(part, _domain(), space))
        assert max(test.max() for _, test in folds) < part.n
        drawn.append([test.tolist() for _, test in folds])
    assert drawn[0] == drawn[1]


def test_blocks_are_square_on_the_ground():
    # 40 km blocks at 60° north: 0.36° high, 0.72° wide. Fault: a block as wide in degrees as high.
    latitude = np.full(200, 60.1)
    longitude = np.linspace(10, 20, 200)
    block = square_blocks(longitude, latitude, 40.0)
    width = 10 / (len(np.unique(block)) - 1)
    assert width == pytest.approx(0.72, abs=0.06)
    column = square_blocks(np.full(200, 10.0), np.linspace(60, 70, 200), 40.0)
    assert 10 / (len(np.unique(column)) - 1) == pytest.approx(0.36, abs=0.02)


def test_designs_in_space_say_what_they_lack():
    table = _table()
    with pytest.raises(TrainingError, match="need points of the domain"):
        splitter("knndm", table.group, 4, 1, places=places_of(table, None, SPACES[0]))
    large = places_of(table, None, ValidationSettings(block_size_km=20_000))
    with pytest.raises(TrainingError, match=r"blocks that hold sites, but .*block_size_km"):
        splitter("block", table.group, 5, 1, places=large)
    with pytest.raises(TrainingError, match=r"validation.space = 'projected'.*not projected"):
        places_of(table, None, ValidationSettings(space="projected", projection="EPSG:4326"))
    with pytest.raises(ValueError, match="goes with a projection"):
        ValidationSettings(space="projected")
    with pytest.raises(ValueError, match="needs to know where"):
        splitter("block", table.group, 4, 1)
