"""Errors of the service by kind: each bad day of the stand-in, and each wrong question, in a line.

Faults caught: a request that would be refused for ever is repeated, one that may pass is given up,
one that is too heavy isn't divided; a message of several lines or without advice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import ee
import httplib2
import numpy as np
import pytest
import requests
from google.auth.exceptions import RefreshError, TransportError
from odc.geo.geobox import GeoBox

from gee import asking, session
from gee.asking import ask, ask_once
from gee.errors import (
    AssetError,
    BusyError,
    CredentialsError,
    QuotaError,
    RefusedError,
    ServiceError,
    TooLargeError,
)
from gee.grid import geobox_of_region
from gee.kinds import LONGEST_TEXT, error_of_answer, service_error
from gee.local import LocalEarthEngine
from gee.pixels import request_grid

_NO, _A = CredentialsError, AssetError
_CUSTOM = "Your usage exceeded the custom quota for 'earthengine.googleapis.com/"

GRID = geobox_of_region(93.0, 35.0, 93.08, 35.06, "EPSG:4326", 0.01)


@pytest.fixture
def service(
    new_scenes: Callable[[], Any], service_of: Callable[[Any], LocalEarthEngine]
) -> Iterator[LocalEarthEngine]:
    scenes = new_scenes()
    scenes.image("HEIGHT", {"m": np.ones(GRID.shape, np.float32)}, GRID)
    yield service_of(scenes)
    session.disconnect()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were slept between attempts; nobody sleeps."""
    found: list[float] = []
    monkeypatch.setattr(asking.time, "sleep", found.append)
    return found


def pixels(image: ee.Image, grid: GeoBox = GRID) -> Any:
    return ee.data.computePixels(
        {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": request_grid(grid)}
    )


def raised(call: Callable[[], Any]) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        ask_once(call, "pixels of m")
    message = str(caught.value)
    assert message.startswith("pixels of m: "), "what was asked for comes first"
    assert "\n" not in message
    assert "; " in message, "advice comes last"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("429", BusyError, "quota"),
        ("quota_minute", BusyError, "more was asked at once than a quota allows"),
        ("quota_day", QuotaError, "tomorrow"),
        ("500", BusyError, "overloaded"),
        ("503", BusyError, "currently unavailable"),
        ("dropped", BusyError, "no connection"),
        ("truncated", BusyError, "broken off"),
        ("memory", TooLargeError, "User memory limit exceeded"),
        ("timeout", TooLargeError, "Computation timed out"),
        ("aggregations", TooLargeError, "Too many concurrent aggregations"),
        ("unauthenticated", CredentialsError, "earthengine authenticate"),
        ("forbidden", CredentialsError, "earthengine.project"),
    ],
)
def test_each_fault_of_the_service_has_its_kind(
    service: LocalEarthEngine, fault: str, kind: type[ServiceError], words: str
) -> None:
    number = ee.Number(1)
    service.faults.inject(fault, call="value:compute", times=None)
    service.requests.clear()
    error = raised(number.getInfo)
    assert type(error) is kind
    assert words in str(error)
    assert len(service.requests.calls("value:compute")) == 1, "the client repeats by itself"


