"""Sessions and their history, and votes on answers."""

from __future__ import annotations

import time
from typing import Literal

from fastapi import APIRouter, Query, Request

from calango import ids
from calango.api import shapes
from calango.api.turns import chat_of
from calango.errors import NotFound
from calango.tracing import STARS, THUMBS, Receipt

router = APIRouter(tags=["conversations"])
_LOOK_S = 0.05
_WAIT = Query(0.0, ge=0, le=10, description="Seconds to wait until the vote has arrived or was refused.")
_USER = Query(None, description="CALANGO_USER when left out.")


@router.get("/sessions")
def sessions(request: Request, user_id: str | None = _USER, limit: int = Query(50, ge=1, le=1000)) -> shapes.Sessions:
    """A user's conversations, the latest first."""
    found = chat_of(request).sessions(user_id, limit)
    return shapes.Sessions(sessions=[shapes.Session.model_validate(session) for session in found])


@router.get("/sessions/{session_id:path}")
def conversation(session_id: str, request: Request) -> shapes.Conversation:
    """The conversation, oldest first, each answer with the trace id to rate it by."""
    chat = chat_of(request)
    messages, is_running = chat.history(session_id), chat.is_running(session_id)
    if not messages and not is_running:
        raise NotFound(f"There is no session {session_id[:80]}.", "GET /sessions lists a user's.")
    return shapes.Conversation(
        session_id=session_id,
        is_running=is_running,
        waiting_for=[] if is_running else chat.waiting_for(session_id),
        messages=[shapes.Shown.model_validate(message) for message in messages],
    )


@router.put("/feedback/{trace_id}", tags=["votes"])
def vote(trace_id: str, request: Request, body: shapes.Vote, wait: float = _WAIT) -> shapes.VoteState:
    """Rate an answer. It is on disk when this answers, and goes out in the background: see `state`."""
    receipt = chat_of(request).submit_feedback(
        trace_id, thumbs=body.thumbs, stars=body.stars, comment=body.comment, user_id=body.user_id
    )
    return _state(request, receipt, wait)


@router.delete("/feedback/{trace_id}", tags=["votes"])
def withdraw(
    trace_id: str,
    request: Request,
    name: Literal["user-feedback", "user-rating"] = THUMBS,
    user_id: str | None = _USER,
    wait: float = _WAIT,
) -> shapes.VoteState:
    """Take a vote back."""
    return _state(request, chat_of(request).withdraw_feedback(trace_id, name, user_id=user_id), wait)


@router.get("/feedback/{trace_id}", tags=["votes"])
def votes(trace_id: str, request: Request, user_id: str | None = _USER) -> shapes.Votes:
    """The user's votes on an answer, and how far they got."""
    ids.check_trace_id(trace_id)
    found = chat_of(request).votes([trace_id], user_id=user_id).get(trace_id, {})
    known = [found[name] for name in (THUMBS, STARS) if name in found]
    return shapes.Votes(votes=[shapes.VoteState.model_validate(one) for one in known])


def _state(request: Request, receipt: Receipt, wait_s: float) -> shapes.VoteState:
    """The vote as it is now, or as soon as it no longer waits."""
    tracing, until = chat_of(request).tracing, time.monotonic() + wait_s
    while True:
        known = tracing.outbox.votes([receipt.trace_id]) if tracing is not None else []
        found = next(one for one in known if one.score_id == receipt.score_id)
        if found.state != "pending" or time.monotonic() >= until:
            return shapes.VoteState.model_validate(found)
        time.sleep(_LOOK_S)
