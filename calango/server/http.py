"""What every route needs: the store, bodies with a bound, JSON answers."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import duckdb
import orjson
from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from calango import __version__
from calango.alerts.watch import Watch
from calango.server import mending
from calango.server.auth import Key, Keyring
from calango.server.bodies import expected
from calango.server.costs import PriceBook
from calango.server.counting import ServerMetrics
from calango.server.errors import ApiError, invalid, not_found
from calango.server.intake import Room, body_of
from calango.server.shapes import as_dict
from calango.server.syncing import Syncing
from calango.store import Store, projects
from calango.store.turns import is_fresh

T = TypeVar("T")
DECODERS = 1  # threads that decode spans; more would only fight over the interpreter, and slow readers down


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
    syncing: Syncing | None = None
    metrics: ServerMetrics = field(default_factory=lambda: ServerMetrics(__version__), repr=False)
    signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    started_ns: int = field(default_factory=time.time_ns)
    last_request: float = field(default_factory=time.monotonic)
    active: int = 0
    decoders: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(DECODERS), repr=False)
    room: Room = field(default_factory=Room)


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
            raise ApiError(413, "The answer needs more memory than the server may use: ask for less.") from None

    return await run_in_threadpool(run)


async def writing(request: Request, write: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    """Run `write` in the next group; returns after its commit."""
    return await asyncio.wrap_future(context_of(request).store.write(write))


async def added_up(request: Request) -> None:
    """Have every trace added up that was written until now."""
    if not await reading(request, is_fresh):
        await run_in_threadpool(context_of(request).store.add_up)


async def batch_of(request: Request) -> Any:
    """The JSON body of a batch, whose items are to be looked at one by one (`mending.check`)."""
    return await run_in_threadpool(mending.json_of, await body_of(request), mend=True)


async def object_of(request: Request) -> dict[str, Any]:
    """The JSON body, an object; ApiError 400 when it is none."""
    value = await run_in_threadpool(mending.json_of, await body_of(request))
    body = as_dict(value)
    if body is None:
        raise invalid(expected([], "object", value))
    mending.check(body)
    return body


async def chosen_project(request: Request) -> str:
    """The project of the key, or the one that the home's own key names."""
    named = request.query_params.get("project")
    if named is None or named == project_of(request):
        return project_of(request)
    only_home(request, "reach into other projects")
    known = await reading(request, projects.all_projects)
    if named not in {project.id for project in known}:
        raise not_found(f"There is no project {named[:80]}.")
    return named
