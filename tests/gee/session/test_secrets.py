"""No word of a key or a token where it does not belong."""

from __future__ import annotations

import json
import logging
import traceback
from pathlib import Path
from typing import Any

import ee
import pytest

from gee import session
from gee.errors import CredentialsError, ServiceError
from gee.settings import EarthEngineSettings


class TestSecrets:
    """No word of a key or a token in an error, its trace, a log or a request but its own."""

    @pytest.fixture(params=["key", "gcloud", "stored"])
    def signed_in(
        self, request: pytest.FixtureRequest, google_server: Any, key_file: Path, user: Any
    ) -> EarthEngineSettings:
        home = key_file.parent
        google_server.secrets += [
            user.REFRESH_TOKEN,
            user.GCLOUD_TOKEN,
            user.CLIENT_SECRET,
            "ya29.",
        ]
        if request.param == "key":
            return user.settings(service_account_key="key.json")
        if request.param == "stored":
            user.store_token()
        else:
            user.write_gcloud_file(
                home / ".config" / "gcloud" / "application_default_credentials.json"
            )
        return user.settings()

    @pytest.mark.parametrize(
        "day", ["good", "expired", "echo", "refused", "forbidden", "repeats", "busy"]
    )
    def test_none_is_told(
        self,
        google_server: Any,
        signed_in: EarthEngineSettings,
        home: Path,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
        day: str,
        user: Any,
    ) -> None:
        for name in ("", "google.auth", "google_auth_httplib2", "googleapiclient"):
            caplog.set_level(logging.DEBUG, logger=name)
        if day == "expired":
            google_server.token_fault = {"status": 400, "body": {"error": "invalid_grant"}}
        elif day == "echo":
            everything = " ".join(google_server.secrets)
            body = {"error": "invalid_request", "error_description": everything}
            google_server.token_fault = {"status": 400, "body": body}
        elif day == "refused":
            google_server.lifetime_s = 0
        told = ""
        try:
            session.connect(
                signed_in.model_copy(update={"project": "of-others"} if day == "forbidden" else {}),
                home,
            )
            google_server.repeats = day == "repeats"
            if day == "busy":
                google_server.service.faults.inject("503", times=None)
            user.one_plus_one()
            assert day == "good"
        except ServiceError as error:
            assert day != "good"
            told = "".join(traceback.format_exception(error)) + repr(error)
        told += caplog.text + "".join(capfd.readouterr())
        told += repr(session._current) + repr(signed_in) + repr(ee.data.getWorkloadTag())
        told += json.dumps([body for _, _, body in google_server.asked])
        for secret in google_server.secrets:
            assert secret not in told

    def test_an_address_of_one_s_own_gets_no_credentials(
        self, google_server: Any, key_file: Path, user: Any
    ) -> None:
        user.store_token()
        message = user.error_of(
            lambda: user.connect(url=google_server.url, service_account_key="key.json"),
            CredentialsError,
        )
        assert "none were sent" in message
        assert google_server.granted == []
        assert all("authorization" not in headers for _, headers, _ in google_server.asked)
