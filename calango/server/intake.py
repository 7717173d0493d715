"""Bodies within bounds: each by itself, and all that are held at the same time."""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from calango.server.errors import ApiError

MAX_BODY = 64 * 1024 * 1024
MAX_INFLATED = 256 * 1024 * 1024
ROOM = 448 * 1024 * 1024  # bytes that are held together; the largest body (MAX_BODY and MAX_INFLATED) fits when alone
LARGE = 1024 * 1024  # bodies above it leave the last eighth of the room to others, and are worked on one at a time
MAX_MEMBERS = 16_384  # of one gzip stream; bgzip makes one of 64 KiB
_READ = 64 * 1024
_PIECE = 1024 * 1024


class Room:
    """What all bodies together may take, counted in bytes over all connections. Safe in any thread."""

    def __init__(self, size: int = ROOM) -> None:
        self.size = size
        self.taken = 0
        self.one_large = asyncio.Lock()
        self._lock = threading.Lock()

    def take(self, more: int, held: int) -> None:
        """ApiError 503 when `more` bytes, for one that holds `held`, do not fit: they will later."""
        size = self.size if held + more <= LARGE else self.size * 7 // 8
        with self._lock:
            if self.taken + more > size:
                raise ApiError(503, "The server holds as many large bodies as it may. Try again soon.")
            self.taken += more

    def give(self, held: int) -> None:
        with self._lock:
            self.taken -= held


class Share:
    """What one request holds of the room; `end` gives it back."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0
        self._is_large = False

    def grow(self, more: int) -> None:
        self._room.take(more, self._held)
        self._held += more

    async def wait_turn(self, size: int) -> None:
        """A large body is decoded, into many times its size at worst, when no other one is."""
        if size > LARGE:
            await self._room.one_large.acquire()
            self._is_large = True

    def end(self) -> None:
        self._room.give(self._held)
        if self._is_large:
            self._room.one_large.release()


async def body_of(request: Request) -> bytes:
    """The body, inflated when it says so. 413 when it is larger than allowed, 400 when it is damaged, 503 when there
    is no room for it now."""
    share: Share = request.state.share
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in {"identity", "", "gzip", "deflate"}:
        raise ApiError(415, f"Content-Encoding {encoding[:40]} is not supported; use gzip.")
    announced = request.headers.get("content-length", "")
    if len(announced) > 19 or (announced.isdecimal() and int(announced) > MAX_BODY):
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large()
        share.grow(len(chunk))
        chunks.append(chunk)
    raw = b"".join(chunks)
    if encoding in {"gzip", "deflate"} and raw:
        raw = await run_in_threadpool(inflate, raw, grow=share.grow)
    await share.wait_turn(len(raw))
    return raw


def _too_large() -> ApiError:
    return ApiError(413, f"The body is larger than {MAX_BODY} bytes.")


def inflate(raw: bytes, limit: int = MAX_INFLATED, grow: Callable[[int], None] = lambda _more: None) -> bytes:
    """Undo gzip or zlib, and stop at `limit` bytes: a small body may hold a huge one. `grow` hears of each piece."""
    parts: list[bytes] = []
    size = at = members = 0
    inflater, left = None, b""
    while left or at < len(raw) or inflater is not None:
        if not left:
            left = raw[at : at + _READ]
            at += _READ
        if inflater is None:  # a gzip stream may have several members (RFC 1952, 2.2)
            inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
            members += 1
        try:
            part = inflater.decompress(left, _PIECE)
        except zlib.error:
            raise ApiError(400, "The body is not valid gzip.") from None
        size += len(part)
        if size > limit or members > MAX_MEMBERS:
            raise ApiError(413, f"The inflated body is larger than {limit} bytes, or in more than {MAX_MEMBERS} parts.")
        grow(len(part))
        parts.append(part)
        if inflater.eof:
            left, inflater = inflater.unused_data, None
        elif part or left or at < len(raw):
            left = inflater.unconsumed_tail
        else:
            raise ApiError(400, "The body is cut off.")
    return b"".join(parts)
