"""A proxy between Calango and a server that breaks requests in every way a network and a backend can."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter
from typing import Literal

Fault = Literal["none", "refuse", "hang", "cut request", "cut answer", "500", "429", "slow"]
FAULTS: tuple[Fault, ...] = ("refuse", "hang", "cut request", "cut answer", "500", "429", "slow")
_HANG_S = 5.0
_SLOW_S = 0.1


class FaultyProxy:
    """Listens on a free loopback port while it is entered. `healthy` lets everything through."""

    def __init__(self, upstream_port: int, seed: int, fault_share: float = 0.7) -> None:
        self._upstream_port = upstream_port
        self._random = random.Random(seed)
        self._share = fault_share
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.healthy = False
        self.counts: Counter[Fault] = Counter()
        self.port = 0

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        self.port = server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _pick(self) -> Fault:
        if self.healthy or self._random.random() > self._share:
            return "none"
        return self._random.choice(FAULTS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            fault = self._pick()
            self.counts[fault] += 1
            if fault != "refuse":
                await self._answer(await _request(reader), fault, writer)
        writer.close()

    async def _answer(self, request: bytes, fault: Fault, writer: asyncio.StreamWriter) -> None:
        if fault == "hang":
            await asyncio.sleep(_HANG_S)
        elif fault == "500":
            writer.write(_plain("500 Internal Server Error", ""))
        elif fault == "429":
            writer.write(_plain("429 Too Many Requests", "retry-after: 0\r\n"))
        elif fault == "cut request":
            await self._forward(request[: len(request) // 2], cut=True)
        else:
            if fault == "slow":
                await asyncio.sleep(_SLOW_S)
            answer = await self._forward(request)
            writer.write(answer[: len(answer) // 2] if fault == "cut answer" else answer)
        await writer.drain()

    async def _forward(self, request: bytes, *, cut: bool = False) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        writer.write(request)
        await writer.drain()
        if cut:
            writer.close()
            return b""
        answer = await reader.read()
        writer.close()
        return answer


async def _request(reader: asyncio.StreamReader) -> bytes:
    """One whole request, made to be the last on its connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
    length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    body = await reader.readexactly(length)
    return b"\r\n".join([*lines, b"connection: close", b"", b""]) + body


def _plain(status: str, headers: str) -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n".encode()
