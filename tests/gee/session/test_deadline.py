"""A request ends at its deadline, however slowly the server goes on."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from gee import transport
from gee.transport import Transport

DEADLINE_S = 1.5
LATEST_S = 2.7
"""When a request must have ended on a busy machine; each fault below took 2.9 s or longer."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
Script = Callable[[socket.socket, threading.Event], None]
Serve = Callable[[Script], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that treat each connection by a script, until the test ends."""
    over = threading.Event()
    listeners, threads = [], []

    def start(script: Script) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def treat(connection: socket.socket) -> None:
            with connection:
                try:
                    script(connection, over)
                except OSError:
                    return

        def listen() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=treat, args=(connection,), daemon=True)
                threads.append(thread)
                thread.start()

        threading.Thread(target=listen, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    over.set()
    for listener in listeners:
        listener.close()
    for thread in threads:
        thread.join(5)


def read_head(connection: socket.socket) -> bytes:
    """Return the head of the next request on a connection."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = connection.recv(2**16)
        if not part:
            raise ConnectionError
        got += part
    return got


def drip(connection: socket.socket, over: threading.Event, content: bytes) -> None:
    """Send a byte each 0.2 s: 6 s and more in all."""
    for byte in content:
        connection.sendall(bytes([byte]))
        if over.wait(0.2):
            return


def headers_that_drip(connection: socket.socket, over: threading.Event) -> None:
    read_head(connection)
    drip(connection, over, HEAD + b"{}")


def a_body_that_drips(connection: socket.socket, over: threading.Event) -> None:
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n")
    drip(connection, over, b"x" * 40)


def a_chunk_that_drips(connection: socket.socket, over: threading.Event) -> None:
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n28\r\n")
    drip(connection, over, b"x" * 40)


def silence_after_a_late_byte(connection: socket.socket, over: threading.Event) -> None:
    read_head(connection)
    connection.sendall(HEAD)
    over.wait(DEADLINE_S * 0.95)
    connection.sendall(b"{")
    over.wait(8)


def silence_after_a_late_redirection(connection: socket.socket, over: threading.Event) -> None:
    if b"/elsewhere" not in read_head(connection):
        over.wait(DEADLINE_S * 0.95)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n")
        connection.sendall(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
    else:
        over.wait(8)


def redirections_without_end(connection: socket.socket, over: threading.Event) -> None:
    read_head(connection)
    over.wait(0.2)
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\n")
    connection.sendall(b"Content-Length: 0\r\nConnection: close\r\n\r\n")


def a_late_redirection_whose_body_drips(connection: socket.socket, over: threading.Event) -> None:
    read_head(connection)
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 40\r\n\r\n")
    drip(connection, over, b"x" * 40)


@pytest.mark.parametrize(
    "script",
    [
        headers_that_drip,
        a_body_that_drips,
        a_chunk_that_drips,
        silence_after_a_late_byte,
        silence_after_a_late_redirection,
        redirections_without_end,
        a_late_redirection_whose_body_drips,
    ],
)
def test_a_request_ends_at_its_deadline(serve: Serve, script: Script) -> None:
    # Fault: a deadline that each byte, or each redirection, begins anew.
    url = serve(script)
    made = Transport(DEADLINE_S, 1, url)
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no whole answer within 1\.5 s"):
        made.request(url)
    taken = time.monotonic() - started
    made.close()
    assert DEADLINE_S * 0.98 < taken < LATEST_S


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_deadline_holds_through_a_proxy(
    serve: Serve, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fault: a proxy that drips, with its own answer (https) or with that of the server.
    monkeypatch.setenv(f"{scheme}_proxy", serve(headers_that_drip))
    made = Transport(DEADLINE_S, 1, "https://earthengine.googleapis.com")
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="no whole answer"):
        made.request(f"{scheme}://earth.invalid/v1")
    made.close()
    assert time.monotonic() - started < LATEST_S


def test_a_server_that_takes_no_request_in_is_given_up(serve: Serve) -> None:
    # Fault: a connection that is used again keeps the patience of the request before.
    answered = []

    def script(connection: socket.socket, over: threading.Event) -> None:
        read_head(connection)
        connection.sendall(HEAD + b"{}")
        answered.append(connection)
        over.wait(8)

    url = serve(script)
    made = Transport(30, 1, url)
    assert made.request(url)[1] == b"{}"
    made.deadline_s = 1.0
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="within 1 s"):
        made.request(url, "POST", bytes(50_000_000))
    made.close()
    assert len(answered) == 1
    assert time.monotonic() - started < LATEST_S


def test_each_request_has_a_deadline_of_its_own(serve: Serve) -> None:
    # Fault: what was left for one request is all that the next has on the same connection.
    opened = []

    def script(connection: socket.socket, over: threading.Event) -> None:
        opened.append(connection)
        while not over.is_set():
            read_head(connection)
            over.wait(0.8)
            connection.sendall(HEAD + b"{}")

    url = serve(script)
    made = Transport(DEADLINE_S, 1, url)
    for _ in range(3):
        response, content = made.request(url)
        assert (response.status, content) == (200, b"{}")
    made.close()
    assert len(opened) == 1


def test_a_request_may_take_longer_to_send_than_to_connect(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fault: a large request over a slow line, broken off after the seconds that connecting has.
    monkeypatch.setattr(transport, "CONNECT_S", 0.3)

    def script(connection: socket.socket, over: threading.Event) -> None:
        over.wait(0.9)
        got = read_head(connection)
        left = 50_000_000 - len(got.partition(b"\r\n\r\n")[2])
        while left > 0:
            left -= len(connection.recv(2**20))
        connection.sendall(HEAD + b"{}")

    url = serve(script)
    made = Transport(30, 1, url)
    assert made.request(url, "POST", bytes(50_000_000))[1] == b"{}"
    made.close()


@pytest.fixture
def certificate(private_key: str, tmp_path: Path) -> Path:
    """A file with the key and the certificate of a server on this machine, signed by itself."""
    key = serialization.load_pem_private_key(private_key.encode(), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(private_key.encode() + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_the_deadline_holds_over_tls(
    serve: Serve, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fault: the deadline is kept by plain connections only, and Earth Engine's are none.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def script(connection: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            read_head(secure)
            secure.sendall(HEAD + b"{}")
            read_head(secure)
            drip(secure, over, HEAD + b"{}")

    url = serve(script).replace("http:", "https:")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    made = Transport(DEADLINE_S, 1, "https://earthengine.googleapis.com")
    assert made.request(url)[1] == b"{}"
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="no whole answer"):
        made.request(url)
    made.close()
    assert time.monotonic() - started < LATEST_S
