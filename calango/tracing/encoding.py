"""Messages and graph state as compact JSON, each message encoded once per turn.

The stock handler copies and encodes the whole history for every span, so that its cost grows with the conversation.
Here a chain span carries the messages that are new since the turn began (and how many came before them), while a
generation carries its full prompt, joined from bytes that were already encoded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, cast

import orjson
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langfuse._utils.serializer import EventSerializer
from pydantic import BaseModel

_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
_PLAIN = {"human": b'{"role":"user","content":', "ai": b'{"role":"assistant","content":'}
_NOT_ENCODABLE = b'"<not encodable>"'


def _fallback(value: object) -> object:
    """What orjson and json ask about values that are not JSON; small, and it never fails."""
    if isinstance(value, BaseMessage):
        return message_dict(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, (set, frozenset, tuple)):
        return list(cast("Iterable[object]", value))
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


def to_json(value: object) -> bytes:
    """Compact UTF-8 JSON of anything; text that is no valid Unicode is escaped, what can't be encoded is named."""
    try:
        return orjson.dumps(value, default=_fallback, option=_OPTIONS)
    except TypeError:  # orjson's JSONEncodeError: lone surrogates, integers beyond 64 bits, too deep
        try:
            return json.dumps(value, default=_fallback, separators=(",", ":"), skipkeys=True).encode()
        except (TypeError, ValueError, RecursionError):
            return _NOT_ENCODABLE


def message_dict(message: BaseMessage) -> dict[str, Any]:
    """A message as chat APIs and Langfuse write it: role, content, tool calls; reasoning apart from the answer."""
    data: dict[str, Any] = {"role": _ROLES.get(message.type, message.type), "content": message.content}
    if isinstance(message, AIMessage):
        if message.tool_calls:
            data["tool_calls"] = message.tool_calls
        if message.invalid_tool_calls:
            data["invalid_tool_calls"] = message.invalid_tool_calls
        reasoning = message.additional_kwargs.get("reasoning_content")
        if reasoning:
            data["reasoning"] = reasoning
    elif isinstance(message, ToolMessage):
        data["tool_call_id"] = message.tool_call_id
        if message.status == "error":
            data["status"] = "error"
    if message.name:
        data["name"] = message.name
    return data


def text_of(message: BaseMessage) -> str:
    """The text a person reads: text blocks joined, everything else left out."""
    content = message.content
    if isinstance(content, str):
        return content
    parts: list[str] = []
    for block in content:
        if isinstance(block, str):
            parts.append(block)
        elif block.get("type") == "text":
            parts.append(str(block.get("text", "")))
    return "".join(parts)


def messages_in(state: object) -> list[BaseMessage]:
    """The messages of a state (a mapping with a `messages` list, or an object that has one); empty otherwise."""
    found: object = (
        cast("Mapping[str, object]", state).get("messages")
        if isinstance(state, Mapping)
        else getattr(state, "messages", None)
    )
    if isinstance(found, BaseMessage):
        return [found]
    if not isinstance(found, Sequence) or isinstance(found, str):
        return []
    return [item for item in cast("Sequence[object]", found) if isinstance(item, BaseMessage)]


class Encoder:
    """Encodes for one turn. Not shared between turns: it remembers bytes by the identity of message objects.

    With `full` every state is written whole, as Langfuse's own handler writes it.
    """

    def __init__(self, *, full: bool = False) -> None:
        self._full = full
        # Two flat containers instead of one of tuples: the garbage collector would look at each of those, every time.
        self._seen: dict[int, bytes] = {}
        self._kept: list[BaseMessage] = []  # so that no identity is given to another message meanwhile
        self._first_new: BaseMessage | None = None

    def begin(self, state: object) -> None:
        """Note where the turn starts: the first message of the root's input."""
        messages = messages_in(state)
        self._first_new = messages[0] if messages else None

    def message(self, message: BaseMessage) -> bytes:
        known = self._seen.get(id(message))
        if known is None:
            known = self._seen[id(message)] = _encoded(message)
            self._kept.append(message)
        return known

    def messages(self, messages: Iterable[BaseMessage]) -> bytes:
        get, message = self._seen.get, self.message
        parts = [get(id(item)) or message(item) for item in messages]
        return b"[" + b",".join(parts) + b"]"

    def state(self, value: object) -> str:
        """A node's input or output: its new messages, `messages_before` when some were left out, and its other keys."""
        if isinstance(value, str):
            return value
        if self._full:
            return json.dumps(value, cls=EventSerializer)
        if isinstance(value, BaseMessage):
            return self.message(value).decode()
        if _is_messages(value):
            return self.messages(cast("Sequence[BaseMessage]", value)).decode()
        if not isinstance(value, Mapping):
            return to_json(value).decode()
        return self._mapping(cast("Mapping[object, object]", value)).decode()

    def _mapping(self, value: Mapping[object, object]) -> bytes:
        parts: list[bytes] = []
        for key, item in value.items():
            name = to_json(str(key))
            if not _is_messages(item):
                parts.append(name + b":" + to_json(item))
                continue
            messages = cast("Sequence[BaseMessage]", item)
            before = self._count_before(messages) if key == "messages" else 0
            parts.append(name + b":" + self.messages(messages[before:]))
            if before:
                parts.append(b'"messages_before":%d' % before)
        return b"{" + b",".join(parts) + b"}"

    def _count_before(self, messages: Sequence[BaseMessage]) -> int:
        first = self._first_new
        if first is None:
            return 0
        for index in range(len(messages) - 1, -1, -1):
            candidate = messages[index]
            if candidate is first or (candidate.id is not None and candidate.id == first.id):
                return index
        return 0


def _encoded(message: BaseMessage) -> bytes:
    """As `to_json(message_dict(message))`; the common message, which has only text, takes a short way."""
    kind, content = message.type, message.content
    if (
        (kind == "human" or (kind == "ai" and not _says_more(message)))
        and isinstance(content, str)
        and not message.name
    ):
        try:
            return _PLAIN[kind] + orjson.dumps(content) + b"}"
        except TypeError:
            pass
    return to_json(message_dict(message))


def _says_more(message: BaseMessage) -> bool:
    return isinstance(message, AIMessage) and bool(
        message.tool_calls or message.invalid_tool_calls or message.additional_kwargs
    )


def _is_messages(value: object) -> bool:
    if not isinstance(value, (list, tuple)) or not value:
        return False
    kinds: set[type] = set(map(type, cast("Sequence[object]", value)))
    return all(issubclass(kind, BaseMessage) for kind in kinds)
