"""What the numbers mean, in sentences for people who do not know the method.

In: documents of `ReportData`. Out: plain text. Each sentence follows from the numbers of the
study at hand; none is said without them.
"""

import re

from export.report.data import ReportData
from export.report.documents import Ablation, Comparison, Design, Distances, Scores, Stability
from export.report.text import count, fixed, percent, share, significant

SCORES = {
    "r2": (
        "R²",
        "share of the observations' variance that is predicted; at 0 no better than their mean, "
        "below 0 worse",
    ),
    "rmse": ("RMSE", "size of a typical error, in which large ones weigh more"),
    "mae": ("MAE", "mean size of an error"),
    "bias": ("Bias", "mean of predicted − observed"),
    "concordance": ("Concordance", "closeness to the 1:1 line (Lin's coefficient), 1 at best"),
    "slope_observed_on_predicted": (
        "Slope",
        "of observed on predicted; at 1 calibrated, above 1 the predictions are too even",
    ),
}

_DESIGNS = {
    "random": (
        "Random folds",
        "Sites are dealt to {folds} folds by chance, and each fold is predicted from the others. "
        "A site left out mostly keeps its neighbours in training, so this says how well the model "
        "fills in between sites that lie close together. It is the score that most published maps "
        "give.",
    ),
    "random_weighted": (
        "Random folds, weighted",
        "The same {folds} folds and predictions, each site weighted by how rarely its surroundings "
        "were visited, so that a crowd of sites counts no more than the ground that it stands on.",
    ),
    "block": (
        "Spatial blocks",
        "Sites of one square block are left out together, in {folds} folds: how well the model "
        "does where no site lies within the block.",
    ),
    "knndm": (
        "Matched folds (kNNDM)",
        "The {folds} folds are drawn so that sites left out lie as far from the nearest site left "
        "in as the map's pixels lie from the nearest site. Of these scores it is the one meant "
        "for the map as a whole.",
    ),
    "grouped": (
        "Grouped folds",
        "Sites of one campaign or transect, and sites that lie close, are left out together, in "
        "{folds} folds. This says how well the model does away from all sites that it has seen, "
        "as on most of the map.",
    ),
    "test": (
        "Test set",
        "These sites were set aside before anything was fitted, and were predicted once.",
    ),
}


def design_label(design: str) -> str:
    return _DESIGNS[design][0] if design in _DESIGNS else design.replace("_", " ").capitalize()


def design_phrase(design: str) -> str:
    """Return the label as it stands within a sentence; names such as kNNDM keep their letters."""
    label = design_label(design)
    return label[:1].lower() + label[1:]


def score_note() -> str:
    """Say in one paragraph what each score means."""
    return " ".join(f"{label}: {meaning}." for label, meaning in SCORES.values())


def sentence(told: str) -> str:
    """Return what another step told as a sentence: a capital, a full stop, kNNDM as it is spelt."""
    told = re.sub(r"\bknndm\b", "kNNDM", told.strip())
    return told[:1].upper() + told[1:] + ("" if told.endswith((".", "!", "?")) else ".")


def design_sentence(name: str, design: Design) -> str:
    """Say which question a design answers, on how many sites."""
    text = f"{count(design.n, 'site')}. "
    if name in _DESIGNS:
        text += _DESIGNS[name][1].format(folds=design.folds)
    else:
        text += f"Held out in {count(design.folds, 'fold')}."
    if design.no_prediction:
        text += (
            f" {count(design.no_prediction, 'more site')} could not be predicted, for want of a "
            "covariate."
        )
    return text


def comparison_sentence(comparison: Comparison) -> str:
    return (
        f"The finished map beside {comparison.reference}, over {count(comparison.pixels, 'pixel')} "
        "that both hold. Where that raster is the truth, this is what the other scores try to "
        "foretell."
    )


def skill_warnings(data: ReportData) -> list[str]:
    """Return what a reader must know before all else: that there is no skill, and where."""
    warnings = []
    if data.validation.no_skill:
        warnings.append(sentence(data.validation.no_skill))
        if data.map_file is not None:
            warnings.append("The map was made all the same, by --force.")
    for name, design in data.validation.parts.items():
        label = design_phrase(name)
        if design.scores is None:
            warnings.append(f"No site of the {label} could be predicted, so there is no score.")
        elif design.scores.r2 is not None and design.scores.r2 <= 0:
            where = {
                "grouped": "away from the sites",
                "random": "even between sites that lie close together",
                "test": "at the sites of the test set",
            }.get(name, f"under {label}")
            warnings.append(
                f"The model has no skill {where}: R² is {fixed(design.scores.r2, 2)}, so the mean "
                "of the observations would have predicted them as well."
            )
    return warnings


def difference_sentence(data: ReportData) -> str | None:
    """Say what it means that random and grouped folds differ."""
    designs = data.validation.designs
    scored = [designs[name].scores for name in ("random", "grouped") if name in designs]
    if len(scored) < 2:
        return None
    random, grouped = scored
    if random is None or grouped is None or random.r2 is None or grouped.r2 is None:
        return None
    pair = (
        f"R² is {fixed(random.r2, 2)} under random and {fixed(grouped.r2, 2)} under grouped folds"
    )
    drop = random.r2 - grouped.r2
    if drop > 0.05:
        return (
            f"{pair}: what lies between the two comes from neighbours that resemble each other, "
            "and is not to be had where no site is near. For the map as a whole the truth lies "
            "nearer to the second, the farther its pixels are from the sites."
        )
    if drop < -0.05:
        return (
            f"{pair}. That the second is higher is unusual; with few groups both scores vary "
            "much, and neither should be read to the second decimal."
        )
    return f"{pair}. They agree, so that the nearness of sites does not flatter the score."


