"""`alm90 plan --probe`: what a few requests took, and what all will take by that.

Faults caught: more is asked than was said, a cost that nobody told is made up, a measurement of
other settings is believed, a refusal goes unsaid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httplib2
import numpy as np
import pytest

from export.covariates.probe import Measured, eecu_hours, parse, seconds, to_json
from export.covariates.provider import Cost, CovariateInfo, CovariateStack
from export.covariates.region import Region, region_extents
from export.progress import silent
from export.steps.probe import probe
from gee.eecu import total
from gee.session import local_service

PROFILE = " EECU·s PeakMem Count  Description\n  0.300     59k     6  Algorithm Image.a\n  0.200     1M  86  Loading assets\n"  # noqa: E501


class ProfilingTransport:
    """The stand-in's, of a service that profiles requests: it has neither the ids nor the texts."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.asked_for_profiles = 0

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **options: Any
    ) -> tuple[httplib2.Response, bytes]:
        if "value:compute" in uri and "Profile.getProfiles" in str(body):
            self.asked_for_profiles += 1
            content = json.dumps({"result": PROFILE}).encode()
            return httplib2.Response({"status": "200", "content-type": "application/json"}), content
        response, content = self.inner.request(uri, method, body, headers, **options)
        if (headers or {}).get("X-Earth-Engine-Computation-Profiling"):
            response["x-earth-engine-computation-profile"] = "profile-1"
        return response, content

    def close(self) -> None:
        self.inner.close()


@pytest.fixture
def profiling(monkeypatch: pytest.MonkeyPatch) -> list[ProfilingTransport]:
    """Let the local service profile requests as Earth Engine does."""

    from gee import session

    made: list[ProfilingTransport] = []
    whole_answers = session.WholeAnswers

    def wrapped(transport: Any) -> Any:
        made.append(ProfilingTransport(transport))
        return whole_answers(made[-1])

    monkeypatch.setattr(session, "WholeAnswers", wrapped)
    return made


