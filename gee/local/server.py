"""The service over loopback: 127.0.0.1 and nothing else.

In: HTTP requests. Out: the answers of a service, each request in a thread of its own.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from gee.local.answers import Handle
from gee.local.errors import PortError

LOOPBACK = "127.0.0.1"
LOCAL_NAMES = (LOOPBACK, "localhost")


class LoopbackServer:
    """A running server; use it as a context manager, or call `close`.

    Raises
    ------
    PortError
        where the port cannot be used.
    """

    def __init__(self, handle: Handle, port: int = 0) -> None:
        try:
            self._server = ThreadingHTTPServer((LOOPBACK, port), _handler_of(handle))
        except OSError as error:
            why = error.strerror or error
            raise PortError(f"port {port} of {LOOPBACK} cannot be used ({why})") from error
        self._server.daemon_threads = True
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """What to give to `ee.Initialize(url=...)`."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def start(self) -> LoopbackServer:
        """Answer requests in the background."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Answer requests until interrupted."""
        self._server.serve_forever()

    def close(self) -> None:
        """Stop answering and free the port."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> LoopbackServer:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _handler_of(handle: Handle) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _refuse(self) -> bool:
            """Whether a page from elsewhere asks: browsers reach loopback for any web site."""
            host = self.headers.get("Host", LOOPBACK).rpartition(":")[0] or LOOPBACK
            origin = urlsplit(self.headers.get("Origin", f"http://{LOOPBACK}")).hostname
            return host not in LOCAL_NAMES or (self.command != "GET" and origin not in LOCAL_NAMES)

        def _answer(self) -> None:
            if self._refuse():
                self.send_error(403, "Only pages of this machine may ask the local Earth Engine")
                return
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else b""
            host = self.headers.get("Host", LOOPBACK)
            try:
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = handle(self.command, f"http://{host}{self.path}", body, headers)
            except ConnectionError:
                self.close_connection = True
                self.connection.close()
                return
            try:
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)
            except (BrokenPipeError, ConnectionResetError):
                # The client has given up waiting, as clients with a deadline do.
                self.close_connection = True

        do_GET = do_POST = do_DELETE = do_PATCH = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing on the terminal: the request log has it all."""

    return Handler
