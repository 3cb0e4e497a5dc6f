"""The folder that is served, and what its catalogue says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest

from gee.local import CatalogueError, LocalEarthEngine


class TestCatalogue:
    def test_without_a_folder_there_are_only_algorithms(
        self, point_client_at: Callable[..., None]
    ) -> None:
        """Fault: a folder required for algorithms alone."""
        point_client_at(LocalEarthEngine())
        assert ee.Number(2).pow(3).getInfo() == 8
        with pytest.raises(ee.EEException, match="not found"):
            ee.Image("PLACES").getInfo()

    @pytest.mark.parametrize(
        ("document", "words"),
        [
            ({"schema_version": 2, "assets": {}}, "schema_version"),
            ({"schema_version": 1, "assets": {"A": {"type": "RASTER"}}}, "RASTER"),
            (
                {"schema_version": 1, "assets": {"A": {"type": "IMAGE", "flies": []}}},
                "unknown key 'flies'.*files",
            ),
            ({"schema_version": 1, "asset": {}}, "unknown key 'asset'"),
        ],
    )
    def test_mistakes_are_named(self, tmp_path: Path, document: Any, words: str) -> None:
        """Fault: a misspelt key ignored."""
        (tmp_path / "catalogue.json").write_text(json.dumps(document), "utf-8")
        with pytest.raises(CatalogueError, match=words):
            LocalEarthEngine(tmp_path)

    def test_toml_is_read_too(
        self, make_folder: Callable[..., Path], point_client_at: Callable[..., None]
    ) -> None:
        """Fault: only JSON read."""
        folder = make_folder({"A": np.ones((4, 4), dtype=np.uint8)})
        (folder / "catalogue.json").unlink()
        (folder / "catalogue.toml").write_text(
            'schema_version = 1\n[assets.A]\ntype = "IMAGE"\ntime_start = "2020-01-01"\n'
            '[[assets.A.files]]\npath = "A.tif"\nbands = ["one"]\n',
            "utf-8",
        )
        point_client_at(LocalEarthEngine(folder))
        assert ee.Image("A").bandNames().getInfo() == ["one"]
        assert ee.Image("A").date().format("YYYY").getInfo() == "2020"

    def test_a_file_that_does_not_fit_is_named(
        self, make_folder: Callable[..., Path], point_client_at: Callable[..., None]
    ) -> None:
        """Fault: bands named after the wrong layers."""
        folder = make_folder({"A": np.ones((2, 4, 4), dtype=np.uint8)})
        text = (folder / "catalogue.json").read_text("utf-8")
        (folder / "catalogue.json").write_text(text.replace('["b0", "b1"]', '["b0"]'), "utf-8")
        point_client_at(LocalEarthEngine(folder))
        with pytest.raises(ee.EEException, match=r"A.tif: has 2 bands, but the catalogue names 1"):
            ee.Image("A").getInfo()
