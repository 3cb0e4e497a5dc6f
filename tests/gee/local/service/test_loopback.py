"""The service over HTTP, on loopback alone."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import pytest
from service_requests import GRID

from gee.local import LocalEarthEngine


class TestLoopback:
    def test_the_client_over_http(self, world: Path, point_client_at: Callable[..., None]) -> None:
        """Fault: answers that differ from those in process."""
        service = LocalEarthEngine(world)
        with service.serve() as server:
            assert server.url.startswith("http://127.0.0.1:")
            point_client_at(service, url=server.url)
            assert ee.Image("PLACES").bandNames().getInfo() == ["col", "row"]
            found = ee.data.computePixels(
                {"expression": ee.Image("PLACES"), "fileFormat": "NUMPY_NDARRAY", "grid": GRID}
            )
            assert found["col"][0].tolist() == list(range(8))
            with pytest.raises(ee.EEException, match="does not implement"):
                ee.Array([1]).getInfo()

    def test_many_requests_at_once(self, world: Path, point_client_at: Callable[..., None]) -> None:
        """Fault: requests that share state, or wait for one another for ever."""
        service = LocalEarthEngine(world)
        results: list[Any] = []
        with service.serve() as server:
            point_client_at(service, url=server.url)

            def ask(number: int) -> None:
                results.append(
                    (
                        number,
                        ee.Image("HILLS")
                        .add(number)
                        .reduceRegion(ee.Reducer.min(), None, 10)
                        .get("elevation")
                        .getInfo(),
                    )
                )

            threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        lowest = dict(results)
        assert len(lowest) == 8
        assert all(lowest[n] == pytest.approx(lowest[0] + n, abs=1e-2) for n in range(8))

    def test_faults_over_http(self, world: Path, point_client_at: Callable[..., None]) -> None:
        """Fault: a dropped connection answered after all."""
        service = LocalEarthEngine(world)
        with service.serve() as server:
            point_client_at(service, url=server.url)
            service.faults.inject("dropped", call="value:compute")
            with pytest.raises(ConnectionError):
                ee.Number(1).getInfo()
            assert ee.Number(1).getInfo() == 1

    def test_a_closed_server_frees_its_port(self) -> None:
        """Fault: a port held after close."""
        server = LocalEarthEngine().serve()
        port = int(server.url.rpartition(":")[2])
        server.close()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))

    def test_plain_http(self) -> None:
        """Fault: the discovery document without the methods of today's client."""
        with LocalEarthEngine().serve() as server:
            with urllib.request.urlopen(f"{server.url}/$discovery/rest?version=v1") as answer:
                document = json.load(answer)
            tables = document["resources"]["projects"]["resources"]["tables"]["methods"]
            assert set(tables) == {"create", "getFeatures"}
            assert document["rootUrl"] == f"{server.url}/"
            with pytest.raises(urllib.error.HTTPError) as failure:
                urllib.request.urlopen(f"{server.url}/v1/nothing")
            assert failure.value.code == 501
            failure.value.close()

    @pytest.mark.parametrize(
        "headers", [{"Host": "evil.example:80"}, {"Origin": "https://evil.example"}]
    )
    def test_pages_from_elsewhere_are_refused(self, headers: dict[str, str]) -> None:
        """Fault: any web site can have files written on this machine."""
        with LocalEarthEngine().serve() as server:
            request = urllib.request.Request(
                f"{server.url}/v1/projects/p/value:compute", b"{}", headers, method="POST"
            )
            with pytest.raises(urllib.error.HTTPError) as failure:
                urllib.request.urlopen(request)
            assert failure.value.code == 403
            failure.value.close()
