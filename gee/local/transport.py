"""The in-process transport: what the client takes as `http_transport`.

In: requests in the style of httplib2. Out: the service's answers, without a socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httplib2

from gee.local.answers import Handle


class InProcessTransport:
    """An object with httplib2's `request`, which asks a local service directly."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        redirections: int | None = None,
        connection_type: Any = None,
    ) -> tuple[httplib2.Response, bytes]:
        """Answer one request.

        Raises
        ------
        ConnectionError
            An injected fault breaks the connection.
        """
        del redirections, connection_type
        content = body.encode() if isinstance(body, str) else (body or b"")
        given = {name.lower(): value for name, value in (headers or {}).items()}
        answer = self.handle(method, uri, content, given)
        fields = {
            **answer.headers,
            "status": str(answer.status),
            "content-type": answer.content_type,
            "content-length": str(len(answer.body)),
        }
        return httplib2.Response(fields), answer.body

    def close(self) -> None:
        """Nothing to close."""
