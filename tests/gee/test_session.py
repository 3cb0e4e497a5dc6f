"""Sessions: each way of signing in, against a server of tokens and a service on this machine.

Faults caught: credentials taken in another order, or sent to elsewhere than Google; a prompt; a
wait without end; an error that doesn't say what to do; a word of a key or a token in an error or a
log; requests without project, deadline, tag or name; a connection that outlives its study.
"""

from __future__ import annotations

import base64
import json
import logging
import shutil
import socket
import threading
import time
import traceback
import urllib.parse
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ee
import google.oauth2.credentials
import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from ee import oauth
from google.auth.compute_engine import _metadata
from google.auth.credentials import AnonymousCredentials
from pydantic import ValidationError

from gee import session
from gee.asking import ask_once
from gee.credentials import KEY_VARIABLE
from gee.errors import BusyError, CredentialsError, RefusedError, ServiceError
from gee.grid import geobox_of_region
from gee.local import LocalEarthEngine
from gee.local.answers import Answer
from gee.local.server import LoopbackServer
from gee.settings import EarthEngineSettings
from gee.transport import Transport

PROJECT = "plateau-project"
METADATA = "/computeMetadata/v1/instance/service-accounts/default"
REFRESH_TOKEN = "1//refresh-of-the-stored-token"
GCLOUD_TOKEN = "1//refresh-of-gcloud"
CLIENT_SECRET = "secret-of-the-client"


@dataclass
class Google:
    """A server of tokens and an Earth Engine that asks for them, on one port of this machine."""

    service: LocalEarthEngine = field(default_factory=LocalEarthEngine)
    lifetime_s: int = 3600
    token_fault: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    repeats: bool = False
    kept_bytes: int | None = None
    granted: list[dict[str, str]] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    url: str = ""

    def token(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer a request for a token, as the standard says (RFC 6749)."""
        asked = dict(urllib.parse.parse_qsl(body.decode()))
        self.granted.append(asked)
        if self.token_fault:
            return self.token_fault["status"], self.token_fault["body"]
        made = f"ya29.token-{len(self.tokens)}"
        self.tokens[made] = time.monotonic() + self.lifetime_s
        return 200, {"access_token": made, "expires_in": self.lifetime_s, "token_type": "Bearer"}

    def metadata(self, path: str) -> tuple[int, dict[str, Any]]:
        """Answer as the server does that a machine of Google's finds beside it."""
        if path.startswith(f"{METADATA}/token"):
            status, answer = self.token(urllib.parse.urlencode({"path": path}).encode())
            return status, answer
        if path.startswith(METADATA):
            return 200, {"email": "machine@plateau-project.iam", "scopes": ["cloud-platform"]}
        return (200, {}) if path == "/" else (404, {})

    def answer(
        self, verb: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        """Answer a request, if it carries a token that is still good, for its project."""
        parsed = json.loads(body) if body else {}
        self.asked.append((path, headers, parsed))
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0.0) <= time.monotonic():
            return 401, "application/json", _error(401, f"Bad credentials: {token}")
        if "/projects/" in path and f"/projects/{PROJECT}/" not in path:
            words = f"Caller does not have required permission to use project {path.split('/')[3]}."
            return 403, "application/json", _error(403, words)
        if self.repeats:
            return 400, "application/json", _error(400, f"Bad header 'Bearer {token}'.\n{token}")
        found = self.service.handle(verb, f"{self.url}{path}", body)
        return found.status, found.content_type, found.body


def _error(status: int, message: str) -> bytes:
    return json.dumps({"error": {"code": status, "message": message, "status": "X"}}).encode()


def _handler(google: Google) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if "metadata-flavor" in headers:
                status, document = google.metadata(self.path)
                kind, content = "application/json", json.dumps(document).encode()
            elif self.path == "/token":
                status, document = google.token(body)
                kind, content = "application/json", json.dumps(document).encode()
            else:
                status, kind, content = google.answer(self.command, self.path, headers, body)
            self.send_response(status)
            if "metadata-flavor" in headers:
                self.send_header("Metadata-Flavor", "Google")
            for name, value in google.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                for start in range(0, len(content), 100 if google.drip_s else len(content) or 1):
                    part = content[start : start + 100] if google.drip_s else content
                    self.wfile.write(part[: google.kept_bytes])
                    time.sleep(google.drip_s)
            except OSError:
                self.close_connection = True
            if google.kept_bytes is not None:
                self.close_connection = True

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_arguments: Any) -> None:
            pass

    return Handler


