"""A turn's events as an answer: one JSON document, or server-sent events. A client that leaves stops its turn."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from dataclasses import asdict
from typing import Any, TypeVar, cast

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from calango.errors import CalangoError
from calango.records import Done, Event, TurnResult

T = TypeVar("T")
PING_S = 15.0  # of silence, after which a comment shows the client and what is between that the stream goes on
EVENT_STREAM = "text/event-stream"
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


async def answered(request: Request, events: AsyncIterator[Event]) -> TurnResult:
    """The result of a turn. Raises CalangoError for what was refused, ClientDisconnect when nobody waits any more."""
    gone = asyncio.ensure_future(_gone(request))
    try:
        result: TurnResult | None = None
        async for event in _while_there(events, gone):
            if isinstance(event, Done):
                result = event.result
        assert result is not None
        return result
    finally:
        gone.cancel()


async def streamed(request: Request, events: AsyncIterator[Event]) -> Response:
    """The events as they come, from the first one on: what is refused before it is an ordinary answer."""
    gone = asyncio.ensure_future(_gone(request))
    there = _while_there(events, gone)
    try:
        first = await anext(there)
    except BaseException:
        gone.cancel()
        raise

    async def lines() -> AsyncGenerator[bytes]:
        try:
            yield written(first)
            async for event in there:
                yield written(event)
        except ClientDisconnect:
            return
        except CalangoError as error:
            yield _event("error", problem(error))
        finally:
            await there.aclose()
            gone.cancel()

    return StreamingResponse(lines(), media_type=EVENT_STREAM, headers={"x-accel-buffering": "no"})


def written(event: Event | None) -> bytes:
    """`event: tool_call` and its fields as JSON; the last one, `done`, has the result's. None is a comment."""
    if event is None:
        return b": still here\n\n"
    if isinstance(event, Done):
        return _event("done", event.result.as_dict())
    return _event(_WORD.sub("_", type(event).__name__).lower(), asdict(event))


def problem(error: CalangoError) -> dict[str, str]:
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint}


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data, default=str))


async def _while_there(events: AsyncIterator[Event], gone: asyncio.Future[None]) -> AsyncGenerator[Event | None]:
    """The events; None after each PING_S of silence. ClientDisconnect ends them, and closing them stops the turn."""
    coming: asyncio.Future[Event] | None = None
    try:
        while True:
            if coming is None:
                coming = asyncio.ensure_future(cast("Coroutine[Any, Any, Event]", anext(events)))
            await asyncio.wait({coming, gone}, timeout=PING_S, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                found, coming = coming, None
                try:
                    yield found.result()
                except StopAsyncIteration:
                    return
            elif gone.done():
                raise ClientDisconnect
            else:
                yield None
    finally:
        if coming is not None:
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, Exception):
                await coming
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


async def _gone(request: Request) -> None:
    """Ends when the client has left; the body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
