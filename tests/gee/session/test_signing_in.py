"""Each way of signing in: which credentials are taken, in which order, and none ever asked for."""

from __future__ import annotations

import base64
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
from google.auth.compute_engine import _metadata

from gee.credentials import KEY_VARIABLE
from gee.errors import CredentialsError


class TestWaysOfSigningIn:
    def test_the_key_of_a_service_account(
        self, google_server: Any, key_file: Path, user: Any
    ) -> None:
        user.store_token()
        user.connect(service_account_key="key.json")
        assert user.one_plus_one() == 2
        (grant,) = {one["grant_type"] for one in google_server.granted}
        assert grant == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        claims = google_server.granted[0]["assertion"].split(".")[1]
        claimed = json.loads(base64.urlsafe_b64decode(claims + "=="))
        assert claimed["iss"] == "mapper@plateau-project.iam.gserviceaccount.com"
        assert "https://www.googleapis.com/auth/earthengine" in claimed["scope"]

    def test_a_key_in_the_variable_of_the_environment(
        self, google_server: Any, key_file: Path, monkeypatch: pytest.MonkeyPatch, user: Any
    ) -> None:
        user.store_token()
        monkeypatch.setenv(KEY_VARIABLE, str(key_file))
        user.connect()
        assert user.one_plus_one() == 2
        assert "assertion" in google_server.granted[0]

    def test_application_default_credentials_of_a_user(
        self, google_server: Any, home: Path, user: Any
    ) -> None:
        user.store_token()
        user.write_gcloud_file(home / ".config" / "gcloud" / "application_default_credentials.json")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            user.connect()
        assert user.one_plus_one() == 2
        assert {one["refresh_token"] for one in google_server.granted} == {user.GCLOUD_TOKEN}

    def test_gcloud_s_own_folder(
        self, google_server: Any, home: Path, monkeypatch: pytest.MonkeyPatch, user: Any
    ) -> None:
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(home / "elsewhere"))
        user.write_gcloud_file(home / "elsewhere" / "application_default_credentials.json")
        user.connect()
        assert user.one_plus_one() == 2

    def test_the_stored_token(self, google_server: Any, user: Any) -> None:
        user.store_token()
        user.connect()
        assert user.one_plus_one() == 2
        assert {one["refresh_token"] for one in google_server.granted} == {user.REFRESH_TOKEN}

    @pytest.mark.parametrize("lifetime_s", [1, 3600])
    def test_a_token_that_ends_is_renewed(
        self, google_server: Any, lifetime_s: int, user: Any
    ) -> None:
        """In an hour as the token says, or at once as the service says."""
        user.store_token()
        google_server.lifetime_s = lifetime_s
        user.connect()
        granted = len(google_server.granted)
        google_server.tokens.clear()
        for _ in range(2):
            assert user.one_plus_one() == 2
        assert len(google_server.granted) > granted

    def test_the_account_of_a_machine_of_google_s(
        self, google_server: Any, monkeypatch: pytest.MonkeyPatch, user: Any
    ) -> None:
        address = google_server.url.removeprefix("http://")
        monkeypatch.setenv("GCE_METADATA_IP", address)
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", address)
        user.connect()
        assert user.one_plus_one() == 2
        assert google_server.granted[-1]["path"].startswith(f"{user.METADATA}/token")

    def test_none_at_all(self, google_server: Any, user: Any) -> None:
        message = user.error_of(lambda: user.connect(), CredentialsError)
        assert "earthengine authenticate" in message
        assert "service_account_key" in message
        assert google_server.asked == []

    @pytest.mark.parametrize("signed_in", [False, True])
    def test_the_error_is_all_that_is_told(
        self, google_server: Any, caplog: pytest.LogCaptureFixture, signed_in: bool, user: Any
    ) -> None:
        """The client's libraries warn in lines of their own, which reach the terminal."""
        if signed_in:
            user.store_token()
        user.error_of(lambda: user.connect(project="of-others"), CredentialsError)
        assert [one.name for one in caplog.records if one.levelno >= logging.WARNING] == []
