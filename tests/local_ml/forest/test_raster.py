"""A raster is predicted as its pixels would be one by one: bit for bit what the libraries say."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from xgboost import XGBRegressor

from local_ml.errors import PredictionError
from local_ml.forest import evaluate
from local_ml.forest.compile import compile_forest
from local_ml.forest.compiled import CompiledForest, Tree
from local_ml.forest.evaluate import Evaluator
from local_ml.forest.patches import BLOCK_COLS, BLOCK_ROWS, SIDE

SHAPES = [
    (1, 1),
    (1, SIDE + 1),
    (SIDE, SIDE),
    (SIDE + 1, 2),
    (3, BLOCK_COLS + 1),
    (BLOCK_ROWS + 1, SIDE - 1),
]


def by_library(member, columns):
    """Return what a library predicts for a raster, (columns, rows, cols)."""
    X = np.ascontiguousarray(columns.reshape(len(columns), -1).T)
    if hasattr(member, "estimators_"):
        # scikit-learn refuses NaN unless it was trained with some; each of its trees takes them.
        total = np.zeros(len(X))
        for tree in member.estimators_:
            total += tree.tree_.predict(X)[:, 0]
        expected = total / len(member.estimators_)
    else:
        expected = np.asarray(member.predict(X), np.float64)
    return expected.reshape(columns.shape[1:])


def assert_equal_bits(member, columns):
    found = Evaluator(compile_forest(member)).raster(columns, np.ones(columns.shape[1:], bool))
    np.testing.assert_array_equal(found[0], by_library(member, columns))


def landscape(table, shape, seed=0):
    """Return a raster in which neighbours are alike: rows of the table in fields, and a slope."""
    rng = np.random.default_rng(seed)
    rows, cols = np.indices(shape)
    field = rng.integers(0, len(table.X), (shape[0] // 23 + 1, shape[1] // 37 + 1))
    X = table.X[field[rows // 23, cols // 37]]
    slope = (rows + 2 * cols)[..., None] * np.nanstd(table.X, axis=0) / 200
    return np.ascontiguousarray((X + slope).transpose(2, 0, 1), dtype=np.float32)


def noise(table, shape, seed=0):
    """Return a raster whose pixels have nothing to do with one another."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(table.X), (8, *shape))
    return np.stack([table.X[rows[column], column] for column in range(8)])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_whatever_the_shape(fitted, table, shape):
    """Pixels beyond the edge that are read, written, or left out; a block's corner misplaced."""
    assert_equal_bits(fitted, landscape(table, shape))
    assert_equal_bits(fitted, noise(table, shape))


def test_several_blocks_down_and_across(fitted, table):
    """A block written at the place of another."""
    assert_equal_bits(fitted, landscape(table, (BLOCK_ROWS + 20, 2 * BLOCK_COLS + 5)))


def test_missing_values(fitted, table):
    """NaN that hides in a range: a patch with some NaN decided as if it had none."""
    columns = landscape(table, (40, 60))
    rng = np.random.default_rng(1)
    columns[:3, 5:30, 10:40][rng.random((3, 25, 30)) < 0.3] = np.nan
    columns[0, 32:] = np.nan
    columns[1, 39, 59] = np.nan
    assert_equal_bits(fitted, columns)


def test_values_equal_to_thresholds(fitted, around_rows):
    """A split decided by < where <= is meant, at the lowest and the highest value of a patch."""
    rows = around_rows(fitted, 8)
    assert_equal_bits(fitted, np.ascontiguousarray(rows.T).reshape(8, 20, 30))
    # One row fills a patch, so that its thresholds are lowest and highest value at once.
    squares = rows[:48].reshape(6, 8, 8).repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    assert_equal_bits(fitted, np.ascontiguousarray(squares.transpose(2, 0, 1)))


