"""The field table through the command line: what was done to it is said, and names stay names."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

Alm90 = Callable[..., Result]


def records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_was_averaged_inverted_and_divided_is_said(
    alm90: Alm90, fresh: Callable[..., Path]
) -> None:
    """Fault: the notes stand in report.json alone, and nobody hears of merged rows."""
    folder = fresh()
    done = alm90("sites", folder)
    assert done.exit_code == 0, done.stderr
    averaged = len(records(folder / "sites" / "merged.csv"))
    assert averaged > 0
    assert f"; {averaged} rows averaged within pixels; " in " ".join(done.stdout.split())
    report = json.loads((folder / "sites" / "report.json").read_text(encoding="utf-8"))
    log = (folder / "log.txt").read_text(encoding="utf-8")
    assert any("were averaged" in note for note in report["notes"])
    assert any("from the radar velocity" in note for note in report["notes"])
    for note in report["notes"]:
        assert note in log


def test_the_target_may_be_the_depth_of_thaw(
    alm90: Alm90, fresh: Callable[..., Path], plateau_values: tuple[Path, dict[str, Any]]
) -> None:
    """Fault: the samples have the column twice, and training refuses them."""
    sites = plateau_values[1]["sites"]
    columns = {
        name: column
        for name, column in sites["columns"].items()
        if name in ("site_id", "longitude", "latitude")
    }
    columns["thaw_depth_m"] = sites["columns"]["vwc"]
    folder = fresh(
        target={"name": "thaw_depth_m", "unit": "m", "maximum": 100.0},
        sites={"file": sites["file"], "columns": columns},
        covariates=plateau_values[1]["covariates"][:2],
    )
    assert alm90("sites", folder).exit_code == 0
    done = alm90("sample", folder)
    assert done.exit_code == 0, done.stderr
    header = (folder / "samples.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert header.count("thaw_depth_m") == 1
    screened = {one["site_id"]: one for one in records(folder / "sites" / "screened.csv")}
    for record in records(folder / "samples.csv"):
        assert record["thaw_depth_m"] == screened[record["site_id"]]["target"] != ""


def test_a_site_called_na_keeps_its_name(
    alm90: Alm90, fresh: Callable[..., Path], plateau_values: tuple[Path, dict[str, Any]]
) -> None:
    """Fault: pandas takes the name for a missing one, and the samples cannot be read."""
    sites = plateau_values[1]["sites"]
    columns = {name: column for name, column in sites["columns"].items() if name != "site_id"}
    folder = fresh(
        sites={**sites, "columns": columns, "key_columns": [sites["columns"]["site_id"]]},
        covariates=plateau_values[1]["covariates"][:1],
    )
    table = folder / "sites.csv"
    text = table.read_text(encoding="utf-8")
    first = text.splitlines()[1].split(",")[0]
    table.write_text(text.replace(f"\n{first},", "\nNA,"), encoding="utf-8")
    assert alm90("sites", folder).exit_code == 0
    done = alm90("sample", folder)
    assert done.exit_code == 0, done.stderr
    names = [record["site_id"] for record in records(folder / "samples.csv")]
    assert names.count("NA") == 1
    assert "" not in names


def test_too_few_sites_for_the_folds_are_told_at_once(
    alm90: Alm90, fresh: Callable[..., Path]
) -> None:
    """Fault: ten sites pass, and training ends with "8 training sites" as if two were lost."""
    folder = fresh(validation={"folds": 5, "workers": 1})
    table = folder / "sites.csv"
    header, *rows = table.read_text().splitlines(keepends=True)
    table.write_text("".join([header, *rows[:: len(rows) // 12][:12]]))
    done = alm90("sites", folder)
    assert done.exit_code == 0, done.stderr
    assert len(records(folder / "sites" / "screened.csv")) == 12
    said = " ".join((done.stdout + done.stderr).split())
    assert "12 sites to train on will not do" in said
    assert "the largest leaves 9 to learn from" in said
    assert "so 13 sites or more" in said


def test_a_mask_that_selects_nothing_is_an_error_of_its_own(
    alm90: Alm90, fresh: Callable[..., Path], plateau_values: tuple[Path, dict[str, Any]]
) -> None:
    """Fault: all sites "outside the region", of which each lies within its edges."""
    region = plateau_values[1]["region"]
    folder = fresh(region={**region, "mask_values": [7]})
    done = alm90("sites", folder)
    assert done.exit_code in (2, 3)
    said = " ".join(done.stderr.split())
    assert f"the region holds no pixel: its mask ({region['mask']}, mask_values = [7])" in said
    assert "there the mask holds 0, 1" in said


def test_a_year_that_is_yet_to_come_is_told(
    alm90: Alm90, fresh: Callable[..., Path], plateau_values: tuple[Path, dict[str, Any]]
) -> None:
    sites = plateau_values[1]["sites"]
    columns = {name: "" if name == "date" else of for name, of in sites["columns"].items()}
    constants = {**sites.get("constants", {}), "year": 2149}
    folder = fresh(sites={**sites, "columns": columns, "constants": constants})
    done = alm90("sites", folder)
    assert done.exit_code == 0, done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert "the year, up to 2149, is yet to come in rows 2, 8, " in said
    assert "2149" not in (folder / "sites" / "report.json").read_text(encoding="utf-8")
