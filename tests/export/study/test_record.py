"""A metadata record becomes a study; edges that it has swapped are never guessed."""

import json
from pathlib import Path

import pytest

from export.errors import StudyError
from export.study.record import values_from_record

RECORD = {
    "title_en": "Moisture",
    "ds_acq_start_time": "2009-01-01 00:00:00",
    "ds_acq_end_time": "2024-12-31 00:00:00",
    "ds_acq_lon_west": 68.0,
    "ds_acq_lon_east": 104.0,
    "ds_acq_lat_south": 25.0,
    "ds_acq_lat_north": 39.0,
    "license_type": "CC-BY-4.0",
}


def write(folder: Path, **changes: object) -> Path:
    path = folder / "record.json"
    path.write_text(json.dumps({**RECORD, **changes}), encoding="utf-8")
    return path


def test_region_period_title_and_licence_are_taken(tmp_path: Path) -> None:
    assert values_from_record(write(tmp_path)) == {
        "region": {"west": 68.0, "south": 25.0, "east": 104.0, "north": 39.0},
        "title": "Moisture",
        "licence": "CC-BY-4.0",
        "period": [2009, 2024],
    }


def test_swapped_edges_are_refused_and_the_way_out_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, ds_acq_lon_west=104.0, ds_acq_lon_east=68.0)
    with pytest.raises(StudyError, match=r"west and east swapped.*--accept-swapped-bounds"):
        values_from_record(path)
    region = values_from_record(path, accept_swapped_bounds=True)["region"]
    assert (region["west"], region["east"]) == (68.0, 104.0)


@pytest.mark.parametrize(
    ("text", "named"),
    [("{", "not JSON"), ("[1]", "not a JSON object"), ('{"a": 1}', "no field ds_acq_lon_west")],
)
def test_a_record_that_is_none_is_refused(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=named):
        values_from_record(path)


def test_an_edge_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="ds_acq_lon_west is not a number"):
        values_from_record(write(tmp_path, ds_acq_lon_west="68°E"))


@pytest.mark.real
def test_the_published_record_is_refused_for_its_swapped_box(shared_data: Path) -> None:
    path = shared_data / "published_record.json"
    with pytest.raises(StudyError, match=r"ds_acq_lon_west \(104.683\).*swapped"):
        values_from_record(path)
    values = values_from_record(path, accept_swapped_bounds=True)
    assert values["region"]["west"] == pytest.approx(68.0244444)
    assert values["period"] == [2009, 2024]
