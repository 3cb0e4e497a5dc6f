"""What the whole pipeline promises, held against worlds whose truth is known.

    python -m pytest tests/local_ml/validation/test_guarantees.py -m slow

Some minutes; the suite leaves it out.
"""

import numpy as np
import pytest

from local_ml.features import Feature
from local_ml.learning.learners import lighten
from local_ml.samples import SampleTable
from local_ml.settings import (
    EnsembleSettings,
    FusionSettings,
    IntervalSettings,
    LearningSettings,
    SelectionSettings,
    TargetSettings,
    ValidationSettings,
)
from local_ml.validation.intervals import LEVELS, fit_interval_rule, interval_report
from local_ml.validation.nested import validate

NO_BOUNDS = TargetSettings(minimum=None, maximum=None)


@pytest.mark.slow
def test_the_pipeline_covers_under_the_design_that_it_promises():
    """Twelve worlds of 240 sites at 40 places: mean coverage within two points of nominal."""
    settings = LearningSettings(
        target=NO_BOUNDS,
        selection=SelectionSettings(enabled=False),
        ensemble=lighten(EnsembleSettings(), 20),
        fusion=FusionSettings(folds=4),
        validation=ValidationSettings(folds=8, designs=("grouped",), workers=1),
    )
    found = []
    for world in range(12):
        random = np.random.default_rng(world)
        place = np.repeat(np.arange(40), 6)
        X = random.normal(size=(40, 4))[place] + 0.5 * random.normal(size=(240, 4))
        noise = np.exp(0.5 * X[:, 1]) * random.normal(size=240)
        y = X[:, 0] + np.sin(X[:, 2]) + 0.4 * noise + 0.3 * random.normal(size=40)[place]
        table = SampleTable.in_memory(
            [Feature(name, "1") for name in "abcd"], X, y, group=place.astype(str)
        )
        designs = validate(table, settings).designs
        rule = fit_interval_rule(designs["grouped"], NO_BOUNDS, IntervalSettings())
        report = interval_report(designs, None, rule, NO_BOUNDS, IntervalSettings())
        found.append([entry["picp"] for entry in report["designs"]["grouped"]["levels"]])
    np.testing.assert_allclose(np.mean(found, axis=0), LEVELS, atol=0.02)
