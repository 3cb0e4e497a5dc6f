"""The charts of the report, but for the map.

In: tables and documents of `ReportData`. Out: inline SVG. Axes bear the target's unit, or say
that they are on the scale of its natural logarithm.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from export.report.documents import Design, Fifth, Fusion, Selection
from export.report.drawing import INK, MARK, MARKERS, MUTED, RULE, SERIES, draw, new_axes
from export.report.text import count, fixed, in_unit, share, unit_text

POINTS_SHOWN = 3000
FEATURES_SHOWN = 25
FIFTHS = ("lowest", "2nd", "3rd", "4th", "highest")
_WIDTH = 4.4


def observed_against_predicted(
    name: str,
    rows: pd.DataFrame,
    design: Design,
    methods: list[str],
    reach: tuple[float, float],
    target: str,
    unit: str,
) -> Markup:
    """Draw observations over predictions, with the 1:1 line and the calibration line.

    Parameters
    ----------
    rows : method, observed, predicted of the held-out sites that got a prediction
    methods : those of the study in one order, so that a method looks alike in all charts
    reach : least and greatest value of all such charts, so that they can be compared
    """
    observed, predicted = rows["observed"].to_numpy(), rows["predicted"].to_numpy()
    margin = 0.04 * (reach[1] - reach[0] or 1.0)
    ends = (reach[0] - margin, reach[1] + margin)

    def paint(figure: Figure) -> None:
        axes = new_axes(figure, (0.6, 0.5, 0.1, 0.55))
        axes.plot(ends, ends, color=MUTED, linewidth=0.9, dashes=(4, 3), label="1:1")
        if len(rows) > POINTS_SHOWN:
            axes.hexbin(
                predicted,
                observed,
                gridsize=45,
                mincnt=1,
                bins="log",
                cmap="Greys",
                rasterized=True,
            )
        else:
            _points(axes, rows, methods)
        line = _calibration(observed, predicted)
        if line is not None:
            along = np.array([predicted.min(), predicted.max()])
            axes.plot(
                along,
                line[0] + line[1] * along,
                color=MARK,
                linewidth=1.6,
                label=f"calibration line, slope {fixed(line[1], 2)}",
            )
        axes.set(xlim=ends, ylim=ends, aspect="equal")
        axes.set_xlabel(in_unit(f"predicted {target}", unit))
        axes.set_ylabel(in_unit(f"observed {target}", unit))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            ncols=2,
            handletextpad=0.5,
            columnspacing=1.2,
        )

    assert design.scores is not None
    alternative = (
        f"Scatter of {count(len(rows), 'held-out site')}: observed against predicted {target}, "
        f"R² {fixed(design.scores.r2, 2)}. The table of scores holds the numbers."
    )
    return draw(name, (_WIDTH, _WIDTH + 0.35), alternative, paint)


def _points(axes: Axes, rows: pd.DataFrame, methods: list[str]) -> None:
    for number, method in enumerate(methods):
        own = rows[rows["method"] == method]
        if len(own):
            axes.plot(
                own["predicted"].to_numpy(),
                own["observed"].to_numpy(),
                linestyle="none",
                marker=MARKERS[number % len(MARKERS)],
                markersize=3.6,
                markerfacecolor=SERIES[number % len(SERIES)],
                markeredgecolor="none",
                alpha=0.6,
                label=f"{method or 'unnamed method'} ({len(own)})",
            )


def _calibration(observed: np.ndarray, predicted: np.ndarray) -> tuple[float, float] | None:
    """Return intercept and slope of the regression of observed on predicted, if there is one."""
    about = predicted - predicted.mean()
    variance = float(about @ about)
    if variance <= 1e-12 * max(float(predicted @ predicted), 1e-300):
        return None
    slope = float(about @ (observed - observed.mean())) / variance
    return float(observed.mean() - slope * predicted.mean()), slope


def bias_by_fifths(name: str, design: Design, reach: float, unit: str) -> Markup:
    """Draw the bias within fifths of the prediction, and within fifths of the observation.

    Parameters
    ----------
    reach : largest size of a bias, or of an end of its interval, in all such charts, so that they
        can be compared
    """
    sides = (
        (design.bias_by_fifth_of_prediction, "prediction", SERIES[0]),
        (design.bias_by_fifth_of_observation, "observation", MUTED),
    )

    def paint(figure: Figure) -> None:
        for column, (fifths, by, colour) in enumerate(sides):
            left, right = (0.62, _WIDTH / 2 - 0.2) if column == 0 else (_WIDTH / 2 + 0.36, 0.06)
            axes = new_axes(figure, (left, 0.3, right, 0.3))
            _bias_bars(axes, fifths, colour)
            axes.set_ylim(-1.1 * reach, 1.1 * reach)
            axes.set_title(f"by {by}", fontsize=9, loc="left", fontweight="bold")
            if column == 0:
                axes.set_ylabel(in_unit("bias", unit))
            else:
                axes.tick_params(labelleft=False)

    alternative = (
        "Bars of the bias by fifths of the prediction, with their intervals, and of the "
        "observation, as tabulated."
    )
    return draw(name, (_WIDTH, 2.4), alternative, paint)


def _bias_bars(axes: Axes, fifths: tuple[Fifth, ...], colour: str) -> None:
    heights = [0.0 if fifth.bias is None else fifth.bias for fifth in fifths]
    axes.bar(range(len(fifths)), heights, width=0.74, color=colour, alpha=0.85)
    for place, fifth in enumerate(fifths):
        if fifth.interval is not None:  # it need not hold the bias itself, so no ± of it
            axes.plot([place, place], fifth.interval, color=INK, linewidth=1.1, marker="_",
                      markersize=5)  # fmt: skip
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks(range(len(fifths)), FIFTHS[: len(fifths)], fontsize=7)
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=RULE, linewidth=0.6)


def importance(name: str, table: pd.DataFrame, fusion: Fusion, target: str, unit: str) -> Markup:
    """Draw mean |SHAP| of the kept features, the largest on top."""
    shown = table.head(FEATURES_SHOWN)
    values = shown["mean_absolute_shap"].to_numpy()
    places = np.arange(len(shown))[::-1]
    label = _on_scale(f"mean |SHAP| for {target}", unit, fusion)

    def paint(figure: Figure) -> None:
        longest = max(len(feature) for feature in shown["feature"])
        axes = new_axes(figure, (min(0.25 + 0.075 * longest, 2.2), 0.48, 0.5, 0.06))
        axes.barh(places, values, height=0.66, color=SERIES[0], alpha=0.85)
        axes.set_yticks(places, shown["feature"])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        for place, value, part in zip(places, values, shown["share"], strict=True):
            axes.annotate(
                share(float(part)),
                (value, place),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                color=MUTED,
            )
        axes.set(xlabel=label, ylim=(-0.6, len(shown) - 0.4))
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.grid(axis="x", color=RULE, linewidth=0.6)

    first = f"{shown['feature'].iloc[0]} with {share(float(shown['share'].iloc[0]))}"
    alternative = f"Bars of mean |SHAP| of {count(len(shown), 'feature')}, led by {first}."
    return draw(name, (_WIDTH, 0.65 + 0.23 * max(len(shown), 3)), alternative, paint)


def selection_path(
    name: str, selection: Selection, fusion: Fusion, target: str, unit: str
) -> Markup:
    """Draw the inner cross-validated RMSE over the number of features, the chosen set marked."""
    path = sorted(selection.path, key=lambda step: step.n)
    sizes = [step.n for step in path]
    errors = [step.rmse for step in path]
    best = min(path, key=lambda step: step.rmse)
    chosen = [step for step in path if set(step.features) == set(selection.chosen)]

    def paint(figure: Figure) -> None:
        axes = new_axes(figure, (0.62, 0.48, 0.1, 0.32))
        axes.errorbar(
            sizes,
            errors,
            yerr=[step.standard_error for step in path],
            color=SERIES[0],
            ecolor=MUTED,
            elinewidth=0.7,
            capsize=2,
            capthick=0.7,
            linewidth=1.2,
            marker="o",
            markersize=3,
        )
        axes.axhline(best.rmse, color=MUTED, linewidth=0.9, dashes=(4, 3), label="least")
        for step in chosen[:1]:
            axes.plot(
                [step.n], [step.rmse], "o", markersize=9, markerfacecolor="none",
                markeredgecolor=MARK, markeredgewidth=1.5, linestyle="none",
                label=f"chosen: {count(step.n, 'feature')}",
            )  # fmt: skip
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2)
        axes.set_xlabel("number of features")
        axes.set_ylabel(_on_scale(f"RMSE of {target}", unit, fusion))
        axes.margins(0.06, 0.14)
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", color=RULE, linewidth=0.6)

    alternative = (
        f"RMSE over the number of features, from {sizes[-1]} down to {sizes[0]}; least at {best.n}"
        + (f", chosen {chosen[0].n}." if chosen else ".")
    )
    return draw(name, (_WIDTH, 2.7), alternative, paint)


def nearest_neighbours(name: str, rows: Sequence[Mapping[str, Any]], unit: str) -> Markup:
    """Draw the distances to the nearest neighbour: 5 to 95 %, quartiles and median, a row each.

    Parameters
    ----------
    rows : `label` and `of` (quantiles at 0, 5, ... 100 %) from `evidence.distance_rows`
    """
    quantiles = np.array([row["of"].quantiles for row in rows])
    places = np.arange(len(rows))[::-1]

    def paint(figure: Figure) -> None:
        axes = new_axes(figure, (0.1, 0.48, 0.15, 0.06))
        for place, own, row in zip(places, quantiles, rows, strict=True):
            colour = SERIES[1] if place == places[0] else SERIES[0]
            axes.plot(own[[1, 19]], [place, place], color=colour, linewidth=1.1)
            axes.plot(own[[5, 15]], [place, place], color=colour, linewidth=5, alpha=0.55)
            axes.plot(own[10], place, "o", color=colour, markersize=5)
            axes.annotate(
                row["label"], (0, place), xycoords=("axes fraction", "data"), xytext=(0, 8),
                textcoords="offset points", fontsize=8, color=MUTED,
            )  # fmt: skip
        axes.set(xlabel=f"distance ({unit_text(unit) or 'units of one deviation'})")
        axes.set_ylim(-0.5, len(rows) - 0.3)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axes.grid(axis="x", color=RULE, linewidth=0.6)

    alternative = "Ranges of the distances to the nearest neighbour, as tabulated."
    return draw(name, (1.35 * _WIDTH, 0.6 + 0.42 * len(rows)), alternative, paint)


def probability_integral_transform(name: str, histogram: Sequence[float]) -> Markup:
    """Draw the shares of the sites by where in its predictive distribution each lies."""
    edges = np.arange(len(histogram)) / len(histogram)

    def paint(figure: Figure) -> None:
        axes = new_axes(figure, (0.62, 0.48, 0.1, 0.1))
        axes.bar(edges, histogram, width=0.92 / len(histogram), align="edge", color=SERIES[0],
                 alpha=0.85)  # fmt: skip
        axes.axhline(1 / len(histogram), color=MARK, linewidth=1, dashes=(4, 3))
        axes.set(xlim=(-0.02, 1.02), xlabel="place of the observation in its distribution")
        axes.set_ylabel("share of held-out sites")
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="y", color=RULE, linewidth=0.6)

    alternative = (
        "Histogram of the probability integral transform: "
        + ", ".join(share(part) for part in histogram)
        + "; even would be "
        + share(1 / len(histogram))
        + " each."
    )
    return draw(name, (_WIDTH, 2.3), alternative, paint)


def ablation(name: str, rows: Sequence[Mapping[str, Any]], unit: str) -> Markup:
    """Draw by how much the RMSE grows without each group of covariates, with one standard error.

    Parameters
    ----------
    rows : from `evidence.ablation_rows`, those whose change is known
    """
    changes = np.array([row["of"].rmse_change for row in rows])
    errors = np.array([row["of"].standard_error or 0.0 for row in rows])
    places = np.arange(len(rows))[::-1]

    def paint(figure: Figure) -> None:
        longest = max(len(row["group"]) for row in rows)
        axes = new_axes(figure, (min(0.3 + 0.075 * longest, 2.2), 0.48, 0.15, 0.06))
        axes.barh(places, changes, height=0.6, color=SERIES[0], alpha=0.85)
        axes.errorbar(
            changes, places, xerr=errors, fmt="none", ecolor=MUTED, elinewidth=0.9, capsize=2.5
        )
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_yticks(places, [row["group"] for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set(xlabel=in_unit("RMSE without − with", unit), ylim=(-0.6, len(rows) - 0.4))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.grid(axis="x", color=RULE, linewidth=0.6)

    alternative = "Bars of the change of the RMSE without each group of covariates, as tabulated."
    return draw(name, (_WIDTH, 0.65 + 0.3 * max(len(rows), 2)), alternative, paint)


def _on_scale(text: str, unit: str, fusion: Fusion) -> str:
    return f"{text} (natural logarithm)" if fusion.transform == "log" else in_unit(text, unit)
