"""The tables of docs/accuracy.md, from the lines of the runs.

In: documents of `known_truth.scoring`, with ``family`` and ``world``. Out: text in Markdown.
Differences are paired by world; ± is the standard error of their mean. An upper bound is that of
the one-sided 95 % interval of Student's t.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t

from known_truth.worlds import FAMILIES, FRESH, SITES
from local_ml.learning.learners import MEMBERS
from local_ml.settings import IntervalSettings

Entry = dict[str, Any]
CONTENDERS = (
    "fusion",
    *MEMBERS,
    "plain_mean",
    "stacking",
    "forest_corrected",
    "dial_0.5",
    "dial_1",
)
DESIGNS = ("random", "random_weighted", "grouped", "knndm")
FLAT = {
    "flat": "XGBoost as light as the product's selection has it",
    "flat_usual": "XGBoost as its library sets it",
}
LEVEL = str(IntervalSettings().level)
UPPER = 0.95
ORACLE_BAR, OTHERS_BAR, KNNDM_BAR, FLAT_BAR, COVERAGE_BAR = 1.0, 0.5, 0.05, 0.1, 0.02


class Mean(NamedTuple):
    """Mean of paired differences, its standard error, and its one-sided upper bound."""

    mean: float
    error: float
    upper: float
    n: int


def mean_of(values: Iterable[float]) -> Mean:
    """Return mean, standard error and 95 % upper bound; no error is known of fewer than two."""
    numbers = np.array(list(values), dtype=float)
    n = len(numbers)
    if n < 2:
        return Mean(float(numbers.mean()) if n else float("nan"), float("nan"), float("nan"), n)
    error = float(numbers.std(ddof=1) / np.sqrt(n))
    mean = float(numbers.mean())
    return Mean(mean, error, mean + float(t.ppf(UPPER, n - 1)) * error, n)


def tables(entries: list[Entry]) -> str:
    """Return all tables that the entries allow."""
    families = {family: [e for e in entries if e["family"] == family] for family in FAMILIES}
    families = {family: found for family, found in families.items() if found}
    real = [entry for entry in entries if entry["family"] == "real"]
    signal = {family: found for family, found in families.items() if family != "noise"}
    parts = [_counts(families, real), bars(families)]
    for family, found in signal.items():
        parts.append(_map(family, found))
    parts += [_reported(families), _noise(families.get("noise", []))]
    parts += [_dial(signal), _coverage(families)]
    if real:
        parts.append(_real(real))
    return "\n\n".join(part for part in parts if part)


def percent_above(entries: list[Entry], ours: str, others: tuple[str, ...]) -> Mean:
    """Return by how much our RMSE on the map exceeds the least of the others', %."""
    ratio = [
        100 * (e["map"][ours]["rmse"] / min(e["map"][name]["rmse"] for name in others) - 1)
        for e in entries
    ]
    return mean_of(ratio)


def score_error(entries: list[Entry], design: str) -> Mean:
    """Return reported R² of our fusion under a design minus its R² on fresh measurements."""
    return mean_of(e["reported"][design]["r2"] - e["true"]["fusion"]["r2"] for e in entries)


def in_sample_of(n: int, r2: float, measured: int = FRESH) -> float:
    """Return what an R² measured at many independent places would be, on average, at n of them.

    The sum of squares about a sample's own mean is (n - 1) / n of the variance, that about the
    prediction is not: on noise, even the best constant has an R² of about -1 / n.
    """
    return 1 - (1 - r2) * (1 - 1 / measured) / (1 - 1 / n)


