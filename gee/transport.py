"""The connection to Earth Engine that the client is given: pooled, with a deadline.

In: requests in the style of httplib2, as the client sends them. Out: answers in that style.

The client's own connection has no deadline until after it is initialised, which takes half a
minute at a dead address, and holds ten connections; a deadline of `requests` counts from one byte
to the next, so a server that drips holds a request for ever. Here each wait for a byte is as long
as what is left of the request's own deadline, be it of the headers, the body or a redirection.
"""

import io
import json
import time
from collections.abc import Mapping
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import httplib2
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

CONNECT_S = 5.0
"""Seconds within which a server must accept a connection."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
QUOTA_HEADER = "x-earth-engine-quota-status"
"""Says `parallelism_restricted=true` once the month's quota of a noncommercial project is used."""

_until: ContextVar[float] = ContextVar("until")
"""When the request of this thread is to have its whole answer, on the monotonic clock."""


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
        adapter = _Adapter(pool_connections=4, pool_maxsize=connections)
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
        before = _until.set(time.monotonic() + self.deadline_s)
        try:
            with self._session.request(
                method, uri, data=body, headers=headers, stream=True
            ) as response:
                content = response.raw.read(decode_content=True)
        except requests.exceptions.SSLError:
            raise
        except (requests.exceptions.RequestException, HTTPError, TimeoutError) as error:
            if _is_too_late(error):
                message = f"no whole answer within {self.deadline_s:g} s"
                raise TimeoutError(message) from error
            raise ConnectionError(f"{_host(uri)}: {_reason(error)}") from error
        finally:
            _until.reset(before)
        fields = {name.lower(): value for name, value in response.headers.items()}
        # The client would warn through `warnings`, once a call site and not once a session.
        if "parallelism_restricted=true" in fields.pop(QUOTA_HEADER, ""):
            self.restricted = True
        return httplib2.Response({**fields, "status": str(response.status_code)}), content

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()


class _Answer(HTTPResponse):
    """An answer whose status, headers and body together come before the deadline."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_UntilDeadline(sock, self.fp.detach()))


class _UntilDeadline(io.RawIOBase):
    """The bytes of a socket, each waited for no longer than the deadline lets."""

    def __init__(self, sock: Any, inner: io.RawIOBase) -> None:
        super().__init__()
        self._sock, self._inner = sock, inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left())
        return self._inner.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


class _Connection(HTTPConnection):
    """A connection over which requests go, and answers come, before the deadline."""

    response_class = _Answer

    def send(self, data: Any) -> None:
        """Send a part of a request; an earlier request may have opened the connection."""
        if self.sock is None:
            self.connect()
        self.sock.settimeout(_left())
        super().send(data)


class _SecureConnection(HTTPSConnection, _Connection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Sends requests, and those that redirections lead to, over such connections."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        left = _left()
        options["timeout"] = (min(CONNECT_S, left), left)
        return super().send(request, *args, **options)


_POOLS = {"http": _Pool, "https": _SecurePool}


def _left() -> float:
    """Return the seconds that are left for the request of this thread."""
    left = _until.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _is_too_late(error: Exception) -> bool:
    """Tell what the deadline ended from what broke; a server that is not there is told as such."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return False
    of_waiting = (requests.exceptions.ReadTimeout, ReadTimeoutError, TimeoutError)
    return isinstance(error, of_waiting) or time.monotonic() >= _until.get()


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
