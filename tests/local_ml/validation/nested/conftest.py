"""What is validated once for many tests of the nested score."""

from typing import NamedTuple

import pytest
from nested_cases import SETTINGS, Memory, sample_table, scattered

from local_ml.domain import DomainSample
from local_ml.samples import SampleTable
from local_ml.validation import nested as validation
from local_ml.validation.nested import ValidationResult, validate


class Surrounded(NamedTuple):
    """Sites within a domain, validated; `fitted`: the design of each fold that was fitted."""

    table: SampleTable
    domain: DomainSample
    result: ValidationResult
    fitted: list[str]


@pytest.fixture(scope="session")
def _validated():
    cache = Memory()
    return validate(sample_table(), SETTINGS, cache=cache), cache.folds


@pytest.fixture
def validated(_validated):
    """`sample_table()` under `SETTINGS`; not to be changed."""
    return _validated[0]


@pytest.fixture
def finished(_validated):
    """A cache of the six folds that this took."""
    cache = Memory()
    cache.folds = dict(_validated[1])
    return cache


@pytest.fixture(scope="session")
def surrounded():
    """`scattered()` under `SETTINGS`; not to be changed."""
    table, domain = scattered()
    fit_and_predict, fitted = validation.fit_and_predict, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            validation, "fit_and_predict", lambda *a: fitted.append(a[2]) or fit_and_predict(*a)
        )
        return Surrounded(table, domain, validate(table, SETTINGS, domain=domain), fitted)
