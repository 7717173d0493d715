"""Messages, resumed turns, stopping."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from calango.api import shapes
from calango.api.events import EVENT_STREAM, answered, streamed
from calango.chat import ChatService
from calango.records import Event

router = APIRouter(tags=["turns"])
_TURN: dict[int | str, dict[str, Any]] = {
    200: {"content": {EVENT_STREAM: {}}, "description": "The result, or with `stream` its events, the last one `done`"},
    429: {"model": shapes.Refusal, "description": "A budget is used up; `Retry-After` says when it starts anew"},
}


def chat_of(request: Request) -> ChatService:
    return request.app.state.chat


@router.post("/messages", response_model=shapes.Result, responses=_TURN)
async def send(request: Request, body: shapes.NewMessage) -> Any:
    """Send a message; without a session it begins a conversation. A session that waits for an answer gets it so."""
    return await _sent(request, body, body.session_id)


@router.post("/sessions/{session_id:path}/messages", response_model=shapes.Result, responses=_TURN)
async def send_in(session_id: str, request: Request, body: shapes.Message) -> Any:
    """Send a message in a conversation."""
    return await _sent(request, body, session_id)


@router.post("/sessions/{session_id:path}/resume", response_model=shapes.Result, responses=_TURN)
async def resume(session_id: str, request: Request, body: shapes.Resume) -> Any:
    """Answer what an interrupted turn asked, with any JSON value; it goes on in the same trace."""
    begin = chat_of(request).astream_resume
    return await _answer(request, body, await run_in_threadpool(begin, session_id, body.answer, **_options(body)))


@router.post("/sessions/{session_id:path}/stop")
def stop(session_id: str, request: Request) -> shapes.Stopped:
    """Stop the session's running turn; what was said so far is kept, and its sender gets it."""
    return shapes.Stopped(stopped=chat_of(request).stop(session_id))


async def _sent(request: Request, body: shapes.Message, session_id: str | None) -> Any:
    options = _options(body) | {"session_id": session_id, "message_id": body.message_id}
    return await _answer(request, body, await run_in_threadpool(chat_of(request).astream_message, body.text, **options))


def _options(body: shapes.Turn) -> dict[str, Any]:
    return {
        "user_id": body.user_id,
        "tags": body.tags,
        "model": body.model,
        "locale": body.locale,
        "metadata": body.metadata,
    }


async def _answer(request: Request, body: shapes.Turn, events: AsyncIterator[Event]) -> Any:
    if body.stream or EVENT_STREAM in request.headers.get("accept", ""):
        return await streamed(request, events)
    return shapes.Result.model_validate((await answered(request, events)).as_dict())
