"""The catalogue of covariates: what it says is what is computed, and the page says the same."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from gee.catalogue import auxiliary_layers, candidates, catalogue, licences
from gee.catalogue_page import page
from gee.datasets import DATASETS, dataset
from gee.errors import CatalogueError
from gee.local import algorithms_in, implemented
from gee.scope import Scope
from gee.settings import CompositeSettings
from gee.stack import fingerprint, graph, stack
from local_ml.units import require_known_unit

ROOT = Path(__file__).resolve().parents[2]
PIXEL_DEG = 90 / 111319.49079327358
SETTINGS = CompositeSettings()
EVERYTHING = CompositeSettings.model_validate(
    {"sentinel1": {"water_cloud": {"use": True}}, "optical": {"sensors": ["landsat8", "sentinel2"]}}
)
OWN_SOIL = CompositeSettings.model_validate(
    {
        "soil": {
            "source": "asset",
            "asset": {
                "image": "projects/me/assets/csdl/{property}_{depth}",
                "properties": {"clay": {"name": "clay"}, "porosity": {"name": "porosity"}},
                "licence": "CC BY-NC-SA 4.0",
                "condition": "no commercial use",
            },
        }
    }
)
Preset = Literal["published", "extended"]
PRESETS: tuple[Preset, ...] = ("published", "extended")
READERS = {"Image.load": "id", "ImageCollection.load": "id", "Collection.loadTable": "tableId"}


def plateau_scope() -> Scope:
    """The whole plateau, for which graphs are the largest."""
    transform = Affine(PIXEL_DEG, 0, 84_138 * PIXEL_DEG, 0, -PIXEL_DEG, 49_235 * PIXEL_DEG)
    return Scope(GeoBox((17_307, 45_343), transform, "EPSG:4326"), SETTINGS.years)


def names_of(preset: Preset) -> list[str]:
    return [entry.name for entry in candidates(CompositeSettings(preset=preset))]


@pytest.fixture
def client(new_scenes: Any, connected: Any) -> None:
    """The client, pointed at a service without any dataset: graphs need no more."""
    connected(new_scenes())


def read_by(document: bytes) -> set[str]:
    """Ids of the assets that a graph reads."""
    values = json.loads(document)["values"]
    found: set[str] = set()
    waiting: list[Any] = list(values.values())
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            call = part.get("functionInvocationValue", {})
            if call.get("functionName") in READERS:
                node = call["arguments"][READERS[call["functionName"]]]
                node = values[node["valueReference"]] if "valueReference" in node else node
                found.add(node["constantValue"])
            waiting += part.values()
    return found


class TestEntries:
    @pytest.mark.parametrize("settings", [SETTINGS, EVERYTHING, OWN_SOIL])
    def test_every_entry_is_whole(self, settings: CompositeSettings) -> None:
        """Catches empty texts, ranges out of order, units that nobody knows, unknown datasets."""
        entries = catalogue(settings)
        for name, entry in entries.items():
            assert entry.name == name
            assert name.isidentifier()
            assert entry.minimum < entry.maximum, name
            assert require_known_unit(entry.unit) == entry.unit
            for text in ("description", "period", "reducer", "way", "masked_where"):
                assert getattr(entry, text).strip(), f"{name} says nothing of its {text}"
            assert entry.datasets, name
            if settings is not OWN_SOIL:
                assert set(entry.datasets) <= set(DATASETS), name
            assert set(entry.presets) <= set(PRESETS)
            assert "published" not in entry.presets or "extended" in entry.presets, name
            assert bool(entry.presets) == (entry.role == "feature"), name

    def test_no_name_is_given_twice(self) -> None:
        """Catches two rooms with the same name, of which one would be lost without a word."""
        from gee.auxiliary.covariates import covariates as auxiliary
        from gee.climate.covariates import covariates as climate
        from gee.optical.covariates import covariates as optical
        from gee.sentinel1.covariates import covariates as radar
        from gee.soil.covariates import covariates as soil
        from gee.temperature.covariates import covariates as temperature
        from gee.terrain.covariates import covariates as terrain

        count = sum(
            len(entries)
            for entries in (
                radar(EVERYTHING.sentinel1),
                optical(EVERYTHING.optical),
                temperature(EVERYTHING.temperature),
                terrain(EVERYTHING.terrain),
                soil(EVERYTHING.soil),
                climate(EVERYTHING.climate),
                auxiliary(EVERYTHING.auxiliary),
            )
        )
        assert len(catalogue(EVERYTHING)) == count

    def test_the_presets(self) -> None:
        """Catches a group lost, or one that the record of the published map does not list."""
        groups = {
            preset: {catalogue(SETTINGS)[name].group for name in names_of(preset)}
            for preset in PRESETS
        }
        assert groups["published"] == {"radar", "optical", "temperature", "terrain", "soil"}
        assert groups["extended"] == groups["published"] | {"climate"}
        assert set(names_of("published")) < set(names_of("extended"))

    def test_what_is_never_learned_from(self) -> None:
        """Catches a porosity among the candidates, or computed where no study asks for it."""
        always = ["water_occurrence", "glacier"]
        assert [entry.name for entry in auxiliary_layers(SETTINGS)] == always
        for other in ("clay", "pores"):
            assert [entry.name for entry in auxiliary_layers(SETTINGS, other)] == always
        asked = [entry.name for entry in auxiliary_layers(SETTINGS, "porosity")]
        assert asked == ["porosity", *always]
        for preset in PRESETS:
            assert not set(asked) & set(names_of(preset))
        lakes = CompositeSettings.model_validate({"auxiliary": {"layers": ["water_occurrence"]}})
        assert [entry.name for entry in auxiliary_layers(lakes)] == ["water_occurrence"]


class TestChoice:
    def test_names_and_without(self) -> None:
        """Catches a choice in another order, or one that is not heard."""
        settings = CompositeSettings(
            covariates=("slope", "clay", "vv_thaw_ascending"), without=("clay",)
        )
        assert [entry.name for entry in candidates(settings)] == ["vv_thaw_ascending", "slope"]

    @pytest.mark.parametrize(
        ("keys", "text"),
        [
            ({"covariates": ("slop",)}, r"earthengine.covariates names 'slop'.*'slope'"),
            ({"without": ("glacier",)}, "auxiliary layer.*nothing to leave out"),
            ({"covariates": ("slope", "glacier")}, "auxiliary.layers puts it into the tiles"),
            ({"covariates": ("porosity",)}, 'set target.maximum_covariate = "porosity"'),
        ],
    )
    def test_names_that_are_none(self, keys: dict[str, Any], text: str) -> None:
        """Catches a misspelt name that would quietly change nothing."""
        with pytest.raises(CatalogueError, match=text):
            candidates(CompositeSettings.model_validate(keys))

    def test_years_out_of_order(self) -> None:
        """Catches years between which no scene lies: every pixel would be masked."""
        with pytest.raises(ValueError, match=r"years = \[2024, 2009\]"):
            CompositeSettings(years=(2024, 2009))
        assert CompositeSettings(years=(2019, 2019)).years == (2019, 2019)


class TestStack:
    @pytest.mark.parametrize("settings", [SETTINGS, EVERYTHING, OWN_SOIL])
    def test_every_entry_has_an_image_of_its_datasets(
        self, client: None, settings: CompositeSettings
    ) -> None:
        """Catches a name without an image, and a source or a licence that is not the true one."""
        for name, entry in catalogue(settings).items():
            if settings is not SETTINGS and entry == catalogue(SETTINGS).get(name):
                continue
            read = read_by(graph(stack([name], settings, plateau_scope())))
            if settings is OWN_SOIL and entry.group == "soil":
                assert read
                assert all(one.startswith("projects/me/assets/csdl/") for one in read)
            else:
                assert read == set(entry.datasets), name

    @pytest.mark.parametrize("preset", PRESETS)
    def test_graphs_are_small_known_and_the_same(self, client: None, preset: Preset) -> None:
        """Catches unrolled loops, algorithms that were never tried, and an order by chance."""
        names = names_of(preset)
        document = graph(stack(names, SETTINGS, plateau_scope()))
        assert document == graph(stack(names, SETTINGS, plateau_scope()))
        # The service takes 10 MB.
        assert len(document) < 500_000
        assert algorithms_in(json.loads(document)) <= set(implemented())

    def test_the_fingerprint_is_that_of_any_process(self, client: None) -> None:
        """Catches an order of sets or dictionaries that differs from run to run."""
        code = (
            "import ee\n"
            "from google.auth.credentials import AnonymousCredentials\n"
            "from ee import deprecation\n"
            "from gee.local import LocalEarthEngine\n"
            "deprecation.deprecated_assets = {'none': None}\n"
            "transport = LocalEarthEngine().transport()\n"
            "ee.Initialize(AnonymousCredentials(), project='p', http_transport=transport)\n"
            "from affine import Affine\n"
            "from odc.geo.geobox import GeoBox\n"
            "from gee.catalogue import candidates\n"
            "from gee.scope import Scope\n"
            "from gee.settings import CompositeSettings\n"
            "from gee.stack import fingerprint, stack\n"
            f"r = {PIXEL_DEG!r}\n"
            "place = Affine(r, 0, 84_138 * r, 0, -r, 49_235 * r)\n"
            "scope = Scope(GeoBox((17_307, 45_343), place, 'EPSG:4326'), (2009, 2024))\n"
            "settings = CompositeSettings(preset='extended')\n"
            "names = [entry.name for entry in candidates(settings)]\n"
            "print(fingerprint(stack(names, CompositeSettings(), scope)))\n"
        )
        found = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "1"},
        )
        here = fingerprint(stack(names_of("extended"), SETTINGS, plateau_scope()))
        assert found.stdout.strip() == here

    def test_a_window_asks_for_no_other_bands(self, client: None) -> None:
        """Catches a narrowed scope that changes what a stack is made of."""
        scope = plateau_scope()
        narrow = Scope(scope.geobox, scope.years, window=scope.geobox[9000:9512, 30_000:30_512])
        names = ["ndvi_peak", "lst_mean", "tpi_300m", "radiation_index", "clay", "precipitation"]
        document = graph(stack(names, SETTINGS, narrow))
        assert read_by(document) == read_by(graph(stack(names, SETTINGS, scope)))


class TestLicences:
    def test_each_dataset_once(self) -> None:
        """Catches a licence that is not shown, or shown for each covariate anew."""
        found = licences(candidates(SETTINGS))
        assert len({one.id for one in found}) == len(found)
        used = {name for entry in candidates(SETTINGS) for name in entry.datasets}
        assert {one.id for one in found} == used
        conditions = {one.id: one.condition for one in found}
        assert "commercial" in conditions["MERIT/Hydro/v1_0_1"]

    def test_what_a_study_brings_itself(self) -> None:
        """Catches a licence of one's own layers that is dropped, and a strange one called free."""
        (own,) = licences([catalogue(OWN_SOIL)["clay"]], OWN_SOIL)
        assert (own.licence, own.condition) == ("CC BY-NC-SA 4.0", "no commercial use")
        assert dataset("projects/me/assets/dem").condition
        other = CompositeSettings.model_validate({"terrain": {"dem": "CGIAR/SRTM90_V4"}})
        (cgiar,) = licences([catalogue(other)["slope"]], other)
        assert "redistribution" in cgiar.condition


