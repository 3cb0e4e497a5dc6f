"""Faults on request: as often, and on those calls, as was told."""

from __future__ import annotations

from typing import Any

import ee
import pytest
from service_requests import GRID

from gee.local import LocalEarthEngine


class TestFaults:
    def pixels(self) -> Any:
        """Eight by four pixels of a constant."""
        return ee.data.computePixels(
            {"expression": ee.Image(1), "fileFormat": "NUMPY_NDARRAY", "grid": GRID}
        )

    @pytest.mark.parametrize(
        ("kind", "status", "words"),
        [
            ("429", 429, "Too Many Requests"),
            ("500", 500, "internal error"),
            ("503", 503, "unavailable"),
            ("memory", 400, "User memory limit exceeded"),
            ("timeout", 400, "Computation timed out"),
            ("aggregations", 429, "Too many concurrent aggregations"),
        ],
    )
    def test_errors(self, service: LocalEarthEngine, kind: str, status: int, words: str) -> None:
        """Fault: a fault that hits other calls, more often than told, or with other words."""
        service.faults.inject(kind, call="image:computePixels", after=1, times=1)
        assert ee.Number(1).getInfo() == 1
        self.pixels()
        with pytest.raises(ee.EEException, match=words) as failure:
            self.pixels()
        assert failure.value.__context__.resp.status == status
        self.pixels()
        calls = service.requests.calls("image:computePixels")
        assert [call.status for call in calls] == [200, status, 200]
        assert [call.fault for call in calls] == [None, kind, None]

    def test_large_requests_fail_and_small_ones_pass(self, service: LocalEarthEngine) -> None:
        """Fault: splitting a tile cannot be tested."""
        service.faults.inject("memory", larger_than_px=16, times=None)
        with pytest.raises(ee.EEException, match="memory"):
            self.pixels()
        small = {**GRID, "dimensions": {"width": 4, "height": 4}}
        ee.data.computePixels(
            {"expression": ee.Image(1), "fileFormat": "NUMPY_NDARRAY", "grid": small}
        )

    def test_truncated_bodies_slow_answers_and_dropped_connections(
        self, service: LocalEarthEngine
    ) -> None:
        """Fault: a truncated body that still opens."""
        service.faults.inject("truncated", call="image:computePixels")
        with pytest.raises(ValueError, match="reading array header"):
            self.pixels()
        service.faults.clear()
        service.faults.inject("slow", seconds=0.05)
        assert ee.Number(1).getInfo() == 1
        assert next(iter(service.requests.calls("value:compute"))).seconds >= 0.05
        service.faults.clear()
        service.faults.inject("dropped")
        with pytest.raises(ConnectionError):
            ee.Number(1).getInfo()

    def test_an_unknown_kind_is_refused(self, service: LocalEarthEngine) -> None:
        """Fault: a misspelt fault that never happens."""
        with pytest.raises(ValueError, match="nearest"):
            service.faults.inject("memry")
