"""Batch exports brought to their end: started once, found again, divided, repeated, given up.

Faults caught: a task that is started twice after an interruption, or never again after it failed;
one request a task to watch many; a passing failure that ends all, or one that would be the same
again that is repeated for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ee
import numpy as np
import pytest

from gee import asking, completion, session
from gee.batch import Export, ToAsset, ToDrive, start, tasks
from gee.completion import MOST_ATTEMPTS, Ended, complete
from gee.errors import AssetError, BusyError, RefusedError, TooLargeError
from gee.grid import PLATEAU_PIXEL_DEG, geobox_of_region
from gee.local import LocalEarthEngine

GRID = geobox_of_region(93.0, 35.0, 93.02, 35.02, "EPSG:4326", PLATEAU_PIXEL_DEG)
FOLDER = "projects/alm90-local/assets/staging"


@pytest.fixture
def service(
    new_scenes: Callable[[], Any], service_of: Callable[[Any], LocalEarthEngine]
) -> Iterator[LocalEarthEngine]:
    scenes = new_scenes()
    scenes.image("STACK", {"moisture": np.ones(GRID.shape, np.float32)}, GRID)
    yield service_of(scenes)
    session.disconnect()


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, each time."""
    waits: list[float] = []
    monkeypatch.setattr(completion.time, "sleep", waits.append)
    assert asking.time is completion.time
    return waits


def export_of(name: str, rows: int = 8) -> Export:
    place = ToAsset(f"{FOLDER}/{name}")
    return Export(name, ee.Image("STACK"), ("moisture",), GRID[:rows, :8], place)


def undivided(_export: Export) -> None:
    return None


def done(*exports: Export, **options: Any) -> list[Ended]:
    return list(complete(exports, options.pop("divide", undivided), **options))


def sent(service: LocalEarthEngine) -> list[str]:
    return [one.body["description"] for one in service.requests.calls("image:export")]