def test_infinities_are_no_missing_values(make, gaps):
    """What stands for NaN taken for an infinity, or the other way round."""
    member = make(**{"iterations" if make.__name__ == "catboost" else "n_estimators": 9})
    member.fit(*gaps)
    columns = landscape(gaps, (20, 36))
    columns[0, ::3], columns[1, 1::3], columns[2, :, ::5] = np.inf, -np.inf, np.nan
    if make.__name__ in ("xgboost", "catboost"):
        assert_equal_bits(member, columns)
    else:
        # scikit-learn's trees take an infinity for what it is, but very large numbers do as well.
        found = Evaluator(compile_forest(member)).raster(columns, np.ones((20, 36), bool))[0]
        largest = np.clip(columns, np.float32(-1e30), np.float32(1e30))
        np.testing.assert_array_equal(found, by_library(member, largest))


def test_constant_bands(fitted, table):
    """A range of no width."""
    columns = np.empty((8, 35, 50), np.float32)
    columns[:] = np.nan_to_num(table.X[3])[:, None, None]
    assert_equal_bits(fitted, columns)
    columns[0] = np.linspace(-2, 2, 50, dtype=np.float32)
    assert_equal_bits(fitted, columns)


def test_holes_are_not_predicted_and_hide_what_they_hold(fitted, table):
    """A hole that gets a value, or whose content widens a range or gets into its neighbours."""
    columns = landscape(table, (70, 150))
    expected = by_library(fitted, columns)
    rng = np.random.default_rng(2)
    valid = rng.random((70, 150)) < 0.6
    valid[16:32, 32:64] = False
    valid[:, 130:] = False
    valid[69, 149] = True
    columns[:, ~valid] = rng.choice([np.nan, np.inf, -9999], (8, (~valid).sum()))
    found = Evaluator(compile_forest(fitted)).raster(columns, valid)[0]
    np.testing.assert_array_equal(found, np.where(valid, expected, np.nan))


def test_rows_with_holes(fitted, table):
    """A row predicted that was not wanted, or the values of another."""
    columns = noise(table, (9000,))
    valid = np.random.default_rng(4).random(9000) < 0.95
    columns[:, ~valid] = np.nan
    found = Evaluator(compile_forest(fitted)).raster(columns, valid)
    assert found.shape == (1, 9000)
    expected = by_library(fitted, columns[:, valid])
    np.testing.assert_array_equal(found[0, valid], expected)
    assert np.isnan(found[0, ~valid]).all()


def test_nothing_to_predict(fitted):
    """A raster of holes, or of no rows, that fails or is filled."""
    evaluator = Evaluator(compile_forest(fitted))
    empty = evaluator.raster(np.full((8, 20, 20), np.nan, np.float32), np.zeros((20, 20), bool))
    assert np.isnan(empty).all()
    assert evaluator.raster(np.empty((8, 0, 5)), np.empty((0, 5), bool)).shape == (1, 0, 5)


def test_wherever_a_pixel_lies(fitted, table):
    """Bits that depend on the neighbours: another order of additions in another patch."""
    columns = landscape(table, (50, 140))
    evaluator, valid = Evaluator(compile_forest(fitted)), np.ones((50, 140), bool)
    found = evaluator.raster(columns, valid)[0].ravel()
    order = np.random.default_rng(3).permutation(found.size)
    shuffled = np.ascontiguousarray(columns.reshape(8, -1)[:, order])
    again = evaluator.raster(shuffled.reshape(columns.shape), valid)[0].ravel()
    np.testing.assert_array_equal(again, found[order])
    np.testing.assert_array_equal(evaluator.rows(shuffled.T)[:, 0], found[order])