def probe_of(study: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((study.folder / "covariates/probe.json").read_text())
    return document


def test_what_is_asked_is_said_before_and_hours_follow(earth_engine_study: Any) -> None:
    study = earth_engine_study
    study.write_small_requests()
    assert "time and EECU-hours: unknown" in study.alm90("plan").stdout
    done = study.alm90("plan", "--probe")
    assert done.exit_code == 0, done.output
    # Three of the four windows. All covariates are of one group, so none is asked for alone.
    said = re.search(
        r"probe: (\d+) requests for pixels, at most 3 more for what they cost", done.stdout
    )
    assert said, done.stdout
    assert len(study.pixel_requests()) == int(said[1]) == 3
    document = probe_of(study)
    assert document["schema_version"] == 1
    assert [one["kind"] for one in document["kinds"]] == ["direct"] * 3
    assert {tuple(one["first"]) for one in document["kinds"]} < {(0, 0), (0, 32), (32, 0), (32, 32)}
    for one in document["kinds"]:
        assert one["names"] == ["slope", "twi", "elevation"]
        assert one["shape"] == [32, 32]
        assert one["seconds"] > 0
        assert one["eecu_seconds"] is None  # the stand-in tells none
        assert one["refused"] is None
    told = r"time: \S+( to \S+)? s, by 3 windows measured, 1 at once"
    assert re.search(told, done.stdout)
    assert "EECU-hours: unknown; the service did not tell" in done.stdout
    address = study.values["earthengine"]["url"]
    study.write(earthengine={"url": "http://127.0.0.1:9", "patience_s": 0.0, "deadline_s": 1.0})
    assert "time and EECU-hours: unknown" in study.alm90("plan").stdout
    study.write(earthengine={"url": address})
    later = study.alm90("plan")
    assert "by 3 windows measured" in later.stdout
    assert study.pixel_requests() == []  # of a connection made anew
    study.write(earthengine={"terrain": {"least_gradient": 0.1}})
    other = study.alm90("plan")
    assert "the probe was of other covariates or settings" in other.stdout


def test_what_the_service_tells_of_its_costs_is_held_against_the_tiers(
    earth_engine_study: Any, profiling: list[ProfilingTransport]
) -> None:
    study = earth_engine_study
    study.write_small_requests()
    done = study.alm90("plan", "--probe")
    assert done.exit_code == 0, done.output
    assert "probe: 3 requests for pixels, at most 3 more for what they cost" in done.stdout
    assert profiling[-1].asked_for_profiles == 3
    assert [one["eecu_seconds"] for one in probe_of(study)["kinds"]] == [0.5] * 3
    # Four windows of 0.5 EECU-seconds.
    assert "EECU-hours: 0.00056, by 3 windows measured" in done.stdout
    assert "0.00037 % of a month in the community tier (150)" in done.stdout


def test_a_refusal_is_told_and_remembered(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    study = earth_engine_study
    study.write_small_requests()
    assert study.alm90("sample").exit_code == 0
    fault("memory", times=None, larger_than_px=300)
    done = study.alm90("plan", "--probe")
    assert done.exit_code == 0, done.output
    assert "refused at first: 32 x 32 pixels" in done.stdout
    first, *others = probe_of(study)["kinds"]
    assert "memory" in first["refused"]
    assert first["seconds"] > 0  # in parts it passed
    assert [one["refused"] for one in others] == [None, None]
    service = local_service()
    assert service is not None
    before = len(service.requests.calls("image:computePixels", status=400))
    assert study.alm90("export").exit_code == 0
    assert len(service.requests.calls("image:computePixels", status=400)) == before


def test_without_an_answer_all_stays_unknown(
    earth_engine_study: Any, fault: Callable[..., None]
) -> None:
    study = earth_engine_study
    study.write_small_requests()
    assert study.alm90("sample").exit_code == 0
    fault("memory", times=None)
    done = study.alm90("plan", "--probe")
    assert done.exit_code == 0, done.output
    assert "no answer" in done.stdout
    assert "time: unknown; no window was answered" in done.stdout
    assert {one["seconds"] for one in probe_of(study)["kinds"]} == {None}


def test_a_probe_needs_a_connection(earth_engine_study: Any) -> None:
    study = earth_engine_study
    study.write(earthengine={"url": "http://127.0.0.1:9", "patience_s": 0.0, "deadline_s": 1.0})
    assert study.alm90("plan", "--probe").exit_code == 4
    assert not (study.folder / "covariates/probe.json").exists()


class OneService:
    """A service of two groups of covariates, that notes what it is asked for."""

    requests_at_once = 2

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.covariates = tuple(
            CovariateInfo(name, "1", "nodata", group, categorical=False, source="")
            for name, group in (("a", "radar"), ("b", "terrain"), ("c", "radar"))
        )
        self.service = self

    def cost(self, names: Any, shape: tuple[int, int]) -> Cost:
        return Cost(1, len(names) * shape[0] * shape[1] * 5)

    def most_pixels(self, names: Any) -> int:
        return 3000 // len(names)

    def made_from(self, names: Any) -> str:
        return "".join(names)

    def refusals(self, names: Any) -> list[str]:
        return []

    def read_window(self, names: Any, window: Any) -> np.ndarray:
        self.asked.append(tuple(names))
        return np.zeros((len(names), *window.shape.yx), np.float32)


def test_each_group_is_measured_alone_too(tmp_path: Path, earth_engine_grid: Any) -> None:
    """On the same window: what is heavy stands out."""
    service, lines = OneService(), []
    region = Region(earth_engine_grid)
    context: Any = SimpleNamespace(
        tell=lambda _step, text: lines.append(text),
        progress=silent(),
        region=lambda: region,
        study=SimpleNamespace(covariates_folder=tmp_path),
    )
    probe(context, CovariateStack((service,), ("c", "b", "a")), region_extents(region, 32))  # type: ignore[arg-type]
    assert service.asked == [("c", "b", "a")] * 3 + [("c", "a"), ("b",)]
    kinds = json.loads((tmp_path / "probe.json").read_text())["kinds"]
    assert [one["kind"] for one in kinds] == ["direct"] * 3 + ["group"] * 2
    assert {tuple(one["shape"]) for one in kinds[2:]} == {tuple(kinds[1]["shape"])}
    assert "probe: 5 requests for pixels" in lines[0]


def measured(took: float | None, eecu: float | None, pixels: int = 100) -> Measured:
    return Measured("direct", ("a",), "x", (1, pixels), (0, 0), took, eecu, None)


def test_ranges_are_those_of_the_windows_measured() -> None:
    found = [measured(36, 4.0), measured(72, 2.0)]
    windows = [("x", 100), ("x", 50), ("x", 50)]
    assert seconds(found, windows, at_once=4) == pytest.approx((2 * 36 / 4, 2 * 72 / 4))
    assert eecu_hours(found, windows) == pytest.approx((2 * 2.0 / 3600, 2 * 4.0 / 3600))
    assert seconds([measured(None, None)], windows, 1) is None
    assert eecu_hours([measured(36, None)], windows) is None
    assert seconds(found, [*windows, ("y", 1)], 1) is None
    assert parse(json.loads(json.dumps(to_json(found)))) == found


def test_a_profile_of_another_form_is_no_number() -> None:
    assert total(PROFILE) == pytest.approx(0.5)
    for text in ("", "EECU·s\n", "Seconds\n 0.3 a", "EECU·s x\n 0.3 a\n many b"):
        assert total(text) is None
