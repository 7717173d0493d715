"""HTTP by hand, for what no client would send."""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Answer:
    status: int
    text: str


def address_of(base_url: str) -> tuple[str, int]:
    url = urlsplit(base_url)
    assert url.hostname is not None
    assert url.port is not None
    return url.hostname, url.port


def connected(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=PATIENCE_S)


def said(connection: socket.socket) -> bytes:
    """Everything until the server closes. An end by reset counts as one."""
    parts: list[bytes] = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def exchange(address: tuple[str, int], *lines: str) -> Answer:
    """Send these lines as the head of a request, and hear the answer."""
    with connected(address) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        text = said(connection).decode()
    return Answer(int(text.split(" ", 2)[1]), text)


def drips_until_closed(connection: socket.socket, drop: bytes = b"a") -> bytes | None:
    """Send byte by byte until the server has had enough: what it said then, None when it never had."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        readable, _, _ = select.select([connection], [], [], 0.02)
        if readable:
            return said(connection)
        try:
            connection.sendall(drop)
        except (BrokenPipeError, ConnectionResetError):
            return said(connection)
    return None