class TestPage:
    def test_the_page_is_what_the_catalogue_says(self) -> None:
        """Catches a page that promises, or hides, a covariate."""
        written = (ROOT / "docs" / "covariates.md").read_text("utf-8")
        assert written == page(CompositeSettings()), (
            "run: python -m gee.catalogue > docs/covariates.md"
        )

    def test_its_example_of_a_study_s_own_soil_is_read(self) -> None:
        """Catches an example that nobody could use as it stands."""
        (example,) = re.findall(r"```toml\n(.*?)```", page(SETTINGS), re.DOTALL)
        settings = CompositeSettings.model_validate(tomllib.loads(example)["earthengine"])
        names = {name for name, entry in catalogue(settings).items() if entry.group == "soil"}
        assert names == {"clay", "organic_carbon", "bulk_density", "porosity"}

    def test_every_covariate_and_dataset_is_on_it(self) -> None:
        """Catches a group that the page leaves out."""
        text = page(EVERYTHING)
        for name, entry in catalogue(EVERYTHING).items():
            assert f"| `{name}` | {entry.unit} |" in text
            for one in entry.datasets:
                assert f"| `{one}` | {DATASETS[one].title} |" in text


def test_the_catalogue_does_not_need_earth_engine() -> None:
    """Catches an import that makes `alm90 --help` and the check of a study slow."""
    code = "import sys, gee.catalogue, gee.catalogue_page; print('ee' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert found.stdout.strip() == "False"