@pytest.mark.parametrize(
    ("question", "kind", "words"),
    [
        (lambda: pixels(ee.Image("NOWHERE")), AssetError, "NOWHERE"),
        (lambda: ee.ImageCollection("NOWHERE").size().getInfo(), AssetError, "NOWHERE"),
        (lambda: ee.data.getAsset("NOWHERE"), AssetError, "NOWHERE"),
        (lambda: pixels(ee.Image("HEIGHT").select("depth")), AssetError, "depth"),
        (lambda: pixels(ee.Image(1), GRID.zoom_out(1 / 900)), TooLargeError, "Total request size"),
        (lambda: pixels(ee.Image(1), GRID[:1, :1].expand((1, 40_000))), TooLargeError, "32768"),
        (
            lambda: ee.FeatureCollection.randomPoints(ee.Geometry.BBox(0, 0, 1, 1), 5001).getInfo(),
            TooLargeError,
            "5000",
        ),
        (
            lambda: ee.List([f"{number:01000d}" for number in range(11_000)]).size().getInfo(),
            TooLargeError,
            "payload",
        ),
        (lambda: ee.Image("HEIGHT").log().hersDescriptor().getInfo(), RefusedError, "hersDescr"),
        (lambda: ee.Number("text").add(1).getInfo(), RefusedError, ""),
        (lambda: ee.Number.parse("seven").getInfo(), RefusedError, "seven"),
    ],
)
def test_each_wrong_question_has_its_kind(
    service: LocalEarthEngine,
    question: Callable[[], Any],
    kind: type[ServiceError],
    words: str,
) -> None:
    error = raised(question)
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("no whole answer"), BusyError),
        (ConnectionResetError("reset"), BusyError),
        (requests.exceptions.ConnectionError("x"), BusyError),
        (requests.exceptions.ReadTimeout("x"), BusyError),
        (requests.exceptions.SSLError("certificate verify failed"), RefusedError),
        (httplib2.ServerNotFoundError("x"), BusyError),
        (json.JSONDecodeError("x", "{", 1), BusyError),
        (TransportError("x"), BusyError),
        (RefreshError("x", retryable=True), BusyError),
        (RefreshError("invalid_grant: Token has been expired", {}), CredentialsError),
    ],
)
def test_what_the_connection_raises_has_a_kind(error: Exception, kind: type[ServiceError]) -> None:
    found = service_error(error, "here")
    assert type(found) is kind
    assert str(found).startswith("here: ")


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (400, "User memory limit exceeded.", TooLargeError),
        (400, "Output of image computation is too large (20 bands for 9e6 pixels).", TooLargeError),
        (400, "Reprojection output too large (9216x9216 pixels).", TooLargeError),
        (400, "Computed value is too large.", TooLargeError),
        (400, "Request payload size exceeds the limit: 10485760 bytes.", TooLargeError),
        (429, "Too many concurrent aggregations.", TooLargeError),
        (None, "Execution failed; out of memory.", TooLargeError),
        (429, "Quota exceeded for quota metric 'Compute' and limit 'EECU per month'.", QuotaError),
        (429, "Quota exceeded for quota metric 'Reads' and limit 'Reads per day'.", QuotaError),
        (
            429,
            "Quota exceeded for quota metric 'Reads' and limit 'ReadsPerDayPerUser'.",
            QuotaError,
        ),
        (403, "Daily Limit Exceeded. The quota will be reset at midnight.", QuotaError),
        (400, f"{_CUSTOM}daily_eecu_usage_time', which is adjustable", QuotaError),
        (429, f"{_CUSTOM}daily_eecu_usage_time', which is adjustable", QuotaError),
        (None, f"{_CUSTOM}daily_eecu_usage_time', which is adjustable", QuotaError),
        (403, f"{_CUSTOM}reads_per_minute', which is adjustable", BusyError),
        (429, "Quota exceeded for quota metric 'Reads' and limit 'Reads per minute'.", BusyError),
        (403, "Quota exceeded for quota metric 'Requests' of service 'earthengine'.", BusyError),
        (
            429,
            "Your project has exceeded its noncommercial compute quota and is now in restricted "
            "mode.",
            BusyError,
        ),
        (404, "Image asset 'projects/p/assets/quota_exceeded/daily' not found.", _A),
        (400, "Image.load: Image asset 'ECMWF/ERA5_LAND/DAILY_AGGR' not found.", _A),
        (403, "Rate Limit Exceeded", BusyError),
        (429, "Too Many Requests", BusyError),
        (429, "The project is in restricted mode.", BusyError),
        (403, "The project is in restricted mode.", BusyError),
        (400, "Too many tasks already in the queue (3000).", BusyError),
        (400, "Image.reduceResolution: Too many input pixels per output pixel.", RefusedError),
        (504, "Deadline exceeded: the computation timed out.", BusyError),
        (408, "Request Timeout", BusyError),
        (401, "Request had invalid authentication credentials.", CredentialsError),
        (403, "Earth Engine API has not been used in project 1 before or it is disabled.", _NO),
        (403, "The API requires a quota project, which is not set by default.", _NO),
        (403, "Project 'plateau' is not registered to use Earth Engine.", _NO),
        (404, "Project 'plateau' not found or deleted.", _NO),
        (403, "The caller does not have permission", _NO),
        (403, "Permission 'earthengine.assets.get' denied on resource (or it may not exist).", _A),
        (400, "Image.load: Image asset 'X' not found (does not exist or no access).", _A),
        (400, "Image.select: Band pattern 'ndvi' did not match any bands.", _A),
        (400, "Image.load: Asset 'X' is not an Image.", _A),
        (404, "", _A),
        (400, "Image.median: Parameter 'input' is required.", RefusedError),
        (400, "Dictionary does not contain key: 'x'.", RefusedError),
        (409, "Cannot overwrite asset 'X'.", RefusedError),
        (501, "The local Earth Engine does not implement Image.x.", RefusedError),
        (500, "The local Earth Engine failed: KeyError: 1", RefusedError),
    ],
)
def test_words_of_the_service_are_understood(
    status: int | None, text: str, kind: type[ServiceError]
) -> None:
    """As Google documents them, or as its client looks for them."""
    assert type(error_of_answer(status, text, "here")) is kind


