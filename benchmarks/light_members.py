"""Do lighter members rank features as the full ones do, and does the final score bear it?

    python benchmarks/light_members.py --world 0
    python benchmarks/light_members.py --samples STUDY/samples.csv --transform log

Features are eliminated twice on the same folds: by members of `selection.trees` trees, and by the
members as they are when the model is fitted. Compared are the ranks of all candidates (Spearman),
the sets kept, and the error of full members fitted on either set: at 4,000 pixels of an example
plateau's true map, or at the table's own test sites. Its paired standard error says whether the
difference is one.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from selection_rules import make_world

from local_ml.learning import selection as elimination
from local_ml.learning.ensemble import fit_members, predict_members
from local_ml.learning.selection import clustered_standard_error
from local_ml.prediction.features_encoding import FeatureEncoding
from local_ml.prediction.target_transform import TargetTransform
from local_ml.samples import SampleTable, read_samples, read_target
from local_ml.settings import EnsembleSettings, SelectionSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--world", type=int, help="number of an example plateau")
    source.add_argument("--samples", type=Path, help="samples.csv with sites of split 'test'")
    parser.add_argument("--transform", choices=("none", "log"), default="none")
    parser.add_argument("--trees", type=int, default=SelectionSettings().trees)
    parser.add_argument("--ranks-only", action="store_true", help="one round, no elimination")
    options = parser.parse_args()
    if options.world is not None:
        inside, outside, _ = make_world(options.world, 500, 0)
    else:
        table = read_samples(options.samples, read_target(options.samples))
        inside = table.rows(np.flatnonzero(table.split == "train"))
        outside = table.rows(np.flatnonzero(table.split == "test"))
    compare(inside, outside, TargetTransform(options.transform), options.trees, options.ranks_only)


def compare(
    inside: SampleTable,
    outside: SampleTable,
    transform: TargetTransform,
    trees: int,
    ranks_only: bool,
) -> None:
    """Print ranks, sets and errors of light and full members; errors on the transformed scale."""
    response, truth = transform.forward(inside.target), transform.forward(outside.target)
    ensemble = EnsembleSettings()
    light = SelectionSettings(trees=trees)
    full = SelectionSettings(trees=10_000)  # more than any member has: none is lightened
    ranks, chosen, errors = {}, {}, {}
    for name, settings in (("light", light), ("full", full)):
        start = time.process_time()
        usable, _ = elimination.usable(inside, settings)
        work = elimination.Elimination(inside, response, settings, ensemble, 1)
        above, _ = work.against_probes(usable)
        ranks[name] = list(work.probed[usable].importance.values())
        if ranks_only:
            continue
        path = work.walk(above)
        kept = path[elimination.smallest_within_one_standard_error(path, inside.group)].features
        chosen[name] = set(kept)
        seconds = time.process_time() - start
        part, there = inside.with_features(kept), outside.with_features(kept)
        encoding = FeatureEncoding.fit(part.features, part.values)
        members = fit_members(encoding.encode(part.values), response, ensemble, 1)
        predicted = predict_members(members, encoding.encode(there.values)).mean(axis=1)
        errors[name] = (predicted - truth) ** 2
        rmse = np.sqrt(errors[name].mean())
        print(f"{name}: {len(kept)} of {len(usable)} kept, RMSE {rmse:.4f}, {seconds:.0f} CPU s")
        print("  " + ", ".join(kept), flush=True)
    rho = spearmanr(ranks["light"], ranks["full"]).statistic
    print(f"rank correlation of {len(ranks['light'])} candidates: {rho:.3f}")
    if ranks_only:
        return
    union = len(chosen["light"] | chosen["full"])
    print(f"kept by both: {len(chosen['light'] & chosen['full'])} of {union} kept by either")
    excess = errors["light"] - errors["full"]
    root = 2 * np.sqrt(errors["full"].mean())
    error = clustered_standard_error(excess, outside.group) / root
    print(f"RMSE light - full: {excess.mean() / root:+.5f} ± {error:.5f}")


if __name__ == "__main__":
    main()
