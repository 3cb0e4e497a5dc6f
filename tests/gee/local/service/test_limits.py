"""How large a request, a table or an expression may be."""

from __future__ import annotations

from typing import Any

import ee
import pytest
from service_requests import GRID, post

from gee.local import LocalEarthEngine


class TestLimits:
    def sized(self, width: int, height: int, bands: int, kind: str) -> dict[str, Any]:
        """A request of some size, of which no pixel is computed when it is too large."""
        image = ee.Image.constant([0] * bands)
        return {
            "expression": getattr(image, kind)(),
            "fileFormat": "NUMPY_NDARRAY",
            "grid": {**GRID, "dimensions": {"width": width, "height": height}},
        }

    def test_48_mib_with_a_mask_byte_a_band(self, service: LocalEarthEngine) -> None:
        """Fault: the mask not counted, so that a plan that fails on the service passes here."""
        # 2048 * 2048 * (4 + 1) * 2 = 41,943,040 B pass; one row of 13 bytes too many fails.
        allowed = 50_331_648 // (2048 * 10)
        request = self.sized(2048, allowed + 1, 2, "toFloat")
        with pytest.raises(
            ee.EEException,
            match=rf"Total request size \({2048 * (allowed + 1) * 10} bytes\) must be less than or "
            r"equal to 50331648 bytes\.",
        ):
            ee.data.computePixels(request)
        assert ee.data.computePixels(self.sized(2048, allowed, 2, "toFloat")).shape[0] == allowed

    def test_sides_and_bands(self, service: LocalEarthEngine) -> None:
        """Fault: no limit of sides or bands."""
        with pytest.raises(
            ee.EEException,
            match=r"Pixel grid dimensions \(32769x1\) must be less than or equal to 32768",
        ):
            ee.data.computePixels(self.sized(32_769, 1, 1, "toByte"))
        with pytest.raises(ee.EEException, match=r"1025.*1024"):
            ee.data.computePixels(self.sized(1, 1, 1025, "toByte"))

    def test_5000_elements(self, service: LocalEarthEngine) -> None:
        """Fault: a table of any length in a getInfo."""
        many = ee.FeatureCollection(
            ee.List.sequence(1, 5001).map(lambda n: ee.Feature(None, {"n": n}))
        )
        with pytest.raises(
            ee.EEException, match="Collection query aborted after accumulating over 5000 elements"
        ):
            many.getInfo()
        assert many.size().getInfo() == 5001
        assert len(many.limit(5000).getInfo()["features"]) == 5000

    def test_10_mb_of_expression(self, service: LocalEarthEngine) -> None:
        """Fault: a graph of any size."""
        status, document = post(service, "value:compute", b" " * (10 * 2**20 + 1))
        assert status == 400
        assert (
            "Request payload size exceeds the limit: 10485760 bytes"
            in (document["error"]["message"])
        )
