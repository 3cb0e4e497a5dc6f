"""Real studies of other soil properties, on data that lie outside the project.

    python examples/real_data.py vindum --data DATA --out DIR
    python examples/real_data.py meuse --data DATA --out DIR

DATA holds the folders ``vindum`` (points.csv and rasters/*.tif: soil organic matter at 285 points
of a Danish field, Møller et al. 2020, doi:10.5194/soil-6-269-2020, from the R package obliquer)
and ``meuse`` (points.csv and rasters/*.tif: heavy metals at 155 points by the river Meuse).
A study is written into DIR and run by `alm90 run`; its tables are used as they were found.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from export.study.template import study_template


def vindum(data: Path) -> dict[str, Any]:
    """Soil organic matter: 213 points to train on and 72 to test, 19 rasters at 1.6 m."""
    rasters = sorted((data / "rasters").glob("*.tif"))
    # Two nodata conventions, one of which is written with fewer digits than the pixels hold.
    covariates = [
        {
            "name": path.stem,
            "file": str(path),
            "minimum": -1e6,
            "maximum": 1e6,
            "group": _group(path),
        }
        for path in rasters
    ]
    return {
        "name": "vindum",
        "title": "Soil organic matter of the Vindum field",
        "outside_files": True,
        "target": {
            "name": "som",
            "unit": "%",
            "minimum": 0.0,
            "maximum": 100.0,
            "transform": "log",
        },
        "grid": {"like": str(data / "rasters" / "elevation.tif")},
        "sites": {
            "file": str(data / "points.csv"),
            "crs": "EPSG:25832",
            "columns": {"site_id": "id", "som": "som_pct", "split": "split"},
            # The field is one chain of neighbours: divided into ten parts or more.
            "groups": {"distance_m": 20.0, "maximum_share": 0.1},
        },
        "covariates": covariates,
    }


def _group(path: Path) -> str:
    if path.stem in ("DVI", "NDVI", "RVI", "SAVI"):
        return "optical"
    return "soil" if path.stem == "ECa" else "terrain"


def meuse(data: Path) -> dict[str, Any]:
    """Zinc on a logarithmic scale: 155 points, 12 rasters at 40 m without CRS, two categorical."""
    covariates: list[dict[str, Any]] = []
    for path in sorted((data / "rasters").glob("*.tif")):
        entry: dict[str, Any] = {
            "name": path.stem,
            "file": str(path),
            "crs": "EPSG:28992",
            "group": "optical" if path.stem.startswith("landimg") else "terrain",
        }
        if path.stem in ("soil", "ffreq"):
            entry |= {"categorical": True, "group": "soil"}
        covariates.append(entry)
    return {
        "name": "meuse",
        "title": "Zinc in the topsoil of the Meuse flood plain",
        "outside_files": True,
        "target": {
            "name": "zinc",
            "unit": "mg kg-1",
            "minimum": 0.0,
            "maximum": 5000.0,
            "transform": "log",
        },
        "grid": {"like": str(data / "rasters" / "dem.tif"), "crs": "EPSG:28992"},
        "sites": {
            "file": str(data / "points.csv"),
            "crs": "EPSG:28992",
            "columns": {"zinc": "zinc"},
            "groups": {"distance_m": 150.0},
        },
        "covariates": covariates,
    }


STUDIES = {"vindum": vindum, "meuse": meuse}


def main() -> int:
    """Write the study and run it; return the exit code of the run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=sorted(STUDIES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    values = STUDIES[options.study]((options.data / options.study).resolve())
    (options.out / "study.toml").write_text(study_template(values), encoding="utf-8")
    alm90 = Path(sys.executable).with_name("alm90")
    return subprocess.run([alm90, "run", options.out], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
