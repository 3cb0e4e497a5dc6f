"""What the steps of a study in miniature wrote: its settings and its documents."""

from typing import Any

from local_ml.prediction.fusion_rule import FusionRule

SITES = 60

STUDY = """
name = "mini"
title = "A map in miniature"
licence = "CC BY 4.0"
period = [2009, 2024]

[region]
west = 93.0
south = 35.2
east = 93.4
north = 35.5

[grid]
pixel_size = 0.01

[map]
reference = "truth.tif"

[[covariates]]
name = "twi"
file = "twi.tif"
group = "terrain"

[[covariates]]
name = "ndvi"
file = "ndvi.tif"
group = "optical"

[[covariates]]
name = "lst"
file = "lst.tif"
unit = "degC"
group = "temperature"
"""

RULE = FusionRule(
    members=("random_forest", "extra_trees", "xgboost", "catboost"),
    weights=(0.375, 0.25, 0.125, 0.25),
    intercept=-0.0123,
    slope=1.065,
    fused_minimum=0.0875,
    fused_maximum=0.4375,
    minimum=0.0,
    maximum=0.85,
)

MANIFEST: dict[str, Any] = {
    "schema_version": 1,
    "target": {"name": "vwc", "unit": "m3 m-3"},
    "fusion": RULE.to_json(),
    "seed": 20261,
    "versions": {"python": "3.11.7", "numpy": "2.4.6"},
    "samples_fingerprint": "5a" * 32,
    "extra": {"rows_used": 58, "rows_left_out": 2},
}

SELECTION: dict[str, Any] = {
    "schema_version": 1,
    "candidates": ["twi", "ndvi", "lst"],
    "dropped": [{"name": "lst", "reason": "missing at 37% of the sites"}],
    "path": [
        {"n": 3, "rmse": 0.081, "standard_error": 0.0, "features": ["twi", "ndvi", "lst"]},
        {"n": 2, "rmse": 0.0815, "standard_error": 0.004, "features": ["twi", "ndvi"]},
    ],
    "chosen": ["twi", "ndvi"],
    "note": "",
    "frequency": {"random": {"twi": 1.0, "ndvi": 0.8, "lst": 0.2}, "grouped": {"twi": 0.75}},
}

SITE_REPORT: dict[str, Any] = {
    "schema_version": 1,
    "summary": {
        "rows": 64,
        "excluded": 3,
        "reasons": {"target missing": 2, "out of the region": 1},
        "sites": SITES,
        "merged_rows": 2,
        "groups": 6,
        "methods": {"gpr": 40, "ring": 20},
        "splits": {"train": SITES},
    },
    "warnings": ["two formulas may be mixed"],
    "notes": ["sites.csv: 64 rows, encoding UTF-8"],
}

COVARIATES: dict[str, Any] = {
    "schema_version": 1,
    "covariates": [
        {
            "covariate": name,
            "resampling": "bilinear",
            "covered": 1.0,
            "minimum": -3.25,
            "maximum": 7.75,
            "findings": [{"covariate": name, "severity": "note", "text": f"{name}.tif: seen"}],
        }
        for name in ("twi", "ndvi", "lst")
    ],
    "sources": [
        {"name": name, "unit": unit, "group": group, "source": f"{name}.tif"}
        for name, unit, group in (
            ("twi", "1", "terrain"),
            ("ndvi", "1", "optical"),
            ("lst", "degC", "temperature"),
        )
    ],
    "licences": [
        {
            "dataset": "MERIT/Hydro/v1_0_1",
            "title": "MERIT Hydro",
            "licence": "CC-BY-NC-4.0",
            "condition": "not for commercial use",
            "covariates": ["twi"],
        }
    ],
    "missing_at_sites": {"lst": 22},
    "warnings": ["site p7: stated elevation off by 900 m"],
}

COUNTS = {
    "schema_version": 1, "region": 1200, "predicted": 1100, "clipped": 11, "missing": 97,
    "unseen_levels": 3, "outside_area": 77,
}  # fmt: skip

COMPARISON: dict[str, Any] = {
    "schema_version": 1,
    "reference": "truth.tif",
    "pixels": 1087,
    "scores": {
        "r2": 0.4325, "rmse": 0.0949, "mae": 0.0783, "bias": 0.00117, "concordance": 0.5877,
        "slope_observed_on_predicted": 1.0745,
    },
}  # fmt: skip
