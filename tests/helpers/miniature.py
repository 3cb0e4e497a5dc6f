"""A finished study in miniature, its files in the forms in which the steps write them."""

import json
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from affine import Affine

from export.report import write_report
from export.study import Study, parse_study
from local_ml.prediction.fusion_rule import FusionRule
from local_ml.scores.metrics import bias_by_fifths, scores

SITES = 60
WEST, NORTH, PIXEL_DEG = 93.0, 35.5, 0.01
ROWS, COLS = 30, 40

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


class Page(HTMLParser):
    """A page taken apart: tags with attributes, text, exact values; fails where it nests badly."""

    VOID = ("meta", "br", "link", "img", "input", "hr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.values: list[float] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "data":
            self.values.append(float(dict(attrs)["value"] or ""))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def shows(self, value: float) -> bool:
        return value in self.values


@dataclass(frozen=True)
class Design:
    """Held-out sites of one design, and what `validation.json` says of them."""

    observed: np.ndarray
    predicted: np.ndarray
    baseline: np.ndarray
    folds: int
    borrowed_from: str | None = None

    def report(self, log: bool) -> dict[str, Any]:
        scored = np.isfinite(self.predicted)
        observed, predicted = self.observed[scored], self.predicted[scored]
        some = bool(scored.any())
        return {
            "n": int(scored.sum()),
            "folds": self.folds,
            "no_prediction": int((~scored).sum()),
            "selected": [["twi", "ndvi"]] * self.folds,
            "borrowed_from": self.borrowed_from,
            "scores": scores(observed, predicted) if some else None,
            # No formula of the scores gives these ends: they can only have been read.
            "intervals": {
                "level": 0.95,
                "clusters": 6,
                "r2": [0.0625 / self.folds, 0.6875 / self.folds],
                "rmse": [0.046875 / self.folds, 0.109375 / self.folds],
                "concordance": None,
            }
            if some
            else None,
            "baseline": {
                "name": "random forest of 500 trees",
                "scores": scores(observed, self.baseline[scored]),
            }
            if some
            else None,
            "transformed_scores": scores(np.log(observed), np.log(observed) + 0.1) if log else None,
            "bias_by_fifth_of_prediction": bias_by_fifths(observed, predicted, "prediction")
            if some
            else [],
            "bias_by_fifth_of_observation": bias_by_fifths(observed, predicted, "observation")
            if some
            else [],
        }


def _coverage(number: int) -> dict[str, Any]:
    """Return the coverage of the design of that number; its figures are those of no other."""
    return {
        "n": SITES,
        "levels": [
            {
                "level": level,
                "picp": level + 0.015625 * (number + 1),
                "standard_error": 0.03125 / (number + 1),
                "mean_width": 0.25 * level + 0.00390625 * number,
                "interval_score": 0.3,
            }
            for level in (0.5, 0.9)
        ],
        "pit_histogram": None,
    }


def _design(folds: int, noise: float, seed: int) -> Design:
    random = np.random.default_rng(seed)
    observed = _target()
    predicted = 0.2 + 0.6 * (observed - 0.2) + random.normal(0, noise, SITES)
    return Design(observed, predicted, predicted + random.normal(0, 0.02, SITES), folds)


def _target() -> np.ndarray:
    return np.random.default_rng(1).uniform(0.05, 0.5, SITES)


def _sites() -> pd.DataFrame:
    random = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "site_id": [f"site {i}" for i in range(SITES)],
            "longitude": random.uniform(93.02, 93.38, SITES),
            "latitude": random.uniform(35.22, 35.48, SITES),
            "method": np.where(np.arange(SITES) % 3 == 0, "ring", "gpr"),
            "group": [f"g{i % 6:03d}" for i in range(SITES)],
            "split": "train",
            "target": _target(),
        }
    )


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
    "schema_version": 1, "region": 1200, "predicted": 1100, "clipped": 11, "missing": 100,
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