@pytest.fixture
def google_server(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Google]:
    """Google on this machine; the addresses that are fixed in its libraries point here."""
    found = Google()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setitem(session.ADDRESSES, "standard", found.url)
    monkeypatch.setattr(oauth, "TOKEN_URI", f"{found.url}/token")
    monkeypatch.setattr(
        google.oauth2.credentials, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{found.url}/token"
    )
    yield found
    session.disconnect()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any credentials."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in (KEY_VARIABLE, "CLOUDSDK_CONFIG", "GOOGLE_CLOUD_PROJECT", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def key_file(google_server: Google, private_key: str, tmp_path: Path) -> Path:
    """The key of a service account, as the console gives it."""
    path = tmp_path / "key.json"
    document = {
        "type": "service_account",
        "project_id": "another-project",
        "private_key_id": "0123456789abcdef",
        "private_key": private_key,
        "client_email": "mapper@plateau-project.iam.gserviceaccount.com",
        "token_uri": f"{google_server.url}/token",
    }
    path.write_text(json.dumps(document), "utf-8")
    google_server.secrets += [line for line in private_key.splitlines() if len(line) > 40]
    return path


def store_token(home: Path) -> None:
    """Do as `earthengine authenticate` does."""
    folder = home / ".config" / "earthengine"
    folder.mkdir(parents=True)
    document = {"refresh_token": REFRESH_TOKEN, "client_secret": CLIENT_SECRET, "project": "other"}
    (folder / "credentials").write_text(json.dumps(document), "utf-8")


