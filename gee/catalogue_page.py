"""The page about all covariates, `docs/covariates.md`: a table a group, then the datasets."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from gee.catalogue import catalogue, licences
from gee.covariate import Covariate
from gee.settings import CompositeSettings

TITLES = {
    "radar": "Radar",
    "optical": "Optical",
    "temperature": "Land surface temperature",
    "terrain": "Terrain",
    "soil": "Soil",
    "climate": "Climate and snow",
    "auxiliary": "Auxiliary layers",
}
PASSES = ("ascending", "descending")
NOTES = {
    "auxiliary": "They describe a pixel, and are never learned from.",
    "soil": """\
From SoilGrids 2.0 unless the study says otherwise. `source = "openlandmap"` takes OpenLandMap,
which has no coarse fragments. `source = "asset"` takes layers of one's own, such as CSDLv2 (not on
Earth Engine, and not to be redistributed) after it was uploaded; scale and offset bring what is
stored to the units below:

```toml
[earthengine.soil]
source = "asset"
depth_cm = [0, 200]

[earthengine.soil.asset]
image = "projects/my-project/assets/csdl/{property}_{depth}"
depths = ["0-5cm", "5-15cm", "15-30cm", "30-60cm", "60-100cm", "100-200cm"]
boundaries_cm = [0, 5, 15, 30, 60, 100, 200]
licence = "as the publisher of the layers states it"

[earthengine.soil.asset.properties]
clay = { name = "clay" }
organic_carbon = { name = "OC" }
bulk_density = { name = "BD" }
porosity = { name = "porosity", scale = 0.01 }
```

`active_layer_asset` names an image of the thickness of the active layer, down to which properties
are averaged instead.""",
}


def page(settings: CompositeSettings) -> str:
    """Return the page in Markdown, as it is with these settings."""
    entries = list(catalogue(settings).values())
    groups = [(group, list(members)) for group, members in groupby(entries, lambda one: one.group)]
    parts = [_introduction(entries, settings)]
    parts += [_group(group, members) for group, members in groups]
    parts.append(_datasets(entries, settings))
    return "\n".join(parts)


def _introduction(entries: Sequence[Covariate], settings: CompositeSettings) -> str:
    counts = {
        preset: sum(preset in entry.presets for entry in entries)
        for preset in ("published", "extended")
    }
    first, last = settings.years
    return f"""\
# Covariates that Earth Engine computes

This page is generated (`python -m gee.catalogue > docs/covariates.md`) from the catalogue that the
program itself uses, with the settings as they are unless a study changes them; a test holds it
true. A study chooses by `[earthengine] preset`, `covariates` and `without`.

- **P**: preset `published`, {counts["published"]} covariates: what the record of the published map
  lists (radar, indices of vegetation and water, land surface temperature, terrain, soil).
- **E**: preset `extended`, {counts["extended"]} covariates: these, and what the record does not
  list, such as precipitation, snow and the frozen reference of the radar.

Scenes of {first} to {last} are used where nothing else is said. A value outside the valid range
counts as missing, and is counted. What becomes of a pixel where a covariate is missing: `nodata`
gives it no prediction, `native` leaves it to the learners, `impute` fills it.
"""


def _group(group: str, entries: Sequence[Covariate]) -> str:
    lines = [f"## {TITLES[group]}", ""]
    if group in NOTES:
        lines += [NOTES[group], ""]
    lines += [
        "| covariate | unit | valid | | missing | what it is |",
        "|---|---|---|---|---|---|",
        *(_row(entry) for entry in entries),
        "",
        *_how(entries),
    ]
    return "\n".join(lines)


def _row(entry: Covariate) -> str:
    marks = " ".join(
        mark for mark, preset in (("P", "published"), ("E", "extended")) if preset in entry.presets
    )
    valid = f"{entry.minimum:g} to {entry.maximum:g}"
    cells = (f"`{entry.name}`", entry.unit, valid, marks, entry.missing, entry.description)
    return _table_row(cells)


def _how(entries: Sequence[Covariate]) -> list[str]:
    """Return how they are made: what all share once, then a row for those that are made alike."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for entry in entries:
        alike.setdefault(_making(entry), []).append(entry.name)
    shared = [len(set(column)) == 1 for column in zip(*alike, strict=True)]
    titles = (
        "period",
        "from scenes to one value",
        "onto the grid",
        "no value where",
        "computed from",
    )
    first = next(iter(alike))
    lines = [
        f"- {title}: {text}" for title, text, one in zip(titles, first, shared, strict=True) if one
    ]
    if lines:
        lines = ["Common to all:", "", *lines, ""]
    differing = [title for title, one in zip(titles, shared, strict=True) if not one]
    if not differing:
        return lines
    lines += [_table_row(("", *differing)), _table_row(["---"] * (1 + len(differing)))]
    for making, names in alike.items():
        texts = [text for text, one in zip(making, shared, strict=True) if not one]
        lines.append(_table_row((", ".join(f"`{name}`" for name in names), *texts)))
    return [*lines, ""]


def _making(entry: Covariate) -> tuple[str, ...]:
    """Return the texts on how it is made; those of both passes of a satellite are the same."""
    side = entry.name.rpartition("_")[2]
    texts: tuple[str, ...] = (entry.period, entry.reducer, entry.way, entry.masked_where)
    if side in PASSES:
        texts = tuple(text.replace(side, " or ".join(PASSES)) for text in texts)
    return (*texts, ", ".join(f"`{name}`" for name in entry.datasets))


def _datasets(entries: Iterable[Covariate], settings: CompositeSettings) -> str:
    rows = [
        _table_row((f"`{one.id}`", one.title, one.licence, one.condition))
        for one in licences(entries, settings)
    ]
    head = """\
## Datasets and licences

What a choice of covariates is bound to is shown when it is sampled, and in the report of the map.

| id on Earth Engine | what it is | licence | condition |
|---|---|---|---|
"""
    return head + "\n".join(rows) + "\n"


def _table_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
