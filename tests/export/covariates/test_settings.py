"""One `[[covariates]]` entry: what contradicts itself is refused with the way out."""

import pytest
from pydantic import ValidationError

from export.covariates.settings import CovariateSettings


def settings(**fields):
    return CovariateSettings.model_validate({"name": "twi", "file": "twi.tif", **fields})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "top wetness"}, "pattern"),
        ({"band": 0}, "greater than or equal to 1"),
        ({"unit": "degres"}, "nearest known"),
        ({"minimum": 5, "maximum": 1}, "must lie below"),
        ({"scale": 0}, "every value the same"),
        ({"categorical": True, "resampling": "bilinear"}, "mixes the codes"),
        ({"categorical": True, "missing": "impute"}, "no median"),
        ({"resampling": "lanczos"}, "'nearest'"),
        ({"valid_min": 3}, "Extra inputs"),
        ({"maximum": float("inf")}, "finite"),
    ],
)
def test_faults_are_named(fields, words):
    with pytest.raises(ValidationError, match=words):
        settings(**fields)


def test_one_code_or_several_may_mean_missing():
    assert settings(nodata=-9999).nodata == -9999
    assert settings(nodata=[-9999, 0]).nodata == (-9999, 0)
    assert settings(nodata=[]).nodata == ()