def user_file(path: Path) -> Path:
    """Do as `gcloud auth application-default login` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "type": "authorized_user",
        "client_id": "client.apps.googleusercontent.com",
        "client_secret": CLIENT_SECRET,
        "refresh_token": GCLOUD_TOKEN,
    }
    path.write_text(json.dumps(document), "utf-8")
    return path


def settings(**given: Any) -> EarthEngineSettings:
    return EarthEngineSettings(**{"project": PROJECT, "deadline_s": 5, "patience_s": 0, **given})


def connect(folder: Path, **given: Any) -> None:
    session.connect(settings(**given), folder)


def one_plus_one() -> int:
    found: int = ask_once(ee.Number(1).add(1).getInfo, "a sum")
    return found


def error_of(call: Callable[[], Any], kind: type[ServiceError]) -> str:
    with pytest.raises(ServiceError) as caught:
        call()
    assert type(caught.value) is kind
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    return message


class TestWaysOfSigningIn:
    def test_the_key_of_a_service_account(self, google_server: Google, key_file: Path) -> None:
        store_token(key_file.parent)
        connect(key_file.parent, service_account_key="key.json")
        assert one_plus_one() == 2
        (grant,) = {one["grant_type"] for one in google_server.granted}
        assert grant == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        claims = google_server.granted[0]["assertion"].split(".")[1]
        claimed = json.loads(base64.urlsafe_b64decode(claims + "=="))
        assert claimed["iss"] == "mapper@plateau-project.iam.gserviceaccount.com"
        assert "https://www.googleapis.com/auth/earthengine" in claimed["scope"]

    def test_a_key_in_the_variable_of_the_environment(
        self, google_server: Google, key_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store_token(key_file.parent)
        monkeypatch.setenv(KEY_VARIABLE, str(key_file))
        connect(key_file.parent)
        assert one_plus_one() == 2
        assert "assertion" in google_server.granted[0]

    def test_application_default_credentials_of_a_user(
        self, google_server: Google, home: Path
    ) -> None:
        store_token(home)
        user_file(home / ".config" / "gcloud" / "application_default_credentials.json")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            connect(home)
        assert one_plus_one() == 2
        assert {one["refresh_token"] for one in google_server.granted} == {GCLOUD_TOKEN}

    def test_gcloud_s_own_folder(
        self, google_server: Google, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(home / "elsewhere"))
        user_file(home / "elsewhere" / "application_default_credentials.json")
        connect(home)
        assert one_plus_one() == 2

    def test_the_stored_token(self, google_server: Google, home: Path) -> None:
        store_token(home)
        connect(home)
        assert one_plus_one() == 2
        assert {one["refresh_token"] for one in google_server.granted} == {REFRESH_TOKEN}

    @pytest.mark.parametrize("lifetime_s", [1, 3600])
    def test_a_token_that_ends_is_renewed(
        self, google_server: Google, home: Path, lifetime_s: int
    ) -> None:
        """In an hour as the token says, or at once as the service says."""
        store_token(home)
        google_server.lifetime_s = lifetime_s
        connect(home)
        granted = len(google_server.granted)
        google_server.tokens.clear()
        for _ in range(2):
            assert one_plus_one() == 2
        assert len(google_server.granted) > granted

    def test_the_account_of_a_machine_of_google_s(
        self, google_server: Google, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = google_server.url.removeprefix("http://")
        monkeypatch.setenv("GCE_METADATA_IP", address)
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", address)
        connect(home)
        assert one_plus_one() == 2
        assert google_server.granted[-1]["path"].startswith(f"{METADATA}/token")

    def test_none_at_all(self, google_server: Google, home: Path) -> None:
        message = error_of(lambda: connect(home), CredentialsError)
        assert "earthengine authenticate" in message
        assert "service_account_key" in message
        assert google_server.asked == []

    @pytest.mark.parametrize("signed_in", [False, True])
    def test_the_error_is_all_that_is_told(
        self,
        google_server: Google,
        home: Path,
        caplog: pytest.LogCaptureFixture,
        signed_in: bool,
    ) -> None:
        """The client's libraries warn in lines of their own, which reach the terminal."""
        if signed_in:
            store_token(home)
        error_of(lambda: connect(home, project="of-others"), CredentialsError)
        assert [one.name for one in caplog.records if one.levelno >= logging.WARNING] == []


