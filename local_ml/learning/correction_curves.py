"""Corrections of the fused prediction that are not lines.

In: out-of-fold predictions and observations, (n,) each, on the transformed scale, and the sites'
weights. Out: a curve for `fusion_rule`: pairs (fused, corrected), rising, joined by straight lines.
"""

import numpy as np

from local_ml.prediction.fusion_rule import Curve

# Quantiles from 0 to 100 %: a few hundred sites support no more.
QUANTILES = 101


def isotonic_curve(fused: np.ndarray, observed: np.ndarray, weight: np.ndarray) -> Curve:
    """Return the rising curve of least weighted squared error (pool adjacent violators).

    Barlow, Bartholomew, Bremner and Brunk 1972, Statistical inference under order restrictions;
    as a calibration Zadrozny and Elkan 2002, doi:10.1145/775047.775151. It follows a bend that a
    line misses, at the price of some √n steps, seen in a map as plateaus, and of more optimism
    than a line where it is scored on its own rows.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression().fit(fused, observed, sample_weight=weight)
    return _curve(fitted.X_thresholds_, fitted.y_thresholds_)


def distribution_curve(fused: np.ndarray, observed: np.ndarray, weight: np.ndarray) -> Curve:
    """Return the curve that maps quantiles of the predictions to those of the observations.

    Empirical distribution matching, g = F_observed⁻¹(F_fused(f)): Belitz and Stackelberg 2021,
    doi:10.1016/j.envsoft.2021.105006, who find it best among six corrections for the
    distribution, not for the error: it stretches the predictions to the variance of the
    observations, which takes R² from ρ² to about 2ρ − 1. It takes the sites' distribution
    for that of the region, which clustered sites need not have.
    """
    levels = np.linspace(0, 1, QUANTILES)
    return _curve(_quantiles(fused, weight, levels), _quantiles(observed, weight, levels))


def _quantiles(values: np.ndarray, weight: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Weighted quantiles, each value in the middle of the share that it stands for."""
    order = np.argsort(values, kind="stable")
    share = weight[order] / weight.sum()
    found: np.ndarray = np.interp(levels, np.cumsum(share) - share / 2, values[order])
    return found


def _curve(fused: np.ndarray, corrected: np.ndarray) -> Curve:
    """Pair both; fused values that coincide get the mean of what they are corrected to."""
    distinct, position, count = np.unique(fused, return_inverse=True, return_counts=True)
    mean = np.bincount(position, weights=corrected) / count
    # Means of rising values rise, but their last digits may not.
    rising = np.maximum.accumulate(mean)
    return tuple(zip(map(float, distinct), map(float, rising), strict=True))
