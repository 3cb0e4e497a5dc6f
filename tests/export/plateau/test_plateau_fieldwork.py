"""The field table: where the sites lie, what they measured, and what a reader makes of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from export.plateau import PlateauExample
from export.plateau.fieldwork import BLEMISHES, plan_visits, velocity_m_ns
from export.plateau.world import Plateau
from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region, positions
from local_ml.settings import TargetSettings
from local_ml.sites import ScreenedSites, read_field_table, screen
from local_ml.sites.gpr import water_content
from local_ml.sites.settings import GprSettings, SiteTableSettings

N_SITES = 60


@pytest.fixture(scope="module")
def screened(example: PlateauExample, plateau: Plateau, plateau_folder: Path) -> ScreenedSites:
    settings, target = SiteTableSettings.model_validate(example.sites), TargetSettings()
    table = read_field_table(plateau_folder / settings.file, settings, target)
    geobox = geobox_of_region(*example.region, "EPSG:4326", PLATEAU_PIXEL_DEG)
    longitude, latitude = table.rows["longitude"], table.rows["latitude"]
    row, col, inside = positions(geobox, longitude, latitude)
    inside[inside] = plateau.climate.permafrost[row[inside], col[inside]]
    swapped = positions(geobox, latitude, longitude)[2]
    located = {"row": row, "col": col, "in_region": inside, "in_region_swapped": swapped}
    return screen(table, settings, target, pd.DataFrame(located), "the region")


def test_velocity_is_the_reader_s_inversion_run_backwards() -> None:
    """Catches constants that differ from the reader's."""
    vwc, porosity = np.meshgrid(np.linspace(0.02, 0.55, 20), np.linspace(0.3, 0.7, 9))
    velocity = velocity_m_ns(vwc, porosity).ravel()
    none = np.full(velocity.size, np.nan)
    back = water_content(velocity, none, porosity.ravel(), GprSettings())
    np.testing.assert_allclose(back.value, vwc.ravel(), rtol=1e-9)


@pytest.mark.parametrize(
    ("velocity", "vwc"),
    [(0.06, 0.456), (0.07, 0.375), (0.08, 0.309), (0.09, 0.255), (0.10, 0.210), (0.12, 0.136)],
)
def test_velocity_against_published_constants(velocity: float, vwc: float) -> None:
    """Catches a wrong exponent or permittivity: values for a porosity of 0.4."""
    assert np.isclose(velocity_m_ns(np.array(vwc), np.array(0.4)), velocity, atol=3e-4)


def test_sites_lie_in_distinct_pixels_of_the_permafrost(plateau: Plateau) -> None:
    """Catches sites in lakes, outside the mask, or sharing a pixel."""
    visits = plan_visits(plateau, N_SITES)
    places = [(visit.row, visit.col) for visit in visits]
    assert len(set(places)) == len(places) == N_SITES
    assert len({visit.name for visit in visits}) == N_SITES
    assert all(plateau.active_layer[place] for place in places)
    assert sum(visit.method == "cutting ring" for visit in visits) == round(N_SITES * 120 / 342)


def test_sites_are_clustered(plateau: Plateau) -> None:
    """Catches sites strewn evenly: the nearest neighbour lies within a few hundred metres."""
    visits = plan_visits(plateau, N_SITES)
    places = np.array(
        [(v.row * plateau.grid.height_m, v.col * plateau.grid.mean_width_m) for v in visits]
    )
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    strewn = 0.5 * np.sqrt(np.prod(plateau.grid.shape) * 90 * 73 / N_SITES)
    assert np.median(apart.min(axis=0)) < 0.5 * strewn


def test_too_many_sites_are_refused(plateau: Plateau) -> None:
    """Catches an endless search for room that is not there."""
    with pytest.raises(ValueError, match="too few pixels fit"):
        plan_visits(plateau, 60_000)


def test_screening_finds_the_blemishes_and_keeps_the_rest(
    screened: ScreenedSites, plateau: Plateau
) -> None:
    """Catches a blemish that passes, or a good site that a blemish takes with it."""
    reasons = dict(zip(screened.excluded["site_id"], screened.excluded["reason"], strict=True))
    assert reasons == {
        "P901": "target missing",
        "P902": "longitude and latitude look swapped",
        "P903": "out of the region",
    }
    assert screened.merged["into"].nunique() == 1  # the pit that was entered twice
    assert any(site.endswith(" again") for site in screened.merged["site_id"])
    assert len(reasons) + 1 == len(BLEMISHES)
    visited = {(visit.row, visit.col) for visit in plan_visits(plateau, N_SITES)}
    found = set(zip(screened.sites["row"], screened.sites["col"], strict=True))
    assert found == visited


def test_measurements_carry_the_errors_of_their_methods(
    screened: ScreenedSites, plateau: Plateau
) -> None:
    """Catches intervals whose mean is not the site's, and errors that are absent or biased."""
    sites = screened.sites
    truth = plateau.moisture.truth[sites["row"], sites["col"]]
    error = sites["target"].to_numpy() - truth
    for method in ("ring", "gpr"):
        own = error[(sites["method"] == method).to_numpy()]
        assert abs(own.mean()) < 3 * 0.023 / np.sqrt(own.size)
        assert 0.012 < own.std() < 0.032
    assert sites["target"].between(0.0, 0.7).all()
