"""The domain's file: bound by name, every bad value refused with its place."""

import numpy as np
import pandas as pd
import pytest
from last_digits import misread

from local_ml.domain import read_domain
from local_ml.errors import SampleTableError
from local_ml.features import Feature

FEATURES = [Feature("twi", "1"), Feature("vv", "dB")]


def _frame(**columns):
    values = {
        "longitude": [90.0, 91.0],
        "latitude": [33.0, 34.0],
        "row": [0, 1],
        "col": [5, 6],
        "vv": [-11.5, None],
        "twi": [8.0, 9.0],
    }
    return pd.DataFrame(values | columns)


def _read(tmp_path, frame):
    path = tmp_path / "domain.csv"
    frame.to_csv(path, index=False)
    return read_domain(path, FEATURES)


def test_columns_are_bound_by_name_and_gaps_stay_gaps(tmp_path):
    domain = _read(tmp_path, _frame())
    np.testing.assert_array_equal(domain.values, np.float32([[8, -11.5], [9, np.nan]]))
    np.testing.assert_array_equal(domain.with_features(["vv"])[:, 0], domain.values[:, 1])
    assert (domain.n, domain.longitude.tolist(), domain.latitude.tolist()) == (
        2, [90.0, 91.0], [33.0, 34.0],
    )  # fmt: skip
    with pytest.raises(SampleTableError, match=r"no covariate 'twii'.*'twi'"):
        domain.with_features(["twii"])


def test_places_are_read_to_the_last_digit_by_any_pandas(tmp_path, monkeypatch):
    # Fault: another domain, and so other matched folds, with pandas 2.2.
    places = 90 + np.random.default_rng(0).random(2)
    misread(monkeypatch)
    domain = _read(tmp_path, _frame(longitude=places, latitude=places - 60))
    assert domain.longitude.tolist() == places.tolist()
    assert domain.latitude.tolist() == (places - 60).tolist()


def test_another_content_is_another_fingerprint(tmp_path):
    prints = {
        _read(tmp_path, frame).fingerprint
        for frame in (_frame(), _frame(twi=[8, 8]), _frame(latitude=[33, 35]))
    }
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"twi": ["wet", 9]}, "row 2 .*column twi: 'wet'"),
        ({"latitude": [33, 95]}, "row 3 .*column latitude: '95'"),
        ({"longitude": [None, 91]}, "row 2 .*column longitude: ''"),
    ],
)
def test_a_bad_value_is_named_with_its_place(tmp_path, columns, told):
    with pytest.raises(SampleTableError, match=told):
        _read(tmp_path, _frame(**columns))


def test_no_file_no_column_no_row(tmp_path):
    with pytest.raises(SampleTableError, match="cannot be read"):
        read_domain(tmp_path / "domain.csv", FEATURES)
    with pytest.raises(SampleTableError, match=r"column twi is missing.*'twi2'"):
        _read(tmp_path, _frame().rename(columns={"twi": "twi2"}))
    with pytest.raises(SampleTableError, match=r"no rows; set domain\.pixels"):
        _read(tmp_path, _frame().iloc[:0])
