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
    "radar": """\
Which scenes count as thawed or frozen is decided by ERA5-Land at the hour of the overpass: by a
model, on cells of some 9 km. Its soil is too cold in permafrost regions of the middle latitudes,
such as the plateau, and in the high latitudes too warm in winter (Cao et al. 2020,
doi:10.5194/tc-14-2581-2020); reanalyses, ERA5 among them, hold too much snow over the plateau
(Orsolini et al. 2019, doi:10.5194/tc-13-2221-2019), and ERA5-Land takes its snowfall from ERA5.
Both leave out scenes of thawed, bare ground: those of October before those of September, of the
morning before those of the evening, of high ground before those of low. The composites lean
towards the warmer part of the season there, and rest on fewer scenes:
`observations_thaw_ascending` and `observations_thaw_descending` say on how many. In the frozen
reference a soil that is modelled too cold lets a scene pass that was not frozen through, against
which the limit lies some kelvins below 0 degC. `thaw_soil_above_k`, `thaw_snow_below_m` and
`frozen_soil_below_k` move the limits; a season may cross the new year, as the frozen reference
does.""",
    "temperature": """\
MODIS sees the surface through a clear sky alone, so all of this is the temperature of clear days
and nights, degree-days included. Cloud keeps a winter's surface warmer than it is under a clear
sky: freezing degree-days come out too many, and the mean too low (a known limit of such products:
ESA DUE Permafrost, doi:10.1594/PANGAEA.780111). In summer cloud cools the day and warms the
night, so that thawing degree-days and the mean of the overpasses may err to either side. The
error grows with the cloud of a place and season, and so differs over a region. The surface is
that of grass, stones or snow: under snow the ground is warmer than this, and the frost that
enters it less.""",
    "climate": """\
`precipitation`, `precipitation_summer` and `air_temperature` are ERA5-Land's, of cells of some 9
km; the error of its soil (see Radar) goes with that of its air (Cao et al. 2020). A constant
error costs the learners nothing, one that grows with height or from region to region does.
`snow_cover_days` does not come from ERA5-Land and does not share its excess of snow: it counts
clear looks of MODIS in the morning, takes them for the cloudy days of the same month, and misses
snow that is gone before the sky clears, or too thin and patchy for the limit.""",
    "auxiliary": """\
They describe a pixel, and are never learned from. These lie in the tiles of every study
(`[earthengine.auxiliary] layers`); `porosity`, under Soil, is another one, for those who ask.""",
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
are averaged instead.

`porosity` is an auxiliary layer: never learned from, since bulk density tells the models the
same. `target.maximum_covariate = "porosity"` bounds the target by it at each place; it is then
sampled and lies in the tiles, and otherwise is not computed at all.""",
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

- **P**: preset `published`, {counts["published"]} covariates of the kinds that the record of the
  published map lists: Sentinel-1, NDVI, NDWI, land surface temperature, terrain, soil.
- **E**: preset `extended`, {counts["extended"]} covariates: these, and kinds that the record does
  not list, such as precipitation, snow and the frozen reference of the radar.

The record names kinds and no single covariate, so `published` is no copy of its list. It goes
beyond it: backscatter of both passes and polarisations beside the inverted index, which itself
needs the frozen reference; NDVI of two seasons and two indices that are both called NDWI;
degree-days from the land surface temperature; eleven covariates of the terrain. And it departs
from it: SoilGrids in the place of CSDLv2, which is not on Earth Engine; the terrain from SRTM of
30 m, not 90 m; the upslope area of the wetness index from MERIT Hydro. `covariates = [...]` makes
a list of one's own.

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
