"""Errors of connecting and asking: one clear line each, within the deadline, and what to do."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import ee
import pytest
from ee import oauth
from pydantic import ValidationError

from gee.asking import ask_once
from gee.credentials import KEY_VARIABLE
from gee.errors import BusyError, CredentialsError, RefusedError
from gee.local.answers import Answer
from gee.local.server import LoopbackServer


class TestErrors:
    """One clear line each, within the deadline."""

    def test_no_project(self, google_server: Any, user: Any) -> None:
        user.store_token()
        message = user.error_of(lambda: user.connect(project=None), CredentialsError)
        assert "earthengine.project is missing" in message
        assert google_server.granted == []

    def test_a_wrong_project(self, google_server: Any, user: Any) -> None:
        user.store_token()
        message = user.error_of(lambda: user.connect(project="of-others"), CredentialsError)
        assert "'of-others'" in message
        assert "check earthengine.project" in message
        assert not ee.data.is_initialized()

    def test_a_token_that_expired_or_was_revoked(self, google_server: Any, user: Any) -> None:
        user.store_token()
        google_server.token_fault = {
            "status": 400,
            "body": {
                "error": "invalid_grant",
                "error_description": f"Token {user.REFRESH_TOKEN} has been expired or revoked.",
            },
        }
        message = user.error_of(lambda: user.connect(), CredentialsError)
        assert "expired" in message
        assert "earthengine authenticate" in message
        assert user.REFRESH_TOKEN not in message

    def test_a_token_revoked_in_the_middle(self, google_server: Any, user: Any) -> None:
        user.store_token()
        user.connect()
        google_server.tokens.clear()
        google_server.token_fault = {"status": 400, "body": {"error": "invalid_grant"}}
        assert "invalid_grant" in user.error_of(user.one_plus_one, CredentialsError)

    def test_a_service_that_accepts_no_token(self, google_server: Any, user: Any) -> None:
        user.store_token()
        google_server.lifetime_s = 0
        message = user.error_of(lambda: user.connect(), CredentialsError)
        assert "ya29" not in message

    @pytest.mark.parametrize("named", ["setting", "variable", "gcloud", "stored"])
    @pytest.mark.parametrize("content", ["{", "[]", "{}", '{"type": "service_account"}'])
    def test_a_file_that_holds_no_credentials_is_named(
        self,
        google_server: Any,
        home: Path,
        monkeypatch: pytest.MonkeyPatch,
        named: str,
        content: str,
        user: Any,
    ) -> None:
        places = {
            "gcloud": home / ".config" / "gcloud" / "application_default_credentials.json",
            "stored": home / ".config" / "earthengine" / "credentials",
        }
        path = places.get(named, home / "broken.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        if named == "variable":
            monkeypatch.setenv(KEY_VARIABLE, str(path))
        given = {"service_account_key": path.name} if named == "setting" else {}
        assert str(path) in user.error_of(lambda: user.connect(**given), CredentialsError)

    def test_a_key_file_that_is_missing_is_named(
        self, google_server: Any, home: Path, user: Any
    ) -> None:
        user.store_token()
        message = user.error_of(
            lambda: user.connect(service_account_key="keys/none.json"), CredentialsError
        )
        assert str(home / "keys" / "none.json") in message
        assert google_server.granted == [], "no other credentials are tried in its place"

    def test_a_dead_address(self, user: Any) -> None:
        started = time.monotonic()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        message = user.error_of(
            lambda: user.connect(url=f"http://127.0.0.1:{port}", deadline_s=1.5), BusyError
        )
        assert f"http://127.0.0.1:{port}: the connection is refused" in message
        assert time.monotonic() - started < 25

    @pytest.mark.parametrize(("status", "content"), [(200, b"<html>"), (404, b""), (200, b"{}")])
    def test_an_address_where_something_else_answers(
        self, status: int, content: bytes, user: Any
    ) -> None:
        def handle(*_request: Any) -> Answer:
            return Answer(status, "text/html", content)

        with LoopbackServer(handle).start() as server:
            message = user.error_of(lambda: user.connect(url=server.url), RefusedError)
        assert "is no Earth Engine" in message
        assert server.url in message

    def test_a_server_of_tokens_that_is_dead(
        self, google_server: Any, monkeypatch: pytest.MonkeyPatch, user: Any
    ) -> None:
        monkeypatch.setattr(oauth, "TOKEN_URI", "http://127.0.0.1:9/token")
        user.store_token()
        message = user.error_of(lambda: user.connect(deadline_s=1), BusyError)
        assert "http://127.0.0.1:9" in message

    def test_a_service_that_never_answers(self, user: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            started = time.monotonic()
            message = user.error_of(
                lambda: user.connect(url=f"http://127.0.0.1:{port}", deadline_s=0.7), BusyError
            )
        assert "no whole answer within 0.7 s" in message
        assert time.monotonic() - started < 20

    def test_an_answer_that_drips(self, google_server: Any, user: Any) -> None:
        """Each byte comes in time, and the answer never ends: `requests` alone would wait."""
        user.store_token()
        user.connect(deadline_s=1)
        google_server.drip_s = 0.2
        long = ee.List.sequence(1, 2000)
        started = time.monotonic()
        message = user.error_of(lambda: ask_once(long.getInfo, "numbers"), BusyError)
        assert "no whole answer within 1 s" in message
        assert time.monotonic() - started < 25

    @pytest.mark.parametrize("kept_bytes", [0, 50, 300])
    def test_an_answer_that_breaks_off(
        self, google_server: Any, kept_bytes: int, user: Any
    ) -> None:
        user.store_token()
        user.connect()
        google_server.kept_bytes = kept_bytes
        numbers = ee.List.sequence(1, 2000)
        message = user.error_of(lambda: ask_once(numbers.getInfo, "numbers"), BusyError)
        assert "the connection broke amid the answer" in message

    def test_a_service_that_is_busy_at_first(self, google_server: Any, user: Any) -> None:
        user.store_token()
        google_server.service.faults.inject("503", times=1)
        user.connect()
        assert user.one_plus_one() == 2

    @pytest.mark.parametrize("url", ["local:", "ftp://x", "127.0.0.1:80", "http://a b", "folder"])
    def test_an_address_of_no_kind(self, url: str, user: Any) -> None:
        with pytest.raises(ValidationError, match="url"):
            user.settings(url=url)
