"""What is asked of an engine, checked: everything that comes from outside passes here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calango import ids
from calango.errors import InputError
from calango.records import Request
from calango.settings import Settings
from calango.tracing.attributes import check_tags


def checked(
    settings: Settings,
    text: str,
    session_id: str | None,
    user_id: str | None,
    tags: Sequence[str],
    metadata: Mapping[str, Any] | None,
    message_id: str | None,
    context: Mapping[str, Any] | None,
) -> Request:
    """InputError names what is wrong. Ids that are left out are made up; the user is CALANGO_USER."""
    return Request(
        text=check_text(text, settings.max_message_chars),
        session_id=ids.new_session_id() if session_id is None else ids.check_id("session_id", session_id),
        user_id=ids.check_id("user_id", settings.user if user_id is None else user_id),
        message_id=ids.new_message_id() if message_id is None else ids.check_id("message_id", message_id),
        tags=check_tags(tags),
        metadata=dict(metadata or {}),
        context=dict(context or {}),
    )


def check_text(text: object, most_chars: int) -> str:
    if not isinstance(text, str):
        raise InputError(f"The message must be text, not {type(text).__name__}.")
    if not text.strip():
        raise InputError("The message is empty.", "Write something.")
    if len(text) > most_chars:
        raise InputError(
            f"The message has {len(text)} characters; {most_chars} are allowed.",
            "Shorten it, or raise CALANGO_MAX_MESSAGE_CHARS.",
        )
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise InputError("The message is no valid text: it contains NUL or half of a character.")
    return text
