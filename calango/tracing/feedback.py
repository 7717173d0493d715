"""A person's vote on an answer -> a Langfuse score, through the outbox.

One editable vote per answer and user: the score's id follows from trace, name and user, so that a changed vote
replaces the earlier one; it keeps the first timestamp, because Langfuse replaces within a UTC date only.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from calango import ids
from calango.errors import InputError
from calango.tracing.client import Tracing
from calango.tracing.outbox import Vote

THUMBS = "user-feedback"
STARS = "user-rating"
COMMENT_LIMIT = 2000
WITHDRAW: Literal["withdraw"] = "withdraw"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The vote is on disk here. `state` is `pending` until the backend has it."""

    score_id: str
    trace_id: str
    name: str
    state: Literal["pending"] = "pending"


def check_comment(comment: object) -> str | None:
    """The comment without surrounding space, None when it is empty; InputError when it is too long or no text."""
    if comment is None:
        return None
    if not isinstance(comment, str):
        raise InputError(f"The comment must be text, not {type(comment).__name__}.")
    text = comment.strip()
    if len(text) > COMMENT_LIMIT:
        raise InputError(f"The comment has {len(text)} characters.", f"At most {COMMENT_LIMIT} are allowed.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(
            "The comment is no valid text.", "It contains half of a character (a lone surrogate)."
        ) from None
    return text or None


def check_stars(stars: object) -> int:
    if isinstance(stars, bool) or not isinstance(stars, int) or not 1 <= stars <= 5:
        raise InputError("Stars must be a whole number from 1 to 5.")
    return stars


def vote(
    tracing: Tracing,
    trace_id: str,
    *,
    thumbs: bool | None = None,
    stars: int | None = None,
    comment: str | None = None,
    user_id: str | None = None,
) -> Receipt:
    """Give or change a vote: exactly one of `thumbs` and `stars`. On disk when this returns; no network."""
    if (thumbs is None) == (stars is None):
        raise InputError("A vote is either thumbs or stars.", "Pass exactly one of them.")
    if thumbs is not None:
        return _put(tracing, trace_id, THUMBS, "BOOLEAN", int(thumbs), comment, user_id)
    return _put(tracing, trace_id, STARS, "NUMERIC", check_stars(stars), comment, user_id)


def withdraw(tracing: Tracing, trace_id: str, name: str, *, user_id: str | None = None) -> Receipt:
    """Take a vote back; also one that was given on another machine."""
    ids.check_trace_id(trace_id)
    score_id = ids.score_id(trace_id, name, tracing.sent_user(user_id))
    gone = Vote(score_id, trace_id, name, None, None, "pending", None, _first_ns(tracing, trace_id, score_id)[0])
    tracing.outbox.put_vote(gone, None)
    tracing.keep(trace_id)
    return Receipt(score_id, trace_id, name)


def _put(
    tracing: Tracing, trace_id: str, name: str, data_type: str, value: int, comment: str | None, user_id: str | None
) -> Receipt:
    ids.check_trace_id(trace_id)
    text = check_comment(comment)
    if text and tracing.masker is not None:
        text = tracing.masker.text(text, trace_id)
    score_id = ids.score_id(trace_id, name, tracing.sent_user(user_id))
    first_ns, is_first_here = _first_ns(tracing, trace_id, score_id)
    score: dict[str, Any] = {
        "id": score_id,
        "traceId": trace_id,
        "name": name,
        "value": value,
        "dataType": data_type,
        "environment": tracing.settings.environment,
        "timestamp": _iso(first_ns),
        "metadata": {"user_id": tracing.sent_user(user_id)} if user_id else {},
    }
    if text:
        score["comment"] = text
    body = json.dumps({"score": score, "is_first_here": is_first_here}).encode()
    tracing.outbox.put_vote(Vote(score_id, trace_id, name, value, text, "pending", None, first_ns), body)
    tracing.keep(trace_id)
    return Receipt(score_id, trace_id, name)


def _first_ns(tracing: Tracing, trace_id: str, score_id: str) -> tuple[int, bool]:
    """When this vote was first given here, also if it was taken back since; now, and True, if it never was."""
    for known in tracing.outbox.votes([trace_id]):
        if known.score_id == score_id:
            return known.timestamp_ns, False
    return time.time_ns(), True


def _iso(ns: int) -> str:
    moment = datetime.fromtimestamp(ns // 10**9, UTC).replace(microsecond=ns % 10**9 // 10**6 * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
