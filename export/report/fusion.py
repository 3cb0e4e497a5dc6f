"""What becomes of the members' predictions, in sentences: averaged, corrected, delivered.

In: the manifest of the model, in the target's unit, or its natural logarithm where the members
learned that. Out: plain text; each sentence follows from the numbers of the model at hand.
"""

from export.report.documents import Fusion, Manifest
from export.report.text import fixed


def correction_clause(manifest: Manifest) -> str:
    """Say in half a sentence what corrects the weighted mean."""
    rule, asked = manifest.fusion, manifest.settings.fusion
    if rule.residual:
        return "a forest of the residuals is then added to the weighted mean"
    if rule.curve is not None and asked.correction == "distribution":
        return (
            "a curve then gives the weighted mean the distribution of the observations at the sites"
        )
    if rule.curve is not None:
        return "a rising curve then calibrates the weighted mean"
    if asked.variance_dial:
        return "a straight line then stretches the weighted mean"
    if asked.correction == "none":
        return "the weighted mean is delivered as it is"
    return "a straight line then calibrates the weighted mean"


def correction_sentences(manifest: Manifest, decimals: int) -> list[str]:
    """Say what the fusion does after the members are averaged.

    Parameters
    ----------
    decimals : of values on the scale that the members learned
    """
    rule, asked = manifest.fusion, manifest.settings.fusion
    if rule.residual:
        sentences = _residual(rule)
    elif rule.curve is not None:
        sentences = _curve(rule, rule.curve, asked.correction, decimals)
    elif asked.correction == "none" and not asked.variance_dial:
        sentences = [
            "Delivered value = weighted mean of the members"
            + _scale(rule, "on")
            + " The study asked for no correction."
        ]
    else:
        sentences = _line(rule, asked.variance_dial, decimals)
    if rule.transform == "log":
        sentences.append(_back_from_logarithm(rule, asked.correction))
    return sentences


def _line(rule: Fusion, variance_dial: float, decimals: int) -> list[str]:
    sentences = [
        f"Delivered value = {fixed(rule.intercept, decimals, sign=True)} + "
        f"{fixed(rule.slope, 3)} × weighted mean of the members" + _scale(rule, "both on")
    ]
    if variance_dial:
        sentences.append(
            f"The study asked for {fixed(variance_dial, 2)} of the way to the variance of the "
            "observations (fusion.variance_dial), at the price of a larger error; the slope is "
            "what that takes."
        )
    elif rule.slope == 1:
        sentences.append("The slope is exactly 1: no stretching was called for, or none was asked.")
    elif rule.slope > 1:
        sentences.append("The slope above 1 undoes what the members flatten by averaging.")
    else:
        sentences.append("The slope below 1 draws in predictions that varied too much.")
    sentences.append(_range("line", rule.fused_minimum, rule.fused_maximum, decimals))
    return sentences


def _curve(
    rule: Fusion, curve: tuple[tuple[float, float], ...], correction: str, decimals: int
) -> list[str]:
    (first, lowest), (last, highest) = curve[0], curve[-1]
    sentences = [
        f"Delivered value = a rising curve of {len(curve)} points at the weighted mean of the "
        f"members, from {fixed(lowest, decimals)} at {fixed(first, decimals)} to "
        f"{fixed(highest, decimals)} at {fixed(last, decimals)}" + _scale(rule, "all on")
    ]
    if correction == "distribution":
        sentences.append(
            "It gives quantiles of the predictions the values of those of the observations: for "
            "histograms and areas beyond a threshold, at the price of a larger error. It takes "
            "the histogram of the sites for that of the region."
        )
    else:
        sentences.append(
            "It is the rising curve of least squared error (isotonic regression): it follows "
            "bends that a line misses, in steps, which may show in the map."
        )
    return [*sentences, _range("curve", first, last, decimals)]


def _residual(rule: Fusion) -> list[str]:
    return [
        "Delivered value = weighted mean of the members + prediction of a random forest of their "
        "residuals" + _scale(rule, "both on"),
        "That forest reads the covariates and the weighted mean. It explains nearly all residuals "
        "where it was fitted, so that only scores of held-out sites tell what it is worth.",
    ]


def _scale(rule: Fusion, which: str) -> str:
    return f", {which} the scale of the natural logarithm." if rule.transform == "log" else "."


def _range(of: str, low: float, high: float, decimals: int) -> str:
    return (
        f"The {of} was fitted on held-out predictions between {fixed(low, decimals)} and "
        f"{fixed(high, decimals)}; beyond these the correction stays what it is at the nearer end."
    )


def _back_from_logarithm(rule: Fusion, correction: str) -> str:
    if rule.curve is not None and correction == "distribution":
        return (
            "Quantiles go back from the logarithm as they are: no factor makes up for the mean "
            "of the exponential."
        )
    return (
        f"Back from the logarithm, values are multiplied by {fixed(rule.smearing, 3)}, the "
        "mean of the exponential of the residuals (Duan's smearing factor), without which "
        "they would be too low on average."
    )
