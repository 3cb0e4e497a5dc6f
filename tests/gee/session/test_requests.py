"""What requests carry, where they go and how many at once.

Faults caught: credentials sent to elsewhere than Google; requests without project, tag or name.
"""

from __future__ import annotations

import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ee
import pytest

from gee import session
from gee.local import LocalEarthEngine
from gee.local.answers import Answer
from gee.local.server import LoopbackServer
from gee.transport import Transport


class TestRequests:
    def test_carry_project_tag_and_name(self, google_server: Any, user: Any) -> None:
        user.store_token()
        user.connect()
        user.one_plus_one()
        path, headers, body = google_server.asked[-1]
        assert path.startswith(f"/v1/projects/{user.PROJECT}/value:compute")
        assert headers["x-goog-user-project"] == user.PROJECT
        assert headers["user-agent"].startswith("alm90/")
        assert body["workloadTag"] == "alm90"

    def test_none_goes_elsewhere_than_the_study_says(self, google_server: Any, user: Any) -> None:
        """Also not for the list of deprecated assets, which the client fetches unasked."""
        user.store_token()
        user.connect()
        assert len(google_server.asked) == 3, "twice what the service can, once its algorithms"

    def test_the_high_volume_endpoint(
        self, google_server: Any, monkeypatch: pytest.MonkeyPatch, user: Any
    ) -> None:
        assert session.ADDRESSES["high_volume"] == ee.data.HIGH_VOLUME_API_BASE_URL
        monkeypatch.setitem(session.ADDRESSES, "standard", "http://127.0.0.1:9")
        monkeypatch.setitem(session.ADDRESSES, "high_volume", google_server.url)
        user.store_token()
        user.connect(endpoint="high_volume")
        assert user.one_plus_one() == 2

    def test_the_pool_of_connections_fits_the_workers(
        self, google_server: Any, caplog: pytest.LogCaptureFixture, user: Any
    ) -> None:
        user.store_token()
        user.connect(workers=24)
        google_server.service.faults.inject("slow", call="value:compute", seconds=0.3, times=24)
        threads = [threading.Thread(target=user.one_plus_one) for _ in range(24)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - started < 24 * 0.3 / 2, "requests wait for each other"
        assert "pool is full" not in caplog.text

    def test_no_more_at_once_than_workers(self, user: Any) -> None:
        """From all threads together, whatever they ask for."""
        service = LocalEarthEngine()
        under_way, most = [0], [0]
        lock = threading.Lock()

        def handle(verb: str, uri: str, body: bytes, headers: Any = None) -> Answer:
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
            time.sleep(0.02)
            answer = service.handle(verb, uri, body, headers)
            with lock:
                under_way[0] -= 1
            return answer

        with LoopbackServer(handle).start() as server, ThreadPoolExecutor(12) as executor:
            user.connect(url=server.url, workers=3)
            for _ in range(24):
                executor.submit(session.ask, ee.Number(1).getInfo, "a number")
            executor.shutdown()
            session.disconnect()
        assert most[0] == 3

    def test_a_netrc_file_does_not_take_the_token_s_place(
        self, google_server: Any, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (home / ".netrc").write_text("machine 127.0.0.1 login user password word", "utf-8")
        monkeypatch.setenv("NETRC", str(home / ".netrc"))
        transport = Transport(5, 2, "https://earthengine.googleapis.com")
        transport.request(f"{google_server.url}/v1", headers={"Authorization": "Bearer own"})
        transport.close()
        assert google_server.asked[-1][1]["authorization"] == "Bearer own"

    def test_a_used_up_quota_is_noticed_without_a_warning(
        self, google_server: Any, user: Any
    ) -> None:
        user.store_token()
        user.connect()
        assert not session.quota_is_used_up()
        google_server.headers["x-earth-engine-quota-status"] = "parallelism_restricted=true"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert user.one_plus_one() == 2
        assert session.quota_is_used_up()
