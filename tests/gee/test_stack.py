"""Both presets whole, through the real client, over a small plateau with every dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from export.plateau.scenes import scene_settings, write_scenes
from export.plateau.world import Plateau, make_plateau
from gee.catalogue import auxiliary_layers, candidates
from gee.errors import CatalogueError
from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region, tiles_of
from gee.local.algorithms import composites
from gee.pixels import read_window
from gee.scope import Scope
from gee.settings import EarthEngineSettings
from gee.stack import stack

Array = np.ndarray[Any, Any]
SHAPE = (18, 22)


@pytest.fixture(scope="module")
def plateau() -> Plateau:
    """The truth behind the scenes."""
    return make_plateau(2026, SHAPE)


@pytest.fixture(scope="module")
def folder(plateau: Plateau, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes of every dataset that both presets read."""
    made = tmp_path_factory.mktemp("plateau")
    write_scenes(plateau, made)
    return made


@pytest.fixture(scope="module")
def geobox(plateau: Plateau) -> GeoBox:
    return geobox_of_region(*plateau.grid.bounds_deg, "EPSG:4326", PLATEAU_PIXEL_DEG)


def settings_of(preset: str) -> EarthEngineSettings:
    return EarthEngineSettings.model_validate({**scene_settings(), "preset": preset})


def evaluated(preset: str, geobox: GeoBox, window: GeoBox | None = None) -> dict[str, Array]:
    """Every band of a preset by name, (rows, cols), in one request; a tile's scope is narrowed."""
    settings = settings_of(preset)
    names = [entry.name for entry in candidates(settings)]
    image = stack(names, settings, Scope(geobox, settings.years, window))
    values = read_window(image, names, geobox if window is None else window)
    return dict(zip(names, values, strict=True))


@pytest.fixture(scope="module")
def cache() -> dict[str, dict[str, Array]]:
    return {}


@pytest.fixture
def whole(cache: Any, folder: Path, geobox: GeoBox, connected: Any) -> dict[str, Array]:
    """The extended preset, asked for once."""
    connected(folder)
    if not cache:
        cache["extended"] = evaluated("extended", geobox)
    return cache["extended"]


def test_every_band_has_values_in_its_range(whole: dict[str, Array]) -> None:
    """Catches a band without a pixel, of one value, or in another unit than the catalogue says."""
    entries = {entry.name: entry for entry in candidates(settings_of("extended"))}
    assert list(whole) == list(entries)
    for name, values in whole.items():
        seen = values[np.isfinite(values)]
        assert values.shape == SHAPE
        assert seen.size > 0.5 * values.size, name
        assert entries[name].minimum <= seen.min(), name
        assert seen.max() <= entries[name].maximum, name
        # A pixel of the climate is many times as wide as this plateau.
        assert np.ptp(seen) > 0 or entries[name].group == "climate", name


def test_bands_are_those_of_the_plateau(whole: dict[str, Array], plateau: Plateau) -> None:
    """Catches a band that is mirrored, shifted or of another season: the truth is known here."""
    aspect = np.deg2rad(plateau.terrain.aspect_deg)
    truth = {
        "elevation": (plateau.terrain.elevation_m, 0.999),
        "slope": (plateau.terrain.slope_deg, 0.9),
        "aspect_sine": (np.sin(aspect), 0.85),
        "aspect_cosine": (np.cos(aspect), 0.85),
        "radiation_index": (plateau.terrain.radiation_index, 0.95),
        "tpi_300m": (plateau.terrain.tpi_m[300], 0.9),
        "vv_thaw_ascending": (plateau.radar.vv_thaw, 0.5),
        "ndvi_peak": (plateau.ndvi, 0.7),
    }
    inner = np.s_[2:-2, 2:-2]
    for name, (expected, least) in truth.items():
        found, expected = whole[name][inner], expected[inner]
        both = np.isfinite(found) & np.isfinite(expected)
        correlation = np.corrcoef(found[both], expected[both])[0, 1]
        assert correlation > least, f"{name}: {correlation:.3f}"


def test_four_tiles_are_one_request(
    whole: dict[str, Array], geobox: GeoBox, folder: Path, connected: Any
) -> None:
    """Catches a pixel that depends on the tile in which it is asked for, in any band."""
    connected(folder)
    rows, cols = SHAPE
    tiles = tiles_of(geobox, max(rows, cols) // 2)
    assert len(tiles) == 4
    for tile in tiles:
        part = evaluated("extended", geobox, tile.geobox)
        row, col, height, width = tile.window
        for name, values in part.items():
            expected = whole[name][row : row + height, col : col + width]
            np.testing.assert_array_equal(values, expected, err_msg=f"{name} in {tile.name}")


def test_a_preset_changes_no_band(
    whole: dict[str, Array], geobox: GeoBox, folder: Path, connected: Any
) -> None:
    """Catches a covariate that depends on which others are asked for beside it."""
    connected(folder)
    for name, values in evaluated("published", geobox).items():
        np.testing.assert_array_equal(values, whole[name], err_msg=name)


def test_images_of_a_collection_are_of_one_type(
    geobox: GeoBox, folder: Path, connected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches what the service may refuse: "some bands might require explicit casts"."""
    reduced: list[list[dict[str, str]]] = []
    inner = composites.reduce_collection

    def noted(collection: Any, *arguments: Any, **options: Any) -> Any:
        reduced.append(
            [
                {band.name: band.pixel_type.precision for band in one.bands}
                for one in collection.elements
            ]
        )
        return inner(collection, *arguments, **options)

    monkeypatch.setattr(composites, "reduce_collection", noted)
    connected(folder)
    evaluated("extended", geobox, geobox[:1, :1])
    assert max(len(images) for images in reduced) > 50
    for images in reduced:
        assert all(one == images[0] for one in images), images[:3]


def test_auxiliary_layers(geobox: GeoBox, folder: Path, connected: Any) -> None:
    """Catches layers that are in the catalogue and not in the stack."""
    connected(folder)
    settings = settings_of("published")
    names = [entry.name for entry in auxiliary_layers(settings, "porosity")]
    assert names == ["porosity", "water_occurrence", "glacier"]
    image = stack(names, settings, Scope(geobox, settings.years))
    porosity, water, glacier = read_window(image, names, geobox)
    known = porosity[np.isfinite(porosity)]
    assert known.size > porosity.size / 2
    assert ((known > 0.2) & (known < 0.8)).all()
    assert np.isfinite(water).all()
    assert set(np.unique(glacier)) == {0.0, 1.0}


@pytest.mark.parametrize(
    "names", [[], ["slope", "slope"], ["slope", "slop"]], ids=["none", "twice", "unknown"]
)
def test_names_that_make_no_stack(
    names: list[str], geobox: GeoBox, folder: Path, connected: Any
) -> None:
    """Catches bands that would be renamed or dropped without a word."""
    connected(folder)
    with pytest.raises(CatalogueError, match="each once"):
        stack(names, settings_of("published"), Scope(geobox, (2019, 2020)))
