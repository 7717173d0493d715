"""Slow, silent and many connections, over real sockets. Bounds are short here; no test waits for a fixed time."""

from __future__ import annotations

import base64
import contextlib
import logging
import resource
import socket
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from calango.local import LocalServer
from tests.support.servers import client_of, eventually, running_server, serving
from tests.support.sockets import address_of, connected, drips_until_closed, exchange, said

HEALTH = "/api/public/health"
ROOM = 20


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    """A server that gives a head 0.3 s, and a body or an answer 0.3 s more than 1,000 bytes a second take."""
    home = Path(tmp_path_factory.mktemp("strict")) / "home"
    with serving(home, connections=ROOM, head_s=0.3, slack_s=0.3, rate=1000, head_bytes=8192) as server:
        yield server


def post(server: LocalServer, path: str, length: int) -> bytes:
    """The head of a request with keys whose body follows."""
    auth = base64.b64encode(f"{server.public_key}:{server.secret_key}".encode()).decode()
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Basic {auth}", f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def is_well(server: LocalServer) -> bool:
    return exchange(address_of(server.base_url), f"GET {HEALTH} HTTP/1.1", "Host: localhost").status == 200


def test_a_client_that_says_nothing_is_let_go(strict: LocalServer):
    with connected(address_of(strict.base_url)) as connection:
        assert said(connection) == b""


def test_a_head_that_comes_byte_by_byte_is_given_up(strict: LocalServer):
    with connected(address_of(strict.base_url)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nx: ")
        heard = drips_until_closed(connection)

    assert heard is not None
    assert heard.startswith(b"HTTP/1.1 408") or heard == b""


def test_a_second_head_that_comes_byte_by_byte_is_given_up_too(strict: LocalServer):
    with connected(address_of(strict.base_url)) as connection:
        connection.sendall(f"GET {HEALTH} HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nx: ".encode())
        while not connection.recv(65536).endswith(b"}"):
            pass
        assert drips_until_closed(connection) is not None


def test_a_body_that_comes_byte_by_byte_is_given_up(strict: LocalServer):
    with connected(address_of(strict.base_url)) as connection:
        connection.sendall(post(strict, "/api/public/scores", 100_000))

        assert drips_until_closed(connection) is not None


def test_a_body_that_is_not_wanted_is_given_up(strict: LocalServer):
    with connected(address_of(strict.base_url)) as connection:
        head = b"POST /api/public/scores HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 401")
        assert drips_until_closed(connection, b"a" * 1000) is not None


def test_a_body_that_comes_fast_enough_may_take_longer_than_the_slack(strict: LocalServer):
    head = post(strict, "/api/public/scores", 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    body = [b'{"name": "n", "traceId": "steady", "value": 1}', *[b" " * 400] * 200]
    began = time.monotonic()
    with connected(address_of(strict.base_url)) as connection:
        connection.sendall(head)
        for part in body:
            connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            assert is_well(strict)  # takes a while
            if time.monotonic() - began > 3 * 0.3:
                break
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_an_answer_that_nobody_reads_is_given_up(strict: LocalServer):
    with client_of(strict) as client:
        event = {"id": "e", "type": "trace-create", "body": {"id": "big", "input": "x" * 30_000_000}}
        assert client.post("/api/public/ingestion", json={"batch": [event]}).json()["errors"] == []
    with connected(address_of(strict.base_url)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(post(strict, "/x", 0).replace(b"POST /x", b"GET /api/public/traces/big"))
        started = connection.recv(1)

        assert started == b"H"
        assert eventually(lambda: not open_at(strict, connection))


def open_at(server: LocalServer, connection: socket.socket) -> bool:
    """Whether the kernel still holds the server's end of a connection."""
    port = connection.getsockname()[1]
    own = address_of(server.base_url)[1]
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(f":{own:04X}" in line.split()[1] and f":{port:04X}" in line.split()[2] for line in lines)


def test_a_head_that_never_ends_is_refused(strict: LocalServer):
    with connected(address_of(strict.base_url)) as connection, contextlib.suppress(OSError):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nx: " + b"a" * 100_000)
        assert said(connection)[:12] in {b"HTTP/1.1 400", b""}
    assert is_well(strict)


def test_a_crowd_that_says_nothing_makes_room(strict: LocalServer):
    crowd = [connected(address_of(strict.base_url)) for _ in range(5 * ROOM)]
    try:
        assert is_well(strict)
    finally:
        for connection in crowd:
            connection.close()


def test_a_client_that_keeps_its_connection_is_not_put_out_by_a_silent_crowd(strict: LocalServer):
    with httpx.Client(base_url=strict.base_url) as client:
        client.get(HEALTH)
        crowd = [connected(address_of(strict.base_url)) for _ in range(ROOM - 1)]
        try:
            stream = client.get(HEALTH).extensions["network_stream"]
            crowd.append(connected(address_of(strict.base_url)))
            assert client.get(HEALTH).extensions["network_stream"] is stream
        finally:
            for connection in crowd:
                connection.close()


def test_an_upgrade_to_a_websocket_is_no_way_round(strict: LocalServer):
    lines = ["GET / HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]

    with connected(address_of(strict.base_url)) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: upgrade", "", ""]).encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_two_thousand_silent_connections_stop_nobody(tmp_path: Path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    crowd: list[socket.socket] = []
    try:
        with running_server(tmp_path / "home") as server, client_of(server) as client:
            crowd.extend(connected(address_of(server.base_url)) for _ in range(2000))
            score = {"name": "n", "traceId": "t", "value": 1}
            assert client.post("/api/public/scores", json=score).status_code == 200
            assert eventually(lambda: len(list(Path(f"/proc/{server.pid}/fd").iterdir())) < 600)
            assert "Exception" not in (tmp_path / "home" / "server.log").read_text()
    finally:
        for connection in crowd:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_sender_that_leaves_in_the_middle_is_no_error_in_the_log(tmp_path: Path):
    with running_server(tmp_path / "home") as server:
        for _ in range(3):
            with connected(address_of(server.base_url)) as connection:
                connection.sendall(post(server, "/api/public/scores", 100) + b"{")
        with client_of(server) as client:
            assert client.get("/api/public/projects").status_code == 200
        assert logging.getLevelName(logging.ERROR) not in (tmp_path / "home" / "server.log").read_text()