def coverage_sentence(data: ReportData) -> str:
    """Say what the interval of a pixel promises, under which design, and whether it kept it."""
    intervals = data.validation.intervals
    design = design_phrase(intervals.promised_under)
    text = (
        f"The interval of a pixel is to hold {percent(intervals.level)} of new observations there. "
        f"Its width was found from the errors under {design}, and under these it is to cover"
    )
    levels = intervals.designs[intervals.promised_under].levels
    found = next((of for of in levels if of.level == intervals.level), None)
    if found is None or found.picp is None:
        return f"{text}."
    return f"{text}: {share(found.picp)} of the sites left out lay inside."


def applicability_sentence(data: ReportData) -> str | None:
    """Say how much of the map is unlike all training sites; None without counts of pixels."""
    counts, rule = data.counts, data.validation.applicability
    if counts is None or not counts.predicted:
        return None
    return (
        f"{share(counts.outside_area / counts.predicted)} of the predicted pixels "
        f"({fixed(counts.outside_area, 0)}) lie outside the area of applicability: their "
        f"dissimilarity index is above {significant(rule.threshold)}, the threshold found under "
        f"{design_phrase(rule.design)}. No score and no interval is warranted there."
    )


def baseline_sentence(data: ReportData) -> str | None:
    """Hold the model against the plain forest, for better or worse."""
    parts = []
    for name, design in data.validation.parts.items():
        mine, plain = design.scores, design.baseline.scores if design.baseline else None
        if mine and plain and mine.rmse is not None and plain.rmse:
            change = mine.rmse / plain.rmse - 1
            word = "lower" if change < 0 else "higher"
            amount = f"{share(abs(change))} {word}" if abs(change) >= 0.005 else "the same"
            parts.append(f"{amount} ({design_phrase(name)})")
    if not parts:
        return None
    named = {d.baseline.name for d in data.validation.parts.values() if d.baseline}
    return (
        f"Beside the plain baseline on the same sites and folds ({', '.join(sorted(named))}), the "
        f"RMSE of the model is {', '.join(parts)}."
    )


CORRECTIONS = {
    "none": "the weighted mean as it is",
    "linear": "a calibration line, its slope drawn to 1 by its own error",
    "isotonic": "a rising curve in steps",
    "distribution": "quantiles matched to those of the observations",
    "variance_restored": "the line, steep enough for the variance of the observations",
    "residual": "a forest of the residuals added",
}


def correction_label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def distances_sentence(distances: Distances) -> str:
    """Say whether the sites lie in clusters, and which folds are as hard as the map."""
    if distances.clustered is None or distances.domain_to_sample is None:
        return "Without points of the domain nobody can tell how far the map lies from the sites."
    clustered = (
        "The sites lie closer to each other than the map lies to them, so that random folds "
        "flatter the map"
        if distances.clustered
        else "The sites lie no closer to each other than the map lies to them, so that random "
        "folds ask what the map asks"
    )
    told = {n: of.wasserstein for n, of in distances.designs.items() if of.wasserstein is not None}
    if not told:
        return f"{clustered}."
    nearest = min(told, key=lambda name: told[name])
    return (
        f"{clustered}. Of the folds, {design_phrase(nearest)} ask most nearly what the map asks: "
        "their distances differ least from those of its pixels."
    )


def stability_sentence(design: str, stability: Stability) -> str:
    """Say how alike the sets of covariates are that the outer folds kept."""
    label = design_label(design)
    if stability.estimate is None:
        return f"{label}: all {count(stability.sets, 'fold')} kept everything, or nothing."
    interval = (
        f" ({percent(stability.level)} interval {fixed(stability.lower, 2)} to "
        f"{fixed(min(stability.upper, 1.0), 2)})"
        if stability.lower is not None and stability.upper is not None
        else ""
    )
    return (
        f"{label}: {fixed(stability.estimate, 2)}{interval} over {count(stability.sets, 'fold')}."
    )


def ablation_sentence(ablation: Ablation) -> str:
    """Say what the table of groups of covariates compares."""
    return (
        f"The whole pipeline was fitted anew in the {design_phrase(ablation.design)} without each "
        "group of covariates, selection included, so that others could step in. A change within "
        "about two standard errors of 0 says that the group can be spared, not that it holds "
        "nothing."
    )


def transformed_sentence(name: str, design: Design) -> str | None:
    """Give the scores on the scale of the logarithm, where the members learned that."""
    scores = design.transformed_scores
    if scores is None:
        return None
    return (
        f"{design_label(name)}: R² {fixed(scores.r2, 2)}, RMSE {fixed(scores.rmse, 2)}, "
        f"bias {fixed(scores.bias, 2, sign=True)}"
    )


def regression_to_the_mean(scores: Scores | None, design: str | None = None) -> str:
    """Explain why bias by fifths of the observation leans, whatever the model.

    Parameters
    ----------
    scores : those that say most of the map as a whole
    design : under which they are
    """
    text = (
        "Sorted by the observation, the lowest fifth comes out too high and the highest too low "
        "under every model: sites get into these fifths partly by what no covariate shows "
        "(measurement error, a wet hollow smaller than a pixel), and no prediction can follow "
        "them there."
    )
    if scores is not None and scores.r2 is not None and 0 < scores.r2 < 1:
        under = f", as under {design_phrase(design)}," if design else ""
        text += (
            f" Even a flawless prediction with R² = {fixed(scores.r2, 2)}{under} rises by only "
            f"{fixed(scores.r2, 2)} where the observation rises by 1; stretching it until this "
            "lean is gone would make the errors of the map larger, not smaller."
        )
    return text
