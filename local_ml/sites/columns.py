"""The schema of a field table: each column's name, kind, unit and physical range.

In: a study's settings and target. Out: where each column of the schema comes from in the
user's table. Names that the schema does not know, and columns that the file does not hold,
are errors that name the nearest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from local_ml.errors import SiteTableError
from local_ml.names import nearest
from local_ml.settings import TargetSettings
from local_ml.sites.settings import SiteTableSettings
from local_ml.units import same_dimension

SPEED_OF_LIGHT_M_NS = 0.299792458


@dataclass(frozen=True)
class Column:
    """One column of the schema.

    Parameters
    ----------
    name : in the rows of a field table
    kind : of its values
    unit : of a number, in the notation of UDUNITS; '' for other kinds
    minimum, maximum : range physically possible, in that unit; None where open
    exclusive : the bounds themselves are not possible either
    """

    name: str
    kind: Literal["text", "number", "coordinate", "date"]
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    exclusive: bool = False


_SCHEMA = (
    Column("site_id", "text"),
    Column("longitude", "coordinate", "degree"),
    Column("latitude", "coordinate", "degree"),
    Column("x", "number"),  # in the unit of the study's CRS, whatever that is
    Column("y", "number"),
    Column("date", "date"),
    Column("year", "number", "", 1850, 2150),
    Column("method", "text"),
    Column("depth_top_m", "number", "m", 0, 500),
    Column("depth_bottom_m", "number", "m", 0, 500),
    Column("thaw_depth_m", "number", "m", 0, 500),
    Column("campaign", "text"),
    Column("transect", "text"),
    Column("elevation_m", "number", "m", -500, 9000),
    Column("split", "text"),
    Column("velocity_m_ns", "number", "m ns-1", 0, SPEED_OF_LIGHT_M_NS, True),
    Column("velocity_sd_m_ns", "number", "m ns-1", 0, SPEED_OF_LIGHT_M_NS, True),
    Column("antenna_offset_m", "number", "m", 0, 100),
    Column("two_way_time_ns", "number", "ns", 0, 1e5, True),
    Column("reflector_depth_m", "number", "m", 0, 500, True),
    Column("porosity", "number", "1", 0, 1, True),
)
# A target may take these names of the schema for itself; all others would be ambiguous.
_GIVES_WAY = ("porosity", "thaw_depth_m", "elevation_m")
VELOCITY_COLUMNS = ("velocity_m_ns", "antenna_offset_m", "two_way_time_ns", "reflector_depth_m")


def schema(target: TargetSettings) -> dict[str, Column]:
    """Return the columns by the name that settings use; the target's are its own name and `_sd`.

    Raises
    ------
    SiteTableError
        where the target is named like a column that the schema needs for something else.
    """
    taken = {column.name for column in _SCHEMA} - set(_GIVES_WAY)
    if target.name in taken:
        raise SiteTableError(
            f"the target cannot be called '{target.name}': the field table uses that name itself"
        )
    columns = {column.name: column for column in _SCHEMA if column.name != target.name}
    columns[target.name] = Column("target", "number", target.unit)
    columns[f"{target.name}_sd"] = Column("target_sd", "number", target.unit, 0, None, True)
    return columns


def check_settings(settings: SiteTableSettings, target: TargetSettings) -> None:
    """Check all that can be checked before the file is read.

    Raises
    ------
    SiteTableError
        naming every key of `[sites]` that is not in the schema, with the nearest that is, and
        every unit that cannot be converted.
    """
    known = schema(target)
    faults = []
    for section in ("columns", "units", "constants"):
        given: dict[str, object] = getattr(settings, section)
        faults += [
            f"[sites.{section}] '{name}' is not a column of the schema{nearest(name, known)}"
            for name in given
            if name not in known
        ]
    for name, unit in settings.units.items():
        if name not in known:
            continue
        if known[name].unit == "":
            faults.append(f"[sites.units] '{name}' has no unit that could be converted")
        elif not same_dimension(unit, known[name].unit):
            faults.append(
                f"[sites.units] '{name}' in '{unit}' cannot be converted to '{known[name].unit}'"
            )
    if faults:
        raise SiteTableError("; ".join(faults))


def locate_columns(
    settings: SiteTableSettings, target: TargetSettings, header: Sequence[str], file: str
) -> dict[str, int]:
    """Return, for each name of the schema that the file gives, the position of its column.

    Raises
    ------
    SiteTableError
        naming every mapped column that `header` does not hold (with the nearest that it does) or
        holds twice, and whatever a field table cannot do without.
    """
    known = schema(target)
    wanted = {name: column for name, column in settings.columns.items() if column != ""}
    # a column that bears the schema's own name needs no mapping
    settled = {*settings.columns, *settings.constants}
    wanted |= {name: name for name in known if name in header and name not in settled}
    if settings.key_columns:
        wanted.pop("site_id", None)
    faults = []
    for key, column in [*wanted.items(), *(("key_columns", c) for c in settings.key_columns)]:
        count = list(header).count(column)
        if count == 0:
            faults.append(
                f"column '{column}' (for {key}) is not in {file}{nearest(column, header)}"
            )
        elif count > 1:
            faults.append(f"column '{column}' (for {key}) stands {count} times in {file}")
    given = {*wanted, *settings.constants}
    faults += _what_is_wanting(given, settings, target, header, file)
    if faults:
        faults += _one_field(header, file)
        raise SiteTableError("; ".join(faults))
    return {name: list(header).index(column) for name, column in wanted.items()}


def _what_is_wanting(
    given: set[str],
    settings: SiteTableSettings,
    target: TargetSettings,
    header: Sequence[str],
    file: str,
) -> list[str]:
    faults = []
    pairs = (("longitude", "latitude"), ("x", "y"))
    if not any(first in given and second in given for first, second in pairs):
        faults.append(
            f"{file} has no position: map longitude and latitude, or x and y, in [sites.columns]"
            f"; it holds {_listed(header)}"
        )
    elif not {"longitude", "latitude"} <= given and settings.crs is None:
        faults.append("x and y need a coordinate reference system: set crs in [sites]")
    velocity = "velocity_m_ns" in given or set(VELOCITY_COLUMNS[1:]) <= given
    if target.name not in given and (not velocity or settings.gpr.invert == "never"):
        faults.append(
            f"{file} has no column for the target: map '{target.name}' in [sites.columns]"
            f"{nearest(target.name, header)}; it holds {_listed(header)}"
        )
    return faults


def _listed(header: Sequence[str]) -> str:
    return f"the columns {', '.join(map(repr, header))}"


def _one_field(header: Sequence[str], file: str) -> list[str]:
    """Say what parts the fields where the header seems to be a single one."""
    if len(header) > 1 or len(header[0].split()) < 2:
        return []
    return [
        f"the header of {file} is a single field, {header[0]!r}: if blanks part the fields, set "
        "delimiter = ' ' in [sites]"
    ]