class TestStarting:
    def test_twice_is_once(self, service: LocalEarthEngine) -> None:
        exports = [export_of(name) for name in ("a", "b", "c")]
        done(*exports[:2])
        service.requests.clear()
        ended = done(*exports)
        assert sent(service) == [exports[2].description], "only what is new"
        assert {one.export.key for one in ended} == {export.key for export in exports}
        assert all(one.task.state == "done" for one in ended)

    def test_what_is_under_way_is_waited_for(self, service: LocalEarthEngine) -> None:
        """Fault: the process died after it had started a task; the next one starts another."""
        export = export_of("a")
        start(export, 1)
        service.requests.clear()
        (ended,) = done(export)
        assert (ended.task.state, ended.task.attempts) == ("done", 1)
        assert sent(service) == []

    def test_an_answer_that_was_lost_starts_nothing_twice(self, service: LocalEarthEngine) -> None:
        """The service begins, and the connection breaks before it can say so."""
        service.faults.inject("truncated", call="image:export", times=1)
        done(export_of("a"))
        assert len(sent(service)) == 2
        assert len(ee.data.listOperations()) == 1

    def test_what_is_done_and_gone_is_made_anew(self, service: LocalEarthEngine) -> None:
        """The asset was deleted, and the list of tasks doesn't know."""
        export = export_of("a")
        done(export)
        ee.data.deleteAsset(f"{FOLDER}/a")
        (ended,) = done(export)
        assert ended.task.attempts == 1, "unless one says that it is gone, it is there"
        (ended,) = done(export, gone={export.key})
        assert (ended.task.state, ended.task.attempts) == ("done", 2)

    def test_a_queue_that_is_full_is_waited_for(self, service: LocalEarthEngine) -> None:
        service.faults.inject("429", call="image:export", times=1)
        done(export_of("a"))
        assert len(sent(service)) == 2

    def test_nothing_asks_nothing(self, service: LocalEarthEngine) -> None:
        service.requests.clear()
        assert done() == []
        assert len(service.requests) == 0

    def test_a_task_that_the_service_forgot_is_started_again(
        self, service: LocalEarthEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By the same id, so that it is one."""
        listings = [[], [], *[None] * 9]
        real = ee.data.listOperations

        def listed() -> Any:
            found = listings.pop(0)
            return real() if found is None else found

        monkeypatch.setattr(ee.data, "listOperations", listed)
        done(export_of("a"))
        assert len(sent(service)) == 2
        assert len(real()) == 1


class TestWatching:
    def test_many_tasks_are_watched_by_one_listing(
        self, service: LocalEarthEngine, slept: list[float]
    ) -> None:
        exports = [export_of(f"t{rows}", rows) for rows in range(1, 13)]
        service.requests.clear()
        left: list[int] = []
        done(*exports, progress=lambda keys: left.append(len(keys)), poll_s=10.0)
        assert left == [12, 12, 12, 0], "started, waiting, running, done"
        assert len(service.requests.calls("operations")) == 4
        assert slept == [10.0, 15.0, 22.5, 0], "looks are farther and farther apart"

    def test_a_listing_that_is_busy_is_asked_again(self, service: LocalEarthEngine) -> None:
        service.faults.inject("503", call="operations", times=2)
        (ended,) = done(export_of("a"))
        assert ended.task.state == "done"


class TestFailures:
    @staticmethod
    def halved(export: Export) -> list[Export] | None:
        rows = int(export.geobox.shape.y)
        if rows <= 2:
            return None
        parts = (export.geobox[: rows // 2, :], export.geobox[rows // 2 :, :])
        return [
            replace(export, geobox=part, destination=ToAsset(f"{export.destination.name}{n}"))  # type: ignore[union-attr]
            for n, part in enumerate(parts)
        ]

    def test_what_is_too_heavy_is_divided(self, service: LocalEarthEngine) -> None:
        service.faults.inject("memory", call="task", times=None, larger_than_px=20)
        ended = done(export_of("a"), export_of("b", 2), divide=self.halved)
        names = sorted(one.export.destination.name for one in ended)  # type: ignore[union-attr]
        assert names == sorted(f"{FOLDER}/{name}" for name in ("a00", "a01", "a10", "a11", "b"))
        assert all(one.task.state == "done" for one in ended)

    def test_what_was_too_heavy_before_is_divided_at_once(self, service: LocalEarthEngine) -> None:
        service.faults.inject("memory", call="task", times=1)
        export = export_of("a", 2)
        (ended,) = done(export)
        assert isinstance(ended.task.error, TooLargeError)
        service.requests.clear()
        done(export, divide=lambda one: [export_of("part", 1)] if one is export else None)
        assert [name[:4] for name in sent(service)] == ["part"]

    def test_what_cannot_be_divided_more_is_given_up_and_others_are_not(
        self, service: LocalEarthEngine
    ) -> None:
        service.faults.inject("memory", call="task", times=None, larger_than_px=20)
        ended = {one.export.label: one.task for one in done(export_of("a"), export_of("b", 2))}
        assert isinstance(ended["a"].error, TooLargeError)
        assert ended["b"].state == "done"

    def test_what_was_given_up_is_tried_again_by_a_later_run(
        self, service: LocalEarthEngine
    ) -> None:
        service.faults.inject("memory", call="task", times=1)
        done(export_of("a"))
        (ended,) = done(export_of("a"))
        assert (ended.task.state, ended.task.attempts) == ("done", 2)

    def test_a_passing_failure_is_started_anew(self, service: LocalEarthEngine) -> None:
        service.faults.inject("503", call="task", times=2)
        (ended,) = done(export_of("a"))
        assert (ended.task.state, ended.task.attempts) == ("done", 3)

    def test_one_that_keeps_failing_ends_in_time(self, service: LocalEarthEngine) -> None:
        service.faults.inject("500", call="task", times=None)
        with pytest.raises(BusyError, match=rf"\[{MOST_ATTEMPTS} attempts\]"):
            done(export_of("a"))
        assert len(sent(service)) == MOST_ATTEMPTS

    def test_what_would_be_refused_again_ends_at_once(self, service: LocalEarthEngine) -> None:
        missing = replace(export_of("a"), image=ee.Image("NOWHERE"))
        with pytest.raises(AssetError, match="NOWHERE"):
            done(missing)
        assert len(sent(service)) == 1
        with pytest.raises(AssetError, match="NOWHERE"):
            done(missing)
        assert len(sent(service)) == 2, "a later run looks whether it is there by now"

    def test_an_asset_that_is_there_is_never_written_over(self, service: LocalEarthEngine) -> None:
        done(export_of("a"))
        other = replace(export_of("a", 4), label="other")
        with pytest.raises(RefusedError, match="Cannot overwrite") as caught:
            done(other)
        assert "\n" not in str(caught.value)

    def test_what_was_cancelled_is_started_anew_by_a_later_run(
        self, service: LocalEarthEngine
    ) -> None:
        export = replace(export_of("a"), destination=ToDrive("f", "p"))

        def cancelled(_left: Any) -> None:
            ee.data.cancelOperation(tasks([export.key])[export.key].operation)

        with pytest.raises(RefusedError, match="was cancelled"):
            done(export, progress=cancelled)
        (ended,) = done(export)
        assert (ended.task.state, ended.task.attempts) == ("done", 2)
