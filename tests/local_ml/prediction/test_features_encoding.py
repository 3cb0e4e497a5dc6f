"""From covariate values to model columns: missing rules, levels, and the order of columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from local_ml.errors import PredictionError, TrainingError
from local_ml.features import Feature
from local_ml.prediction.features_encoding import FeatureEncoding

TWI = Feature("twi", "1")
VV = Feature("vv", "dB", missing="native")
NDVI = Feature("ndvi", "1", missing="impute")
SOIL = Feature("soil", "1", levels=(1, 2, 7))
GEOLOGY = Feature("geology", "1", missing="native", levels=(0, 5))
ALL = (TWI, VV, NDVI, SOIL, GEOLOGY)
NAN = np.nan


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@pytest.fixture
def encoding() -> FeatureEncoding:
    return FeatureEncoding(ALL, (None, None, 0.25, None, None))


def test_columns_follow_the_features_and_their_levels(encoding):
    """A column under another name, or one-hot columns summed back to the wrong feature."""
    assert encoding.columns == (
        "twi",
        "vv",
        "ndvi",
        "soil=1",
        "soil=2",
        "soil=7",
        "geology=0",
        "geology=5",
    )
    assert encoding.column_feature() == (0, 1, 2, 3, 3, 3, 4, 4)


def test_values_are_encoded_exactly(encoding):
    """A level in its neighbour's column, or a value changed on its way."""
    matrix = encoding.encode(rows([8.5, -12, 0.5, 7, 0]))
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, rows([8.5, -12, 0.5, 0, 0, 1, 1, 0]))


def test_each_missing_rule_does_what_it_says(encoding):
    """Missing values imputed under `native`, kept under `impute`, or accepted under `nodata`."""
    values = rows(
        [NAN, -12, 0.5, 1, 0],
        [8, NAN, 0.5, 1, 0],
        [8, -12, NAN, 1, 0],
        [8, -12, 0.5, NAN, 0],
        [8, -12, 0.5, 1, NAN],
    )
    assert encoding.valid(values).tolist() == [False, True, True, False, True]
    matrix = encoding.encode(values)
    assert np.isnan(matrix[1, 1])
    assert matrix[2, 2] == np.float32(0.25)
    assert np.isnan(matrix[4, 6:]).all()
    assert np.isfinite(matrix[2]).all()


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_an_infinity_counts_as_missing(encoding, infinity):
    """A division by zero in a covariate that reaches the trees as a very large value."""
    values = rows([infinity, 0, 0, 1, 0], [0, infinity, infinity, 1, infinity])
    assert encoding.valid(values).tolist() == [False, True]
    matrix = encoding.encode(values)
    assert np.isnan(matrix[1, 1])
    assert matrix[1, 2] == np.float32(0.25)
    assert not encoding.unseen_level(values).any()


@pytest.mark.parametrize("code", [3, 1.5, -1])
def test_a_level_never_listed_makes_no_prediction_under_any_rule(encoding, code):
    """An unknown soil class predicted as if it were none of the known ones."""
    values = rows([0, 0, 0, code, 0], [0, 0, 0, 1, code], [0, 0, 0, 1, 5])
    assert encoding.unseen_level(values).tolist() == [True, True, False]
    assert encoding.valid(values).tolist() == [False, False, True]


def test_medians_come_from_the_rows_given_and_ignore_what_is_missing():
    """Imputation that saw held-out rows, or a median of NaN or infinity."""
    values = rows([0, 1, NAN, 1, 0], [0, 1, 2, 1, 0], [0, 1, 4, 2, 5], [0, 1, np.inf, 7, 5])
    assert FeatureEncoding.fit(ALL, values).medians == (None, None, 3.0, None, None)
    assert FeatureEncoding.fit(ALL, values[:2]).medians == (None, None, 2.0, None, None)


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6).map(lambda shape: (shape[0], 3)),
        elements=st.floats(width=32),
    )
)
def test_valid_rows_hold_nan_in_native_columns_alone(values):
    """A missing value that slips through to the trees under `nodata` or `impute`."""
    encoding = FeatureEncoding((TWI, VV, NDVI), (None, None, 0.25))
    matrix = encoding.encode(values)[encoding.valid(values)]
    assert np.isfinite(matrix[:, [0, 2]]).all()
    assert not np.isinf(matrix).any()


def test_no_rows_are_encoded_to_no_rows(encoding):
    """An empty block of pixels that fails."""
    empty = np.empty((0, 5), dtype=np.float32)
    assert encoding.encode(empty).shape == (0, 8)
    assert encoding.valid(empty).shape == (0,)


@pytest.mark.parametrize("shape", [(5,), (2, 4), (2, 6), (2, 5, 1)])
def test_another_number_of_columns_is_refused(encoding, shape):
    """Columns bound to the wrong features by position."""
    with pytest.raises(PredictionError, match="twi, vv, ndvi, soil, geology"):
        encoding.encode(np.zeros(shape, dtype=np.float32))


def test_a_feature_missing_everywhere_cannot_be_imputed():
    """A silent fill value without any data behind it."""
    with pytest.raises(TrainingError, match=r"ndvi is missing in all 2 training rows"):
        FeatureEncoding.fit((NDVI,), rows([NAN], [NAN]))


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        (Feature("soil", "1", missing="impute", levels=(1, 2)), "soil is categorical"),
        (Feature("soil", "1", levels=()), "lists no levels"),
        (Feature("soil", "1", levels=(2, 1)), "must ascend"),
        (Feature("soil", "1", levels=(1, 1)), "must ascend"),
        (Feature("soil", "1", levels=(1, 2**24 + 2)), "not exact in float32"),
        (Feature("soil", "1", missing="drop"), "'drop' is no rule"),
    ],
)
def test_features_that_contradict_themselves_are_refused(feature, says):
    """Median of codes; two codes that float32 cannot tell apart; a misspelt rule."""
    with pytest.raises(TrainingError, match=says):
        FeatureEncoding.fit((feature,), rows([1], [2]))


@pytest.mark.parametrize(
    ("features", "medians"),
    [
        ((), ()),
        ((TWI, TWI), (None, None)),
        ((TWI,), ()),
        ((TWI,), (0.5,)),
        ((NDVI,), (None,)),
        ((NDVI,), (NAN,)),
    ],
)
def test_an_encoding_that_contradicts_itself_is_refused(features, medians):
    """A saved encoding whose parts come from different models."""
    with pytest.raises(ValueError, match="feature"):
        FeatureEncoding(features, medians)
