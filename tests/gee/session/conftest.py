"""Google on this machine, a home without credentials, and whoever signs in there."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ee
import google.oauth2.credentials
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from ee import oauth

from gee import session
from gee.asking import ask_once
from gee.credentials import KEY_VARIABLE
from gee.errors import ServiceError
from gee.local import LocalEarthEngine
from gee.settings import EarthEngineSettings

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
        found = self.service.handle(verb, f"{self.url}{path}", body, headers)
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
    monkeypatch.setattr(session, "STORAGE_ADDRESS", found.url)
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


@pytest.fixture(scope="session")
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


@dataclass(frozen=True)
class User:
    """Someone with a home, who leaves credentials there and connects from it."""

    home: Path
    PROJECT = PROJECT
    METADATA = METADATA
    REFRESH_TOKEN = REFRESH_TOKEN
    GCLOUD_TOKEN = GCLOUD_TOKEN
    CLIENT_SECRET = CLIENT_SECRET

    def store_token(self) -> None:
        """Do as `earthengine authenticate` does."""
        folder = self.home / ".config" / "earthengine"
        folder.mkdir(parents=True)
        document = {
            "refresh_token": REFRESH_TOKEN,
            "client_secret": CLIENT_SECRET,
            "project": "other",
        }
        (folder / "credentials").write_text(json.dumps(document), "utf-8")

    @staticmethod
    def write_gcloud_file(path: Path) -> None:
        """Do as `gcloud auth application-default login` does."""
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "type": "authorized_user",
            "client_id": "client.apps.googleusercontent.com",
            "client_secret": CLIENT_SECRET,
            "refresh_token": GCLOUD_TOKEN,
        }
        path.write_text(json.dumps(document), "utf-8")

    @staticmethod
    def settings(**given: Any) -> EarthEngineSettings:
        """The settings of a study that is told soon."""
        return EarthEngineSettings(
            **{"project": PROJECT, "deadline_s": 5, "patience_s": 0, **given}
        )

    def connect(self, **given: Any) -> None:
        """Connect a study that lies in the home."""
        session.connect(self.settings(**given), self.home)

    @staticmethod
    def one_plus_one() -> int:
        """Ask the service, once."""
        found: int = ask_once(ee.Number(1).add(1).getInfo, "a sum")
        return found

    @staticmethod
    def error_of(call: Callable[[], Any], kind: type[ServiceError]) -> str:
        """The error that a call must end with, which is one line of some length."""
        with pytest.raises(ServiceError) as caught:
            call()
        assert type(caught.value) is kind
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 700
        return message


@pytest.fixture
def user(home: Path) -> User:
    """Someone who has not signed in yet."""
    return User(home)