@pytest.mark.parametrize("make", ["random_forest", "extra_trees"], indirect=True)
@pytest.mark.parametrize(("alike", "more_than"), [(False, 64), (True, 32)])
def test_more_leaves_than_a_word_has_bits(make, complete, alike, more_than):
    """A leaf of the second or third word lost, or found where the first has one."""
    member = make(n_estimators=6, min_samples_leaf=1).fit(*complete)
    columns = noise(complete, (SIDE, SIDE))
    if alike:
        # Half of the patch stays within one leaf or few, so that words come without questions.
        columns[:, :, SIDE // 2 :] = complete.X[0][:, None, None]
    leaves = member.apply(columns.reshape(8, -1).T)
    assert max(len(np.unique(of_tree)) for of_tree in leaves.T) > more_than
    assert_equal_bits(member, columns)


@pytest.mark.parametrize("trees", [1, 2, 3, 4, 5, 7, 8])
def test_whatever_the_number_of_trees(make, complete, trees):
    """Trees left over when they are added by fours: skipped, or added in another order."""
    member = make(**{"iterations" if make.__name__ == "catboost" else "n_estimators": trees})
    assert_equal_bits(member.fit(*complete), landscape(complete, (33, 40)))


def test_trees_of_one_leaf_among_others(complete):
    """A tree that asks nothing: the slots of the tree before it used once more."""
    member = RandomForestRegressor(
        n_estimators=24, min_impurity_decrease=0.45, random_state=0, n_jobs=1
    ).fit(*complete)
    sizes = {tree.tree_.node_count for tree in member.estimators_}
    assert 1 in sizes
    assert len(sizes) > 1
    assert_equal_bits(member, landscape(complete, (40, 40)))


def test_members_side_by_side(gaps):
    """One member's work left in the room of the next."""
    members = [
        RandomForestRegressor(n_estimators=10, random_state=0, n_jobs=1).fit(*gaps),
        XGBRegressor(n_estimators=10, max_depth=3, n_jobs=1).fit(*gaps),
        ExtraTreesRegressor(n_estimators=11, random_state=0, n_jobs=1).fit(*gaps),
    ]
    columns = landscape(gaps, (40, 150))
    found = Evaluator(*map(compile_forest, members)).raster(columns, np.ones((40, 150), bool))
    for member, predictions in zip(members, found, strict=True):
        np.testing.assert_array_equal(predictions, by_library(member, columns))


@pytest.mark.parametrize("most", [25, 60, 200])
def test_more_thresholds_than_ranks_can_tell_apart(gaps, monkeypatch, most):
    """Trees left out, or added in another order, where the forests are divided."""
    monkeypatch.setattr(evaluate, "MOST_THRESHOLDS", most)
    members = [
        RandomForestRegressor(n_estimators=10, random_state=0, n_jobs=1, max_leaf_nodes=25),
        XGBRegressor(n_estimators=10, max_depth=3, n_jobs=1),
        ExtraTreesRegressor(n_estimators=11, random_state=0, n_jobs=1, max_leaf_nodes=25),
    ]
    members = [member.fit(*gaps) for member in members]
    columns = landscape(gaps, (40, 60))
    evaluator = Evaluator(*map(compile_forest, members))
    assert len(evaluator._parts) > 1
    found = evaluator.raster(columns, np.ones((40, 60), bool))
    for member, predictions in zip(members, found, strict=True):
        np.testing.assert_array_equal(predictions, by_library(member, columns))


def ladder(thresholds, trees=700):
    """Return a forest that asks about each threshold of one column once, and a naive walk of it."""
    shared = []
    generator = np.random.default_rng(5)
    for part in np.array_split(generator.permutation(thresholds), trees):
        part = np.sort(part)
        splits = len(part)
        # From the highest down: whoever is above the threshold has its leaf, the others go on.
        split, leaf = 2 * np.arange(splits), 2 * np.arange(splits) + 1
        feature = np.full(2 * splits + 1, -1, np.int32)
        threshold = np.zeros(2 * splits + 1, np.float32)
        left, right = (np.full(2 * splits + 1, -1, np.int32) for _ in range(2))
        nan_left = np.zeros(2 * splits + 1, np.uint8)
        feature[split], threshold[split] = 0, part[::-1]
        left[split], right[split] = split + 2, leaf
        nan_left[split] = generator.random(splits) < 0.9
        value = np.round(generator.normal(size=2 * splits + 1), 6)
        value[split] = 0
        shared.append(Tree(feature, threshold, left, right, nan_left, value))

    def walk(column):
        total = np.zeros(len(column))
        for tree in shared:
            node = np.zeros(len(column), np.int64)
            while (inner := tree.feature[node] >= 0).any():
                goes_left = np.where(
                    np.isnan(column), tree.nan_left[node] == 1, column <= tree.threshold[node]
                )
                further = np.where(goes_left, tree.left[node], tree.right[node])
                node = np.where(inner, further, node)
            total += tree.value[node]
        return total

    return CompiledForest.join(shared), walk


@pytest.mark.parametrize(("count", "parts"), [(65_535, 1), (65_536, 2), (70_001, 2)])
def test_as_many_thresholds_as_16_bits_and_more(count, parts):
    """The last rank that 16 bits hold taken for that of NaN, or the first beyond it for 0."""
    assert evaluate.MOST_THRESHOLDS == 65_535
    thresholds = np.unique(np.random.default_rng(4).normal(size=80_000).astype(np.float32))
    thresholds = np.random.default_rng(3).permutation(thresholds)[:count]
    assert len(np.unique(thresholds)) == count
    forest, walk = ladder(thresholds)
    evaluator = Evaluator(forest)
    assert len(evaluator._parts) == parts
    ordered = np.sort(thresholds)
    chosen = ordered[[0, 1, 2, 32_766, 32_767, 32_768, -3, -2, -1, *range(7, count, count // 200)]]
    below, above = (np.nextafter(chosen, np.float32(to)) for to in (-np.inf, np.inf))
    ends = np.float32([np.inf, -np.inf, np.nan, 0])
    column = np.concatenate([chosen, below, above, ends])
    expected = walk(column)
    np.testing.assert_array_equal(evaluator.rows(column[:, None])[:, 0], expected)
    # Side by side, so that the lowest and the highest of a patch lie far apart, or at one another.
    raster = np.tile(column, (SIDE + 1, 1))[None]
    found = evaluator.raster(np.ascontiguousarray(raster), np.ones(raster.shape[1:], bool))[0]
    np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("MOST_THRESHOLDS", "questions about one column"),
        ("MOST_LEAVES", "leaves"),
        ("MOST_COLUMNS", "columns, more than 3"),
    ],
)
def test_a_tree_too_large_is_refused(complete, monkeypatch, limit, says):
    """16 bits that overflow, and lead to the leaf of another pixel."""
    monkeypatch.setattr(evaluate, limit, 3)
    member = ExtraTreesRegressor(n_estimators=3, random_state=0, n_jobs=1).fit(*complete)
    with pytest.raises(PredictionError, match=says):
        Evaluator(compile_forest(member))


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32 - 1),
    levels=st.integers(1, 6),
    gap=st.sampled_from([0.0, 0.01, 0.5]),
    hole=st.sampled_from([0.0, 0.1, 0.95]),
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_on_any_raster(fitted, around_rows, shape, seed, levels, gap, hole):
    """Any mixture of few or many values at thresholds, gaps, holes and shapes."""
    rng = np.random.default_rng(seed)
    rows = around_rows(fitted, 8)
    columns = np.stack(
        [rng.choice(rng.choice(rows[:, column], 2**levels), shape) for column in range(8)]
    )
    columns[rng.random(columns.shape) < gap] = np.nan
    valid = rng.random(shape) >= hole
    found = Evaluator(compile_forest(fitted)).raster(columns, valid)[0]
    np.testing.assert_array_equal(found, np.where(valid, by_library(fitted, columns), np.nan))


@pytest.mark.parametrize(
    ("columns", "valid"),
    [((8, 4, 5), (5, 4)), ((2, 4, 5), (4, 5)), ((8, 20), (4, 5)), ((8, 1, 4, 5), (1, 4, 5))],
)
def test_shapes_that_do_not_fit(complete, columns, valid):
    """Memory read beyond an array."""
    member = ExtraTreesRegressor(n_estimators=5, random_state=0, n_jobs=1).fit(*complete)
    with pytest.raises(PredictionError, match="do not fit"):
        Evaluator(compile_forest(member)).raster(
            np.zeros(columns, np.float32), np.ones(valid, bool)
        )
