"""A published dataset's metadata record → the first values of a study.

Reads the JSON of China's National Cryosphere Desert Data Center (fields ``ds_acq_lon_west``
and so on): region, period, title and licence.
"""

import json
from pathlib import Path
from typing import Any

from export.errors import StudyError

_EDGES = {
    "west": "ds_acq_lon_west",
    "south": "ds_acq_lat_south",
    "east": "ds_acq_lon_east",
    "north": "ds_acq_lat_north",
}


def values_from_record(path: Path, *, accept_swapped_bounds: bool = False) -> dict[str, Any]:
    """Return values for `study_template` taken from the record at `path`.

    Parameters
    ----------
    accept_swapped_bounds : exchange edges that the record has the wrong way round

    Raises
    ------
    StudyError
        where the record is not readable, lacks an edge, or has edges swapped.
    """
    record = _read(path)
    region = {edge: _number(record, key, path) for edge, key in _EDGES.items()}
    for low, high in (("west", "east"), ("south", "north")):
        if region[low] < region[high]:
            continue
        if not accept_swapped_bounds:
            raise StudyError(
                f"{path}: {_EDGES[low]} ({region[low]:g}) is not less than {_EDGES[high]} "
                f"({region[high]:g}): the record has {low} and {high} swapped. If that is so, "
                "accept the swap with --accept-swapped-bounds; else mend the record"
            )
        region[low], region[high] = region[high], region[low]
    values: dict[str, Any] = {"region": region}
    if title := record.get("title_en") or record.get("title_cn"):
        values["title"] = str(title)
    if licence := record.get("license_type"):
        values["licence"] = str(licence)
    years = [_year(record, key, path) for key in ("ds_acq_start_time", "ds_acq_end_time")]
    if None not in years:
        values["period"] = years
    return values


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StudyError(f"the record {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise StudyError(f"the record {path} is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise StudyError(f"the record {path} is not a JSON object with named fields")
    return record


def _number(record: dict[str, Any], key: str, path: Path) -> float:
    try:
        return float(record[key])
    except KeyError as error:
        raise StudyError(f"the record {path} has no field {key}") from error
    except (TypeError, ValueError) as error:
        raise StudyError(f"the record {path}: {key} is not a number: {record[key]!r}") from error


def _year(record: dict[str, Any], key: str, path: Path) -> int | None:
    text = record.get(key)
    if not text:
        return None
    if not str(text)[:4].isdigit():
        raise StudyError(f"the record {path}: {key} does not begin with a year: {text!r}")
    return int(str(text)[:4])
