"""A stand-in in place of Google: in this process or at an address; connections end with a study."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
from google.auth.credentials import AnonymousCredentials

from gee import session
from gee.errors import RefusedError
from gee.grid import geobox_of_region
from gee.local import LocalEarthEngine
from gee.settings import EarthEngineSettings


class TestStandIn:
    @pytest.fixture
    def study(self, tmp_path: Path, new_scenes: Callable[[], Any]) -> Iterator[Path]:
        scenes = new_scenes()
        grid = geobox_of_region(93.0, 35.0, 93.03, 35.02, "EPSG:4326", 0.01)
        scenes.image("HEIGHT", {"m": np.full(grid.shape, 4500, np.float32)}, grid)
        shutil.copytree(scenes.folder, tmp_path / "scenes")
        yield tmp_path
        session.disconnect()

    def test_a_folder_in_the_study_answers_in_this_process(self, study: Path) -> None:
        session.connect(EarthEngineSettings(url="local:scenes"), study)
        assert ee.Image("HEIGHT").bandNames().getInfo() == ["m"]
        service = session.local_service()
        assert service is not None
        assert service.requests.calls("value:compute")[0].body["workloadTag"] == "alm90"

    def test_connecting_twice_is_connecting_once(self, study: Path) -> None:
        for _ in range(2):
            session.connect(EarthEngineSettings(url="local:scenes"), study)
        service = session.local_service()
        assert service is not None
        assert len(service.requests.calls("algorithms")) == 1

    def test_other_settings_connect_anew(self, study: Path) -> None:
        session.connect(EarthEngineSettings(url="local:scenes"), study)
        first = session.local_service()
        session.connect(EarthEngineSettings(url="local:scenes", workers=3), study)
        second = session.local_service()
        assert second is not first
        of_other_years = EarthEngineSettings(url="local:scenes", workers=3, years=(2015, 2016))
        session.connect(of_other_years, study)
        assert session.local_service() is second, "composites are no matter of the connection"
        (study / "scenes" / "catalogue.json").touch()
        session.connect(EarthEngineSettings(url="local:scenes", workers=3), study)
        assert session.local_service() is not second, "the catalogue may have been written anew"

    def test_a_client_that_others_pointed_elsewhere_is_pointed_back(self, study: Path) -> None:
        session.connect(EarthEngineSettings(url="local:scenes"), study)
        other = LocalEarthEngine()
        ee.Reset()
        ee.deprecation.deprecated_assets = {"none": None}
        ee.Initialize(AnonymousCredentials(), project="p-other", http_transport=other.transport())
        session.connect(EarthEngineSettings(url="local:scenes"), study)
        assert ee.Image("HEIGHT").bandNames().getInfo() == ["m"]

    def test_over_an_address(self, study: Path, home: Path) -> None:
        with LocalEarthEngine(study / "scenes").serve() as server:
            session.connect(EarthEngineSettings(url=f"{server.url}/"), study)
            assert session.local_service() is None
            assert ee.Image("HEIGHT").bandNames().getInfo() == ["m"]
            session.disconnect()

    def test_a_proxy_is_left_out_for_this_machine(
        self, study: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        with LocalEarthEngine(study / "scenes").serve() as server:
            session.connect(EarthEngineSettings(url=server.url), study)
            session.disconnect()

    def test_a_folder_that_is_none(self, study: Path, user: Any) -> None:
        message = user.error_of(
            lambda: session.connect(EarthEngineSettings(url="local:nowhere"), study), RefusedError
        )
        assert "local:nowhere" in message
        (study / "scenes" / "catalogue.json").write_text("{", "utf-8")
        message = user.error_of(
            lambda: session.connect(EarthEngineSettings(url="local:scenes"), study), RefusedError
        )
        assert "catalogue.json" in message

    def test_a_failed_connection_leaves_none(self, study: Path) -> None:
        session.connect(EarthEngineSettings(url="local:scenes"), study)
        with pytest.raises(RefusedError):
            session.connect(EarthEngineSettings(url="local:nowhere"), study)
        assert session.local_service() is None
        assert not ee.data.is_initialized()