def test_a_fault_of_the_program_is_none_of_the_service() -> None:
    for error in (ValueError("x"), KeyError("x"), AttributeError("x")):
        assert service_error(error, "here") is None
        with pytest.raises(type(error)):
            ask_once(_raiser(error), "here")


def test_long_words_of_the_service_are_cut(service: LocalEarthEngine) -> None:
    error = raised(lambda: ee.Number.parse("nine " * 500).getInfo())
    assert len(str(error)) < LONGEST_TEXT + 200


class TestPatience:
    """Only a busy service is asked again, after growing times, and not for ever."""

    def test_a_busy_service_is_asked_again(
        self, service: LocalEarthEngine, waits: list[float]
    ) -> None:
        service.faults.inject("503", call="image:computePixels", times=2)
        service.faults.inject("429", call="image:computePixels", times=2)
        image = ee.Image("HEIGHT")
        service.requests.clear()
        found = ask(lambda: pixels(image), "pixels", patience_s=900)
        assert (found["m"] == 1).all()
        statuses = [one.status for one in service.requests.calls("image:computePixels")]
        assert statuses == [503, 503, 429, 429, 200]
        assert len(waits) == 4

    def test_waits_grow_and_differ(self, waits: list[float]) -> None:
        clock = [0]

        def busy() -> None:
            clock[0] += 1
            if clock[0] < 12:
                raise ConnectionError("x")

        ask(busy, "pixels", patience_s=900)
        assert all(wait <= min(2.0 ** (place + 1), 60.0) for place, wait in enumerate(waits))
        assert max(waits[5:]) > 10, "later waits are longer"
        assert len(set(waits)) == len(waits), "workers that all wait alike come back together"

    @pytest.mark.parametrize("fault", ["memory", "forbidden", "quota_day"])
    def test_nothing_else_is_asked_again(
        self, service: LocalEarthEngine, waits: list[float], fault: str
    ) -> None:
        service.faults.inject(fault, call="value:compute", times=None)
        service.requests.clear()
        with pytest.raises(ServiceError):
            ask(ee.Number(1).getInfo, "a number", patience_s=900)
        assert len(service.requests.calls("value:compute")) == 1
        assert waits == []

    def test_patience_ends_and_the_attempts_are_told(
        self, service: LocalEarthEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(asking, "LONGEST_WAIT_S", 0.2)
        service.faults.inject("503", call="value:compute", times=None)
        started = time.monotonic()
        with pytest.raises(BusyError, match=r"asked \d+ times") as caught:
            ask(ee.Number(1).getInfo, "a number", patience_s=1)
        assert time.monotonic() - started < 12
        assert "\n" not in str(caught.value)

    def test_without_patience_it_is_asked_once(self, service: LocalEarthEngine) -> None:
        service.faults.inject("503", call="value:compute", times=None)
        service.requests.clear()
        with pytest.raises(BusyError):
            ask(ee.Number(1).getInfo, "a number", patience_s=0)
        assert len(service.requests.calls("value:compute")) == 1


def _raiser(error: Exception) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call