def bars(families: dict[str, list[Entry]]) -> str:
    """Return the bars, what was measured, and whether each is cleared."""
    rows: list[tuple[str, str, str, bool]] = []
    rivals = {
        "the best single member, chosen by an oracle": (MEMBERS, ORACLE_BAR),
        "the plain mean": (("plain_mean",), OTHERS_BAR),
        "StackingRegressor": (("stacking",), OTHERS_BAR),
    }
    for family in ("clustered", "even"):
        for words, (others, bar) in rivals.items():
            if family in families:
                found = percent_above(families[family], "fusion", others)
                rows.append(
                    (
                        f"RMSE of the map, {family} sites, against {words}",
                        f"upper bound at most +{bar:.1f} %",
                        f"{_signed(found, 2)} %, upper bound {found.upper:+.2f} %",
                        found.upper <= bar,
                    )
                )
    if "clustered" in families:
        found = score_error(families["clustered"], "knndm")
        beside = score_error(families["clustered"], "random")
        rows.append(
            (
                "mean error of the reported kNNDM R², clustered sites",
                f"at most {KNNDM_BAR} in size",
                f"{_signed(found, 3)} (random folds: {_signed(beside, 3)})",
                abs(found.mean) <= KNNDM_BAR,
            )
        )
    if "noise" in families:
        noise = families["noise"]
        for design in ("random", "grouped", "knndm"):
            truths = {
                "of the map": score_error(noise, design),
                "of the folds' own models, in samples of as many": mean_of(
                    e["reported"][design]["r2"] - in_sample_of(SITES, e["true_of_folds"][design])
                    for e in noise
                ),
            }
            for words, found in truths.items():
                rows.append(
                    (
                        f"pure noise: nested R² ({design} folds) minus true R² {words}",
                        "within 2 standard errors of 0",
                        _signed(found, 4),
                        abs(found.mean) <= 2 * found.error,
                    )
                )
        for name, words in FLAT.items():
            found = mean_of(e[name]["reported"] - e[name]["true"] for e in noise)
            rows.append(
                (
                    f"pure noise: R² reported by a flat SHAP-RFE ({words}) minus its true R²",
                    f"at least {FLAT_BAR}",
                    _signed(found, 3),
                    found.mean >= FLAT_BAR,
                )
            )
    for family, entries in families.items():
        found = _covered(entries, "grouped", "grouped")
        rows.append(
            (
                f"coverage of {float(LEVEL):.0%} intervals under the design promised for, {family}",
                f"within {100 * COVERAGE_BAR:.0f} points",
                f"{100 * found.mean:.1f} ± {100 * found.error:.1f} %",
                abs(found.mean - float(LEVEL)) <= COVERAGE_BAR,
            )
        )
    lines = [[what, bar, told, "yes" if cleared else "**no**"] for what, bar, told, cleared in rows]
    return _markdown(["", "bar", "measured", "cleared"], lines)


def _counts(families: dict[str, list[Entry]], real: list[Entry]) -> str:
    told = []
    for family, entries in families.items():
        seconds = np.mean([entry["cpu_seconds"] for entry in entries])
        told.append(f"{len(entries)} worlds {family} ({seconds:.0f} CPU s each)")
    if real:
        seconds = sum(entry["cpu_seconds"] for entry in real)
        told.append(f"{len(real)} real tables ({seconds:.0f} CPU s in all)")
    return "; ".join(told) + "." if told else "No worlds yet."


def _map(family: str, entries: list[Entry]) -> str:
    """Return the map of each contender against the truth."""
    thousand = 1000
    lines = []
    for name in CONTENDERS:
        scores = [entry["map"][name] for entry in entries]
        relative = percent_above(entries, name, ("fusion",))
        fifths = np.mean([score["bias_by_fifth"] for score in scores], axis=0) * thousand
        lines.append(
            [
                f"`{name}`",
                f"{thousand * np.mean([score['rmse'] for score in scores]):.1f}",
                "0" if name == "fusion" else f"{_signed(relative, 2)} %",
                f"{np.mean([entry['true'][name]['r2'] for entry in entries]):.3f}",
                f"{np.mean([score['slope'] for score in scores]):.2f}",
                f"{np.mean([score['deviation_ratio'] for score in scores]):.2f}",
                " ".join(f"{bias:+.1f}" for bias in fifths),
            ]
        )
    head = [
        f"{family} sites",
        "RMSE, 10⁻³ m³ m⁻³",
        "relative to fusion",
        "R², fresh measurements",
        "slope of truth on map",
        "SD of map / SD of truth",
        "bias by fifths of the map, 10⁻³",
    ]
    return _markdown(head, lines)


def _reported(families: dict[str, list[Entry]]) -> str:
    """Return reported minus true R² by design; ± standard error, in brackets the deviation."""
    lines = []
    for design in DESIGNS:
        row = [f"`{design}`"]
        for entries in families.values():
            found = score_error(entries, design)
            row.append(f"{_signed(found, 3)} ({found.error * np.sqrt(found.n):.3f})")
        lines.append(row)
    row = ["flat SHAP-RFE (against the truth of its own model)"]
    for entries in families.values():
        found = mean_of(e["flat"]["reported"] - e["flat"]["true"] for e in entries)
        row.append(f"{_signed(found, 3)} ({found.error * np.sqrt(found.n):.3f})")
    lines.append(row)
    head = ["reported − true R²"]
    for family, entries in families.items():
        truth = np.mean([entry["true"]["fusion"]["r2"] for entry in entries])
        head.append(f"{family} (true R² {truth:.3f})")
    return _markdown(head, lines)


