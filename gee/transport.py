"""The connection to Earth Engine that the client is given: pooled, with a deadline.

In: requests in the style of httplib2, as the client sends them. Out: answers in that style.

The client's own connection has no deadline until after it is initialised, which takes half a
minute at a dead address, and holds ten connections; a deadline of `requests` counts from one byte
to the next, so a server that drips holds a request for ever.
"""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httplib2
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

CONNECT_S = 5.0
"""Seconds within which a server must accept a connection."""
CHUNK_BYTES = 2**16
LOOPBACK = ("127.0.0.1", "localhost", "::1")
QUOTA_HEADER = "x-earth-engine-quota-status"
"""Says `parallelism_restricted=true` once the month's quota of a noncommercial project is used."""


class Transport:
    """What `ee.Initialize` takes as `http_transport`.

    Parameters
    ----------
    deadline_s : seconds after which a request without a whole answer is given up
    connections : how many are kept open
    address : where requests go; proxies of the environment are left out for this machine itself
    """

    def __init__(self, deadline_s: float, connections: int, address: str) -> None:
        self.deadline_s = deadline_s
        self.restricted = False
        self._session = requests.Session()
        self._session.trust_env = urlsplit(address).hostname not in LOOPBACK
        # Else what ~/.netrc says of a host would take the place of the token.
        self._session.auth = lambda request: request
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        redirections: int | None = None,
        connection_type: Any = None,
    ) -> tuple[httplib2.Response, bytes]:
        """Send one request and wait for the whole answer.

        Raises
        ------
        TimeoutError
            no whole answer within the deadline.
        ConnectionError
            no connection, or one that broke.
        """
        del redirections, connection_type
        started = time.monotonic()
        timeout = (min(CONNECT_S, self.deadline_s), self.deadline_s)
        try:
            with self._session.request(
                method, uri, data=body, headers=headers, timeout=timeout, stream=True
            ) as response:
                content = self._content(response, started)
        except requests.exceptions.SSLError:
            raise
        except (requests.exceptions.ReadTimeout, ReadTimeoutError) as error:
            raise self._too_late() from error
        except (requests.exceptions.RequestException, HTTPError) as error:
            raise ConnectionError(f"{_host(uri)}: {_reason(error)}") from error
        fields = {name.lower(): value for name, value in response.headers.items()}
        # The client would warn through `warnings`, once a call site and not once a session.
        if "parallelism_restricted=true" in fields.pop(QUOTA_HEADER, ""):
            self.restricted = True
        return httplib2.Response({**fields, "status": str(response.status_code)}), content

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def _content(self, response: requests.Response, started: float) -> bytes:
        """Return the body as it comes: waiting for whole chunks would outlast the deadline."""
        parts = []
        while part := response.raw.read1(CHUNK_BYTES, decode_content=True):
            parts.append(part)
            if time.monotonic() - started > self.deadline_s:
                raise self._too_late()
        return b"".join(parts)

    def _too_late(self) -> TimeoutError:
        return TimeoutError(f"no whole answer within {self.deadline_s:g} s")


class WholeAnswers:
    """Another transport, whose half answers are errors.

    The client takes JSON that does not parse for text, and fails over it in many ways.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def request(self, uri: str, *args: Any, **options: Any) -> tuple[httplib2.Response, bytes]:
        """Send one request through the other transport.

        Raises
        ------
        ConnectionError
            the answer was broken off, besides what the other transport raises.
        """
        response, content = self.inner.request(uri, *args, **options)
        if response.get("content-type", "").startswith("application/json"):
            try:
                json.loads(content)
            except ValueError:
                raise ConnectionError(
                    f"{_host(uri)}: the answer of {len(content)} bytes was broken off"
                ) from None
        return response, content

    def close(self) -> None:
        """Close the other transport."""
        self.inner.close()


def _host(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _reason(error: Exception) -> str:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "does not answer"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refuses"
    if isinstance(error, ProtocolError):
        return "the connection broke amid the answer"
    text = str(error)
    for words, meaning in (
        ("NameResolution", "the name is unknown"),
        ("refused", "the connection is refused"),
        ("Remote end closed", "the connection broke"),
        ("reset", "the connection broke"),
    ):
        if words in text:
            return meaning
    return type(error).__name__
