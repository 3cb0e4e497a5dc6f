"""What the members' spread is worth as the width of an interval, floor by floor.

    alm90 init DIR --example plateau && alm90 sites DIR && alm90 sample DIR
    python benchmarks/intervals.py DIR

The pipeline of the study is fitted in five outer folds of each design. From its residuals come
intervals of 90 % whose floor is chosen by score (the default), or set to a quantile of the
members' spreads; 1 gives all pixels one width. Printed: coverage, mean width and mean interval
score, each fold given the quantiles of the others, in the target's unit; and Spearman's rank
correlation between spread and error.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from export.study import Study
from local_ml.folds.splitters import splitter
from local_ml.learning.pipeline import MoisturePipeline
from local_ml.prediction.target_transform import TargetTransform
from local_ml.samples import SampleTable, read_samples
from local_ml.settings import IntervalSettings, LearningSettings
from local_ml.validation.held_out import HeldOut
from local_ml.validation.intervals import fit_interval_rule, interval_report
from local_ml.validation.nested import training_rows

FLOORS = (None, 0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
SEED_OF_FOLDS = 1


def residuals(table: SampleTable, settings: LearningSettings, design: str) -> HeldOut:
    """Return held-out predictions of five folds, with the members' spread."""
    train = training_rows(table)
    folds = splitter(design, table.group[train], 5, SEED_OF_FOLDS)
    parts = []
    for inside, outside in folds:
        fitted = MoisturePipeline(settings).fit(table.rows(train[inside]))
        held = table.rows(train[outside])
        parts.append(
            (fitted.predict(held), fitted.predict_transformed(held), fitted.predict_spread(held))
        )
    predicted, transformed, spread = (np.concatenate(column) for column in zip(*parts, strict=True))
    rows = np.concatenate([train[outside] for _, outside in folds])
    return HeldOut(
        design=design,
        fold=np.repeat(range(5), [len(outside) for _, outside in folds]),
        rows=rows,
        observed=table.target[rows],
        predicted=predicted,
        transformed=transformed,
        baseline=predicted,
        selected=((),) * 5,
        spread=spread,
        group=table.group[rows],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, help="folder of a study whose sites were sampled")
    study = Study.load(parser.parse_args().study)
    fields = {name: getattr(study.settings, name) for name in LearningSettings.model_fields}
    settings = LearningSettings(**fields)
    table = read_samples(study.samples_file, settings.target)
    forward = TargetTransform(settings.target.transform).forward
    for design in ("grouped", "random"):
        part = residuals(table, settings, design)
        scored = part.scored
        error = np.abs(forward(part.observed[scored]) - part.transformed[scored])
        rank = spearmanr(error, part.spread[scored]).statistic
        print(f"{design}: {scored.sum()} sites; spread against error, rank correlation {rank:+.2f}")
        for floor in FLOORS:
            one = IntervalSettings(floor_quantile=floor)
            rule = fit_interval_rule(part, settings.target, one)
            report = interval_report({design: part}, None, rule, settings.target, one)
            told = {e["level"]: e for e in report["designs"][design]["levels"]}[0.9]
            print(
                f"  floor {'chosen' if floor is None else floor:>6}  picp {told['picp']:.3f} ± "
                f"{told['standard_error']:.3f}  width {told['mean_width']:.4g}  "
                f"interval score {told['interval_score']:.4g}"
            )


if __name__ == "__main__":
    main()
