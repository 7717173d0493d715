"""What a span's events say: messages as the GenAI conventions once sent them, the first token, an exception."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from calango.server.mapping.family import Attributes
from calango.server.mapping.values import attributes_of
from calango.server.shapes import as_text, parsed_dict
from calango.store import ObservationRow

# Content that stands in an event's attributes, under the names it would have on the span
_CONTENT = frozenset(
    {"gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "gen_ai.content.completion"}
)
_FIRST_TOKEN = frozenset(
    {
        "First Token Stream Event",  # OpenInference
        "llm.content.completion.chunk",  # OpenLLMetry
        "gen_ai.content.completion.chunk",
    }
)
_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
_CHOICE = "gen_ai.choice"


def apply(row: ObservationRow, events: Iterable[Span.Event], attributes: Attributes) -> None:
    """Fill what is still empty in `row`; content that belongs to a family goes into `attributes`."""
    asked: list[Any] = []
    answered: list[Any] = []
    for event in events:
        name = event.name
        if name in _ROLES:
            asked.append({"role": _ROLES[name], **_message(event)})
        elif name == _CHOICE:
            answered.append(_message(event))
        elif name in _CONTENT:
            attributes |= attributes_of(event.attributes)
        elif name in _FIRST_TOKEN:
            row.completion_start_ns = row.completion_start_ns or event.time_unix_nano or None
        elif name == "exception" and row.level == "ERROR" and not row.status_message:
            row.status_message = as_text(attributes_of(event.attributes).get("exception.message"))
    if asked and not row.input:
        row.input = as_text(asked)
    if answered and not row.output:
        row.output = as_text(answered[0] if len(answered) == 1 else answered)


def _message(event: Span.Event) -> dict[str, Any]:
    """Azure's emitter puts the whole message as JSON text into one attribute."""
    said = attributes_of(event.attributes)
    whole = parsed_dict(as_text(said.pop("gen_ai.event.content", None)))
    return said | whole
