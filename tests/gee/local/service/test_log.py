"""The log of what was asked."""

from __future__ import annotations

import json

import ee
import pytest

from gee.local import LocalEarthEngine


class TestLog:
    def test_requests_are_logged_in_order(self, service: LocalEarthEngine) -> None:
        """Fault: tests cannot see what was asked."""
        ee.Number(1).add(1).getInfo()
        with pytest.raises(ee.EEException):
            ee.Image("NOPE").getInfo()
        assert [(record.call, record.status) for record in service.requests] == [
            ("value:compute", 200),
            ("value:compute", 400),
        ]
        body = next(iter(service.requests)).body
        assert "expression" in body

    def test_a_log_of_many_requests_stays_small(self, service: LocalEarthEngine) -> None:
        """Fault: a run of thousands of tiles keeps each graph as a dictionary and fills memory."""
        body = json.dumps({"expression": {f"value{n}": {"constant": n} for n in range(10_000)}})
        service.handle("POST", "http://x/v1/projects/p/value:compute", body.encode())
        (record,) = service.requests
        assert record.body == json.loads(body)
        assert len(record.packed) < len(body) / 4

    @pytest.mark.parametrize("body", [b"", b"[1]", b"{"])
    def test_what_is_no_object_is_logged_as_none(
        self, service: LocalEarthEngine, body: bytes
    ) -> None:
        """Fault: the log cannot be read after a request that was wrong."""
        service.handle("POST", "http://x/v1/projects/p/value:compute", body)
        (record,) = service.requests
        assert (record.body, record.status) == ({}, 400)