def _noise(entries: list[Entry]) -> str:
    """Return what each way to score tells of a target that nothing can predict."""
    if not entries:
        return ""
    lines = []

    def row(what: str, told: Mean, true: Mean, of_folds: str = "") -> None:
        lines.append([what, _signed(told, 3), _signed(true, 3), of_folds])

    for design in DESIGNS:
        row(
            f"our fusion, nested, `{design}`",
            mean_of(entry["reported"][design]["r2"] for entry in entries),
            mean_of(entry["true"]["fusion"]["r2"] for entry in entries),
            _signed(mean_of(entry["true_of_folds"][design] for entry in entries), 3),
        )
    for name, words in FLAT.items():
        row(
            f"flat SHAP-RFE, {words}",
            mean_of(entry[name]["reported"] for entry in entries),
            mean_of(entry[name]["true"] for entry in entries),
        )
    head = ["pure noise", "R² reported", "true R² of the map", "true R² of the folds' own models"]
    return _markdown(head, lines)


def _dial(families: dict[str, list[Entry]]) -> str:
    """Return by how much the RMSE grows with the variance dial, out of fold and on the map."""
    if not families:
        return ""

    def growth(entries: list[Entry], rmse_of: Callable[[Entry, str], float], dial: str) -> str:
        found = mean_of(100 * (rmse_of(e, dial) / rmse_of(e, "fusion") - 1) for e in entries)
        return f"{_signed(found, 2)} %"

    def on_map(entry: Entry, name: str) -> float:
        return float(entry["map"][name]["rmse"])

    def measured(entry: Entry, name: str) -> float:
        return float(entry["true"][name]["rmse"])

    lines = []
    for family, entries in families.items():
        for dial in ("dial_0.5", "dial_1"):
            row = [f"{family}, {dial.removeprefix('dial_')}"]
            for design in ("random", "grouped", "knndm"):

                def held_out(entry: Entry, name: str, design: str = design) -> float:
                    return float(entry["held_out"][design][name]["rmse"])

                row.append(growth(entries, held_out, dial))
            row += [growth(entries, measured, dial), growth(entries, on_map, dial)]
            lines.append(row)
    head = [
        "variance dial",
        "random folds",
        "grouped folds",
        "kNNDM folds",
        "map, fresh measurements",
        "map, truth",
    ]
    return _markdown(head, lines)


def _covered(entries: list[Entry], promised: str, under: str, level: str = LEVEL) -> Mean:
    return mean_of(entry["coverage"][promised][under][level] for entry in entries)


def _coverage(families: dict[str, list[Entry]]) -> str:
    """Return the share of observations inside, by the design promised for and where it is held."""
    lines = []
    for family, entries in families.items():
        for promised in ("grouped", "knndm"):
            row = [f"{family}, promised under `{promised}`"]
            for under in (*DESIGNS, "map"):
                found = _covered(entries, promised, under)
                row.append(f"{100 * found.mean:.1f} ± {100 * found.error:.1f}")
            lines.append(row)
    head = [f"coverage of {float(LEVEL):.0%} intervals, %", *(f"`{d}`" for d in DESIGNS), "map"]
    levels = list(next(iter(families.values()))[0]["coverage"]["grouped"]["grouped"])
    by_level = []
    for family, entries in families.items():
        row = [f"{family}, under `grouped`, for which they are promised"]
        row += [f"{100 * _covered(entries, 'grouped', 'grouped', lv).mean:.1f}" for lv in levels]
        by_level.append(row)
    nominal = ["nominal, %", *(f"{100 * float(level):.0f}" for level in levels)]
    return _markdown(head, lines) + "\n\n" + _markdown(nominal, by_level)


def _real(entries: list[Entry]) -> str:
    """Return the contenders on real tables, held out."""
    lines = []
    for entry in sorted(entries, key=lambda e: str(e["world"])):
        row = [str(entry["world"]), str(entry["n"]), str(entry["features"])]
        for design in ("random", "grouped", "knndm"):
            found = entry["held_out"].get(design)
            row.append(f"{found['fusion']['r2']:.2f}" if found else "")
        row.append(f"{100 * entry['coverage']['grouped']['grouped'][LEVEL]:.0f}")
        lines.append(row)
    head = ["real table", "n", "candidates", "R² random", "R² grouped", "R² kNNDM", "coverage, %"]
    paired = []
    for name in CONTENDERS[1:]:
        row = [f"`{name}`"]
        for design in ("random", "grouped"):
            found = mean_of(
                100
                * (
                    e["held_out"][design]["fusion"]["rmse"] / e["held_out"][design][name]["rmse"]
                    - 1
                )
                for e in entries
            )
            row.append(f"{_signed(found, 2)} %, upper bound {found.upper:+.2f} %")
        paired.append(row)
    beside = ["held-out RMSE of the fusion against", "random folds", "grouped folds"]
    return _markdown(head, lines) + "\n\n" + _markdown(beside, paired)


def _signed(found: Mean, digits: int) -> str:
    return f"{found.mean:+.{digits}f} ± {found.error:.{digits}f}"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
