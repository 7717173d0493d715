"""What every route needs: the store, bodies with a bound, JSON answers."""

from __future__ import annotations

import asyncio
import secrets
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import duckdb
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from calango.alerts.watch import Watch
from calango.server.auth import Key, Keyring
from calango.server.costs import PriceBook
from calango.server.errors import ApiError, invalid, problem
from calango.server.shapes import as_dict
from calango.store import Store

T = TypeVar("T")
MAX_BODY = 64 * 1024 * 1024
MAX_INFLATED = 256 * 1024 * 1024


@dataclass(slots=True)
class Context:
    """What the server knows while it runs; `app.state.context`.

    `home_key` is the public key of this home (`keys.json`), the only one that manages projects.
    """

    store: Store
    keyring: Keyring
    home_key: str
    prices: PriceBook
    instance_id: str
    version: str
    hosts: frozenset[str]
    loopback: bool
    watch: Watch | None = None
    signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    started_ns: int = field(default_factory=time.time_ns)
    last_request: float = field(default_factory=time.monotonic)
    active: int = 0


class Json(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)


def context_of(request: Request) -> Context:
    return request.app.state.context


def project_of(request: Request) -> str:
    """The project whose key came with the request."""
    return key_of(request).project_id


def key_of(request: Request) -> Key:
    """The key that came with the request; the gate has checked it."""
    return request.state.key


def only_home(request: Request, what: str) -> None:
    """ApiError 403 unless the key that came with the request is the home's own. `what` completes "can ..."."""
    if key_of(request).public_key != context_of(request).home_key:
        raise ApiError(403, f"Only the key of this home (keys.json in CALANGO_HOME) can {what}.", "ForbiddenError")


async def reading(request: Request, read: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    """Run `read` with a cursor in a worker thread."""
    store = context_of(request).store

    def run() -> T:
        try:
            with store.read() as db:
                return read(db)
        except duckdb.OutOfMemoryException:
            raise ApiError(503, "The answer needs more memory than the server may use: ask for less.") from None

    return await run_in_threadpool(run)


async def writing(request: Request, write: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    """Run `write` in the next group; returns after its commit."""
    return await asyncio.wrap_future(context_of(request).store.write(write))


async def body_of(request: Request) -> bytes:
    """The body, inflated when it says so. 413 when it is larger than allowed, 400 when it is damaged."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise ApiError(413, f"The body is larger than {MAX_BODY} bytes.")
        chunks.append(chunk)
    raw = b"".join(chunks)
    if encoding in {"identity", ""} or not raw:
        return raw
    if encoding not in {"gzip", "deflate"}:
        raise ApiError(415, f"Content-Encoding {encoding[:40]} is not supported; use gzip.")
    return await run_in_threadpool(inflate, raw)


def inflate(raw: bytes, limit: int = MAX_INFLATED) -> bytes:
    """Undo gzip or zlib, and stop at `limit` bytes: a small body may hold a huge one."""
    parts: list[bytes] = []
    size = 0
    while raw:  # a gzip stream may have several members (RFC 1952, 2.2)
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            part = inflater.decompress(raw, limit - size + 1)
        except zlib.error:
            raise ApiError(400, "The body is not valid gzip.") from None
        size += len(part)
        if size > limit:
            raise ApiError(413, f"The inflated body is larger than {limit} bytes.")
        if not inflater.eof:
            raise ApiError(400, "The body is cut off.")
        parts.append(part)
        raw = inflater.unused_data
    return b"".join(parts)


async def json_of(request: Request) -> Any:
    raw = await body_of(request)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise ApiError(400, "Invalid JSON in the request body.", "InvalidRequestError") from None


async def object_of(request: Request) -> dict[str, Any]:
    body = as_dict(await json_of(request))
    if body is None:
        raise invalid(problem([], "Invalid input: expected object, received array", "invalid_type", expected="object"))
    return body
