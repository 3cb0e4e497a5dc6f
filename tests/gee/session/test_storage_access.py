"""Who asks Cloud Storage: whoever asks Earth Engine; and nobody, at an address of one's own."""

from __future__ import annotations

import json
import time
from typing import Any

from gee.session import request_storage

LISTING = "/storage/v1/b/my-bucket/o"


def test_it_is_asked_with_the_session_s_own_token(
    google_server: Any, key_file: Any, user: Any
) -> None:
    user.connect(service_account_key="key.json")
    fields, content = request_storage(LISTING, {"range": "x"})
    assert fields["status"] == "200"
    assert json.loads(content) == {"kind": "storage#objects"}
    path, headers, _ = google_server.asked[-1]
    assert path == LISTING
    assert headers["authorization"].removeprefix("Bearer ") in google_server.tokens
    assert headers["range"] == "x"


def test_a_token_that_expired_is_renewed(google_server: Any, key_file: Any, user: Any) -> None:
    user.connect(service_account_key="key.json")
    for token in google_server.tokens:
        google_server.tokens[token] = time.monotonic() - 1
    assert request_storage(LISTING)[0]["status"] == "401", "as the server sees it"
    google_server.lifetime_s = 1
    user.connect(service_account_key="key.json", workers=2)
    for token in google_server.tokens:
        google_server.tokens[token] = time.monotonic() - 1
    assert request_storage(LISTING)[0]["status"] == "200", "as the client knows it"


def test_none_goes_to_an_address_of_one_s_own(google_server: Any, key_file: Any, user: Any) -> None:
    google_server.tokens[""] = time.monotonic() + 60  # it answers those without a token
    user.connect(service_account_key="key.json", url=google_server.url)
    request_storage(LISTING)
    assert "authorization" not in google_server.asked[-1][1]
