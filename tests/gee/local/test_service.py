"""The service itself: calls, formats, limits, refusals, faults, the log, and loopback."""

from __future__ import annotations

import io
import json
import socket
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
import rasterio

from gee.local import CatalogueError, LocalEarthEngine, endpoints
from gee.local.signatures import signatures

NATIVE = (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)
NAMES = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
GRID = {
    "crsCode": "EPSG:32646",
    "affineTransform": dict(zip(NAMES, NATIVE, strict=True)),
    "dimensions": {"width": 8, "height": 4},
}


def post(service: LocalEarthEngine, call: str, body: Any) -> tuple[int, Any]:
    """Status and document of a request without the client."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = service.handle("POST", f"http://local/v1/projects/p/{call}", content)
    return answer.status, json.loads(answer.body)


def invocation(name: str, **arguments: Any) -> dict[str, Any]:
    """An expression that calls one algorithm with constants."""
    constants = {key: {"constantValue": value} for key, value in arguments.items()}
    node = {"functionInvocationValue": {"functionName": name, "arguments": constants}}
    return {"expression": {"result": "0", "values": {"0": node}}}


class TestRefusals:
    def test_an_unknown_algorithm_is_501_and_named(self, service: LocalEarthEngine) -> None:
        """Fault: a plausible value for something unknown."""
        status, document = post(service, "value:compute", invocation("Image.cumulativeCost"))
        assert status == 501
        assert "'Image.cumulativeCost'" in document["error"]["message"]
        status, document = post(service, "value:compute", invocation("Nonsense"))
        assert status == 501
        assert "'Nonsense'" in document["error"]["message"]

    def test_every_algorithm_that_is_not_known_is_refused(self, service: LocalEarthEngine) -> None:
        """Fault: a name in the service's list that ends in anything but 501."""
        from gee.local.registry import implemented

        unknown = set(signatures()) - set(implemented())
        assert len(unknown) > 300
        for name in sorted(unknown):
            status, document = post(service, "value:compute", invocation(name))
            assert status == 501
            assert f"'{name}'" in document["error"]["message"]

    def test_an_unknown_argument_is_501_and_named(self, service: LocalEarthEngine) -> None:
        """Fault: an argument ignored."""
        body = invocation("Number.add", left=1, right=2, carry=True)
        status, document = post(service, "value:compute", body)
        assert status == 501
        assert "'carry' of 'Number.add'" in document["error"]["message"]

    def test_an_argument_that_is_not_supported_is_refused(self, service: LocalEarthEngine) -> None:
        """Fault: a known argument without effect."""
        image = ee.Image("PLACES").paint(ee.FeatureCollection("SITES"), 1, 3)
        with pytest.raises(ee.EEException, match="width"):
            image.getInfo()
        with pytest.raises(ee.EEException, match="spherical"):
            ee.Geometry.Point(0, 0).distance(ee.Geometry.Point(1, 1), 1, None, True).getInfo()

    def test_a_value_of_an_unknown_type_is_refused(self, service: LocalEarthEngine) -> None:
        """Fault: a description made up."""
        with pytest.raises(ee.EEException, match="Array"):
            ee.Array([1, 2]).getInfo()
        with pytest.raises(ee.EEException, match="does not implement the description"):
            ee.Kernel.square(1).getInfo()

    def test_a_wrong_type_gives_the_service_s_words(self, service: LocalEarthEngine) -> None:
        """Fault: a wrong type converted silently."""
        body = invocation("Number.add", left="one", right=2)
        status, document = post(service, "value:compute", body)
        assert status == 400
        assert document["error"]["message"].startswith(
            "Number.add, argument 'left': Invalid type.\nExpected type: Number.\nActual type: "
            "String."
        )
        assert document["error"]["status"] == "INVALID_ARGUMENT"

    def test_unknown_fields_and_calls_are_refused(self, service: LocalEarthEngine) -> None:
        """Fault: a field of a request without effect."""
        body = {**invocation("Image.constant", value=1), "grid": {**GRID, "scale": 30}}
        assert post(service, "image:computePixels", body)[0] == 501
        assert post(service, "video:export", {})[0] == 501
        assert (
            post(service, "value:compute", {"expression": {"result": "9", "values": {}}})[0] == 400
        )
        assert post(service, "value:compute", b"{")[0] == 400

    def test_an_error_of_the_stand_in_is_a_500(
        self, service: LocalEarthEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Fault: a broken connection, which looks like the network."""
        monkeypatch.setattr(endpoints, "value_of", lambda _body: 1 / 0)
        status, document = post(service, "value:compute", invocation("DateRange.unbounded"))
        assert status == 500
        assert "ZeroDivisionError" in document["error"]["message"]


class TestFormats:
    def test_npy_holds_a_field_a_band(self, service: LocalEarthEngine) -> None:
        """Fault: one array of one type."""
        image = ee.Image([1, 2.5, 3]).rename(["a", "b", "c"]).updateMask(ee.Image([1, 1, 0]))
        found = ee.data.computePixels(
            {
                "expression": image,
                "fileFormat": "NUMPY_NDARRAY",
                "grid": GRID,
                "bandIds": ["c", "a"],
            }
        )
        assert found.dtype == np.dtype([("c", "uint8"), ("a", "uint8")])
        assert found.shape == (4, 8)
        assert found[0, 0].tolist() == (0, 1)

    @pytest.mark.parametrize(
        ("cast", "fill"),
        [("toFloat", -np.inf), ("toDouble", -np.inf), ("toInt16", -32768), ("toByte", 0)],
    )
    def test_masked_pixels_of_a_geotiff(
        self, service: LocalEarthEngine, cast: str, fill: float
    ) -> None:
        """Fault: another fill than the service's."""
        image = getattr(ee.Image("PLACES"), cast)()
        image = image.updateMask(ee.Image("PLACES").select("col").gt(2))
        content = ee.data.computePixels(
            {"expression": image, "fileFormat": "GEO_TIFF", "grid": GRID}
        )
        with rasterio.open(io.BytesIO(content)) as source:
            assert source.descriptions == ("col", "row")
            assert source.transform.to_gdal() == (500000, 10, 0, 4000000, 0, -10)
            assert source.crs.to_epsg() == 32646
            values = source.read(1)
        assert values[0].tolist() == [fill, fill, fill, 3, 4, 5, 6, 7]

    def test_a_geotiff_has_one_type(self, service: LocalEarthEngine) -> None:
        """Fault: types of bands converted silently."""
        image = ee.Image(1).toFloat().addBands(ee.Image(1).toDouble())
        with pytest.raises(ee.EEException, match="inconsistent types: Float32 and Float64"):
            ee.data.computePixels({"expression": image, "fileFormat": "GEO_TIFF", "grid": GRID})

    def test_without_a_grid_it_is_the_image_s_own(self, service: LocalEarthEngine) -> None:
        """Fault: an extra row or column."""
        found = ee.data.computePixels(
            {"expression": ee.Image("PLACES"), "fileFormat": "NUMPY_NDARRAY"}
        )
        assert found.shape == (64, 96)
        with pytest.raises(ee.EEException, match="unbounded"):
            ee.data.computePixels({"expression": ee.Image(1), "fileFormat": "NUMPY_NDARRAY"})

    def test_features_come_in_pages(self, service: LocalEarthEngine) -> None:
        """Fault: rows lost or doubled between pages."""
        sites = ee.FeatureCollection("SITES")
        frame = ee.data.computeFeatures(
            {"expression": sites, "pageSize": 2, "fileFormat": "PANDAS_DATAFRAME"}
        )
        assert frame["vwc"].tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
        assert len(service.requests.calls("table:computeFeatures")) == 3

    def test_download_urls(self, service: LocalEarthEngine, world: Path) -> None:
        """Fault: a download on another grid, or the size of a band's file."""
        region = ee.Geometry.Rectangle(
            [500_000, 3_999_800, 500_300, 4_000_000], "EPSG:32646", False
        )
        url = ee.Image("PLACES").getDownloadURL(
            {"region": region, "scale": 10, "format": "ZIPPED_GEO_TIFF", "name": "x"}
        )
        path = url.partition("/v1/")[2]
        answer = service.handle("GET", f"http://local/v1/{path}", b"")
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            assert archive.namelist() == ["x.tif"]
            with rasterio.open(io.BytesIO(archive.read("x.tif"))) as source:
                assert (source.width, source.height) == (30, 20)
                assert source.read(2)[:, 0].tolist() == list(range(20))
        table = ee.FeatureCollection("SITES").getDownloadURL("CSV", ["vwc", "method"])
        answer = service.handle("GET", f"http://local/v1/{table.partition('/v1/')[2]}", b"")
        assert answer.body.decode().splitlines()[:2] == ["vwc,method", "0,gpr"]

    def test_assets(self, service: LocalEarthEngine) -> None:
        """Fault: an asset that is there reported missing."""
        assert ee.data.getAsset("PLACES")["type"] == "IMAGE"
        listed = ee.data.listAssets("SCENES")["assets"]
        assert [asset["id"] for asset in listed][:2] == ["SCENES/S0", "SCENES/S1"]
        with pytest.raises(ee.EEException, match="not found"):
            ee.data.getAsset("NOPE")


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
        with pytest.raises(ValueError, match=r".*"):
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