class StudyFiles:
    """The files of the study; tests change what they are about, then render."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.toml = STUDY
        self.told: dict[str, Any] = {"no_skill": None, "notes": []}
        self.designs = {"random": _design(5, 0.06, 3), "grouped": _design(4, 0.1, 4)}
        self.json("model/manifest.json", MANIFEST)
        self.json("model/selection.json", SELECTION)
        self.validate()
        self.csv(
            "model/importance.csv",
            pd.DataFrame(
                {
                    "feature": ["twi", "ndvi"], "unit": "1", "group": ["terrain", "optical"],
                    "mean_absolute_shap": [0.0390625, 0.013], "share": [0.75, 0.25],
                }
            ),
        )  # fmt: skip
        self.json("sites/report.json", SITE_REPORT)
        self.csv(
            "sites/excluded.csv",
            pd.DataFrame(
                {
                    "row": [4, 9, 11], "site_id": ["p1", "p2", "p3"],
                    "reason": ["target missing", "target missing", "out of the region"],
                    "detail": ["no vwc", "no vwc", "(10, 10) lies far away"],
                }
            ),
        )  # fmt: skip
        self.csv("sites/screened.csv", _sites())
        self.json("covariates/report.json", COVARIATES)
        self.json("map/counts.json", COUNTS)
        self.json("map/comparison.json", COMPARISON)
        self.map(north_to_south())
        self.companion(("lower", "upper", "dissimilarity_index", "local_point_density"))
        self.flags(flag_masks="1 32", flag_meanings="outside_area_of_applicability no_prediction")

    def validate(self, *, log: bool = False) -> None:
        """Write validation.json and out_of_fold.csv from `designs`."""
        reports = {name: design.report(log) for name, design in self.designs.items()}
        test = reports.pop("test", None)
        self.json(
            "model/validation.json",
            {
                "schema_version": 1,
                "designs": reports,
                "test": test,
                "intervals": {
                    "promised_under": "grouped",
                    "level": 0.9,
                    "designs": {name: _coverage(number) for number, name in enumerate(reports)},
                    "test": None if test is None else _coverage(len(reports)),
                },
                "applicability": {"design": "grouped", "threshold": 0.6171875, "outside": 3},
            }
            | self.told,
        )
        parts = [
            _sites()[["site_id", "method", "group"]].assign(
                design=name,
                fold=np.arange(SITES) % design.folds,
                observed=design.observed,
                predicted=design.predicted,
            )
            for name, design in self.designs.items()
            if design.borrowed_from is None
        ]
        self.csv("model/out_of_fold.csv", pd.concat(parts))

    def json(self, name: str, document: dict[str, Any]) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document), encoding="utf-8")

    def csv(self, name: str, table: pd.DataFrame) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)

    def map(self, values: np.ndarray) -> Path:
        path = self.folder / "map" / "vwc.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_map(path, values)
        return path

    def companion(self, bands: tuple[str, ...]) -> None:
        units = {"lower": "m3 m-3", "upper": "m3 m-3"}
        with _raster(self.folder / "map/vwc_companion.tif", len(bands), "float32") as dataset:
            dataset.descriptions = bands
            dataset.units = [units.get(band, "1") for band in bands]

    def flags(self, **tags: str) -> None:
        with _raster(self.folder / "map/vwc_flags.tif", 1, "uint8") as dataset:
            dataset.update_tags(**tags)

    @property
    def study(self) -> Study:
        return Study(self.folder, parse_study(self.toml, "study.toml"))

    def render(self, **provenance: str) -> Page:
        path = self.folder / "report.html"
        assert write_report(self.study, path, provenance=provenance) == [path]
        return Page(path.read_text(encoding="utf-8"))


def north_to_south() -> np.ndarray:
    """(rows, cols) float32: 0.45 in the north, falling to 0.1; a corner without data."""
    values = np.repeat(np.linspace(0.45, 0.1, ROWS, dtype=np.float32)[:, None], COLS, axis=1)
    values[-8:, -8:] = -9999
    return values


def write_map(
    path: Path, values: np.ndarray, crs: str | None = "EPSG:4326", pixel: float = PIXEL_DEG
) -> None:
    west, north = (WEST, NORTH) if crs in (None, "EPSG:4326") else (500_000.0, 4_000_000.0)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=values.shape[0], width=values.shape[1],
        dtype="float32", nodata=-9999, crs=crs,
        transform=Affine(pixel, 0, west, 0, -pixel, north),
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)


def _raster(path: Path, bands: int, dtype: str) -> Any:
    return rasterio.open(
        path, "w", driver="GTiff", count=bands, height=2, width=2, dtype=dtype, crs="EPSG:4326",
        transform=Affine(PIXEL_DEG, 0, WEST, 0, -PIXEL_DEG, NORTH),
    )  # fmt: skip