class TestRequests:
    def test_carry_project_tag_and_name(self, google_server: Google, home: Path) -> None:
        store_token(home)
        connect(home)
        one_plus_one()
        path, headers, body = google_server.asked[-1]
        assert path.startswith(f"/v1/projects/{PROJECT}/value:compute")
        assert headers["x-goog-user-project"] == PROJECT
        assert headers["user-agent"].startswith("alm90/")
        assert body["workloadTag"] == "alm90"

    def test_none_goes_elsewhere_than_the_study_says(
        self, google_server: Google, home: Path
    ) -> None:
        """Also not for the list of deprecated assets, which the client fetches unasked."""
        store_token(home)
        connect(home)
        assert len(google_server.asked) == 3, "twice what the service can, once its algorithms"

    def test_the_high_volume_endpoint(
        self, google_server: Google, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert session.ADDRESSES["high_volume"] == ee.data.HIGH_VOLUME_API_BASE_URL
        monkeypatch.setitem(session.ADDRESSES, "standard", "http://127.0.0.1:9")
        monkeypatch.setitem(session.ADDRESSES, "high_volume", google_server.url)
        store_token(home)
        connect(home, endpoint="high_volume")
        assert one_plus_one() == 2

    def test_the_pool_of_connections_fits_the_workers(
        self, google_server: Google, home: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        store_token(home)
        connect(home, workers=24)
        google_server.service.faults.inject("slow", call="value:compute", seconds=0.3, times=24)
        threads = [threading.Thread(target=one_plus_one) for _ in range(24)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - started < 24 * 0.3 / 2, "requests wait for each other"
        assert "pool is full" not in caplog.text

    def test_no_more_at_once_than_workers(self, home: Path) -> None:
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
            connect(home, url=server.url, workers=3)
            for _ in range(24):
                executor.submit(session.ask, ee.Number(1).getInfo, "a number")
            executor.shutdown()
            session.disconnect()
        assert most[0] == 3

    def test_a_netrc_file_does_not_take_the_token_s_place(
        self, google_server: Google, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (home / ".netrc").write_text("machine 127.0.0.1 login user password word", "utf-8")
        monkeypatch.setenv("NETRC", str(home / ".netrc"))
        transport = Transport(5, 2, "https://earthengine.googleapis.com")
        transport.request(f"{google_server.url}/v1", headers={"Authorization": "Bearer own"})
        transport.close()
        assert google_server.asked[-1][1]["authorization"] == "Bearer own"

    def test_a_used_up_quota_is_noticed_without_a_warning(
        self, google_server: Google, home: Path
    ) -> None:
        store_token(home)
        connect(home)
        assert not session.quota_is_used_up()
        google_server.headers["x-earth-engine-quota-status"] = "parallelism_restricted=true"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert one_plus_one() == 2
        assert session.quota_is_used_up()


class TestErrors:
    """One clear line each, within the deadline."""

    def test_no_project(self, google_server: Google, home: Path) -> None:
        store_token(home)
        message = error_of(lambda: connect(home, project=None), CredentialsError)
        assert "earthengine.project is missing" in message
        assert google_server.granted == []

    def test_a_wrong_project(self, google_server: Google, home: Path) -> None:
        store_token(home)
        message = error_of(lambda: connect(home, project="of-others"), CredentialsError)
        assert "'of-others'" in message
        assert "check earthengine.project" in message
        assert not ee.data.is_initialized()

    def test_a_token_that_expired_or_was_revoked(self, google_server: Google, home: Path) -> None:
        store_token(home)
        google_server.token_fault = {
            "status": 400,
            "body": {
                "error": "invalid_grant",
                "error_description": f"Token {REFRESH_TOKEN} has been expired or revoked.",
            },
        }
        message = error_of(lambda: connect(home), CredentialsError)
        assert "expired" in message
        assert "earthengine authenticate" in message
        assert REFRESH_TOKEN not in message

    def test_a_token_revoked_in_the_middle(self, google_server: Google, home: Path) -> None:
        store_token(home)
        connect(home)
        google_server.tokens.clear()
        google_server.token_fault = {"status": 400, "body": {"error": "invalid_grant"}}
        assert "invalid_grant" in error_of(one_plus_one, CredentialsError)

    def test_a_service_that_accepts_no_token(self, google_server: Google, home: Path) -> None:
        store_token(home)
        google_server.lifetime_s = 0
        message = error_of(lambda: connect(home), CredentialsError)
        assert "ya29" not in message

    @pytest.mark.parametrize("named", ["setting", "variable", "gcloud", "stored"])
    @pytest.mark.parametrize("content", ["{", "[]", "{}", '{"type": "service_account"}'])
    def test_a_file_that_holds_no_credentials_is_named(
        self,
        google_server: Google,
        home: Path,
        monkeypatch: pytest.MonkeyPatch,
        named: str,
        content: str,
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
        assert str(path) in error_of(lambda: connect(home, **given), CredentialsError)

    def test_a_key_file_that_is_missing_is_named(self, google_server: Google, home: Path) -> None:
        store_token(home)
        message = error_of(
            lambda: connect(home, service_account_key="keys/none.json"), CredentialsError
        )
        assert str(home / "keys" / "none.json") in message
        assert google_server.granted == [], "no other credentials are tried in its place"

    def test_a_dead_address(self, home: Path) -> None:
        started = time.monotonic()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        message = error_of(
            lambda: connect(home, url=f"http://127.0.0.1:{port}", deadline_s=1.5), BusyError
        )
        assert f"http://127.0.0.1:{port}: the connection is refused" in message
        assert time.monotonic() - started < 2.5

    @pytest.mark.parametrize(("status", "content"), [(200, b"<html>"), (404, b""), (200, b"{}")])
    def test_an_address_where_something_else_answers(
        self, home: Path, status: int, content: bytes
    ) -> None:
        def handle(*_request: Any) -> Answer:
            return Answer(status, "text/html", content)

        with LoopbackServer(handle).start() as server:
            message = error_of(lambda: connect(home, url=server.url), RefusedError)
        assert "is no Earth Engine" in message
        assert server.url in message

    def test_a_server_of_tokens_that_is_dead(
        self, google_server: Google, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(oauth, "TOKEN_URI", "http://127.0.0.1:9/token")
        store_token(home)
        message = error_of(lambda: connect(home, deadline_s=1), BusyError)
        assert "http://127.0.0.1:9" in message

    def test_a_service_that_never_answers(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            started = time.monotonic()
            message = error_of(
                lambda: connect(home, url=f"http://127.0.0.1:{port}", deadline_s=0.7), BusyError
            )
        assert "no whole answer within 0.7 s" in message
        assert time.monotonic() - started < 2

    def test_an_answer_that_drips(self, google_server: Google, home: Path) -> None:
        """Each byte comes in time, and the answer never ends: `requests` alone would wait."""
        store_token(home)
        connect(home, deadline_s=1)
        google_server.drip_s = 0.2
        long = ee.List.sequence(1, 2000)
        started = time.monotonic()
        message = error_of(lambda: ask_once(long.getInfo, "numbers"), BusyError)
        assert "no whole answer within 1 s" in message
        assert time.monotonic() - started < 2.5

    @pytest.mark.parametrize("kept_bytes", [0, 50, 300])
    def test_an_answer_that_breaks_off(
        self, google_server: Google, home: Path, kept_bytes: int
    ) -> None:
        store_token(home)
        connect(home)
        google_server.kept_bytes = kept_bytes
        numbers = ee.List.sequence(1, 2000)
        message = error_of(lambda: ask_once(numbers.getInfo, "numbers"), BusyError)
        assert "the connection broke amid the answer" in message

    def test_a_service_that_is_busy_at_first(self, google_server: Google, home: Path) -> None:
        store_token(home)
        google_server.service.faults.inject("503", times=1)
        connect(home)
        assert one_plus_one() == 2

    @pytest.mark.parametrize("url", ["local:", "ftp://x", "127.0.0.1:80", "http://a b", "folder"])
    def test_an_address_of_no_kind(self, url: str) -> None:
        with pytest.raises(ValidationError, match="url"):
            settings(url=url)


class TestSecrets:
    """No word of a key or a token in an error, its trace, a log or a request but its own."""

    @pytest.fixture(params=["key", "gcloud", "stored"])
    def signed_in(
        self, request: pytest.FixtureRequest, google_server: Google, key_file: Path
    ) -> EarthEngineSettings:
        home = key_file.parent
        google_server.secrets += [REFRESH_TOKEN, GCLOUD_TOKEN, CLIENT_SECRET, "ya29."]
        if request.param == "key":
            return settings(service_account_key="key.json")
        if request.param == "stored":
            store_token(home)
        else:
            user_file(home / ".config" / "gcloud" / "application_default_credentials.json")
        return settings()

    @pytest.mark.parametrize(
        "day", ["good", "expired", "echo", "refused", "forbidden", "repeats", "busy"]
    )
    def test_none_is_told(
        self,
        google_server: Google,
        signed_in: EarthEngineSettings,
        home: Path,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
        day: str,
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
            one_plus_one()
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
        self, google_server: Google, key_file: Path
    ) -> None:
        store_token(key_file.parent)
        message = error_of(
            lambda: connect(key_file.parent, url=google_server.url, service_account_key="key.json"),
            CredentialsError,
        )
        assert "none were sent" in message
        assert google_server.granted == []
        assert all("authorization" not in headers for _, headers, _ in google_server.asked)


class TestStandIn:
    @pytest.fixture
    def study(self, tmp_path: Path, new_scenes: Callable[[], Any]) -> Iterator[Path]:
        scenes = new_scenes()
        grid = geobox_of_region(93.0, 35.0, 93.03, 35.02, "EPSG:4326", 0.01)
        scenes.image("HEIGHT", {"m": np.full(grid.shape, 4500, np.float32)}, grid)
        shutil.copytree(scenes.folder, tmp_path / "scenes")
        yield tmp_path
        session.disconnect()

    def test_a_folder_in_the_study_answers_in_this_process(self, study: Path) -> None:
        session.connect(EarthEngineSettings(url="local:scenes"), study)
        assert ee.Image("HEIGHT").bandNames().getInfo() == ["m"]
        service = session.local_service()
        assert service is not None
        assert service.requests.calls("value:compute")[0].body["workloadTag"] == "alm90"

    def test_connecting_twice_is_connecting_once(self, study: Path) -> None:
        for _ in range(2):
            session.connect(EarthEngineSettings(url="local:scenes"), study)
        service = session.local_service()
        assert service is not None
        assert len(service.requests.calls("algorithms")) == 1

    def test_other_settings_connect_anew(self, study: Path) -> None:
        session.connect(EarthEngineSettings(url="local:scenes"), study)
        first = session.local_service()
        session.connect(EarthEngineSettings(url="local:scenes", workers=3), study)
        second = session.local_service()
        assert second is not first
        of_other_years = EarthEngineSettings(url="local:scenes", workers=3, years=(2015, 2016))
        session.connect(of_other_years, study)
        assert session.local_service() is second, "composites are no matter of the connection"
        (study / "scenes" / "catalogue.json").touch()
        session.connect(EarthEngineSettings(url="local:scenes", workers=3), study)
        assert session.local_service() is not second, "the catalogue may have been written anew"

    def test_a_client_that_others_pointed_elsewhere_is_pointed_back(self, study: Path) -> None:
        session.connect(EarthEngineSettings(url="local:scenes"), study)
        other = LocalEarthEngine()
        ee.Reset()
        ee.deprecation.deprecated_assets = {"none": None}
        ee.Initialize(AnonymousCredentials(), project="p-other", http_transport=other.transport())
        session.connect(EarthEngineSettings(url="local:scenes"), study)
        assert ee.Image("HEIGHT").bandNames().getInfo() == ["m"]

    def test_over_an_address(self, study: Path, home: Path) -> None:
        with LocalEarthEngine(study / "scenes").serve() as server:
            session.connect(EarthEngineSettings(url=f"{server.url}/"), study)
            assert session.local_service() is None
            assert ee.Image("HEIGHT").bandNames().getInfo() == ["m"]
            session.disconnect()

    def test_a_proxy_is_left_out_for_this_machine(
        self, study: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        with LocalEarthEngine(study / "scenes").serve() as server:
            session.connect(EarthEngineSettings(url=server.url), study)
            session.disconnect()

    def test_a_folder_that_is_none(self, study: Path) -> None:
        message = error_of(
            lambda: session.connect(EarthEngineSettings(url="local:nowhere"), study), RefusedError
        )
        assert "local:nowhere" in message
        (study / "scenes" / "catalogue.json").write_text("{", "utf-8")
        message = error_of(
            lambda: session.connect(EarthEngineSettings(url="local:scenes"), study), RefusedError
        )
        assert "catalogue.json" in message

    def test_a_failed_connection_leaves_none(self, study: Path) -> None:
        session.connect(EarthEngineSettings(url="local:scenes"), study)
        with pytest.raises(RefusedError):
            session.connect(EarthEngineSettings(url="local:nowhere"), study)
        assert session.local_service() is None
        assert not ee.data.is_initialized()
