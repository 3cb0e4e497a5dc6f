"""A finished study in miniature, its files in the forms in which the steps write them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from miniature_documents import (
    COMPARISON,
    COUNTS,
    COVARIATES,
    MANIFEST,
    SELECTION,
    SITE_REPORT,
    SITES,
    STUDY,
)
from page import Page

from export.report import write_report
from export.study import Study, parse_study
from local_ml.scores.metrics import bias_by_fifths, scores

WEST, NORTH, PIXEL_DEG = 93.0, 35.5, 0.01
ROWS, COLS = 30, 40


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
