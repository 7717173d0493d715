"""Ids that people and programs pass in, and ids that follow from them. No I/O."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from uuid import uuid4

from calango.errors import InputError

ID_LIMIT = 200  # Langfuse drops a propagated session or user id that is longer
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


def check_id(kind: str, value: object) -> str:
    """`value` when it may be a session, user or message id; InputError names `kind` and the rule otherwise.

    Any printable text of 1 to 200 characters is an id: it is never used as a path, in SQL text or as HTML.
    """
    if not isinstance(value, str):
        raise InputError(f"{kind} must be text, not {type(value).__name__}.", "Pass a string.")
    if not value.strip():
        raise InputError(f"{kind} is empty.", "Leave it out, or pass 1 to 200 characters.")
    if len(value) > ID_LIMIT:
        raise InputError(f"{kind} has {len(value)} characters.", f"At most {ID_LIMIT} are allowed.").because(
            "too_long", count=len(value), most=ID_LIMIT
        )
    bad = next((c for c in value if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}), None)
    if bad is not None:
        raise InputError(
            f"{kind} contains the control character U+{ord(bad):04X}.",
            "Use printable characters; text direction marks and line breaks are not allowed.",
        )
    return value


def check_trace_id(value: object) -> str:
    """A W3C trace id (32 lower-case hex digits, not all zero): anything else would lose the whole trace."""
    if isinstance(value, str) and _TRACE_ID.fullmatch(value) and value.strip("0"):
        return value
    error = InputError("The trace id is malformed.", "It has 32 lower-case hex digits, as printed after each answer.")
    raise error.because("no_trace_id")


def trace_id_for(session_id: str, message_id: str) -> str:
    """The trace id of the turn that answers `message_id`: as `Langfuse.create_trace_id(seed=...)` derives it.

    Lone surrogates can't reach this: `check_id` refuses them.
    """
    seed = f"{session_id}:{message_id}"
    return hashlib.sha256(seed.encode()).digest()[:16].hex()


def new_message_id() -> str:
    return uuid4().hex


def new_session_id() -> str:
    return uuid4().hex[:16]


def score_id(trace_id: str, name: str, user_id: str | None) -> str:
    """The one id of a person's vote on an answer: sending it again replaces the vote instead of adding one."""
    voter = hashlib.sha256((user_id or "").encode()).hexdigest()[:12]
    return f"{trace_id}-{name}-{voter}"
