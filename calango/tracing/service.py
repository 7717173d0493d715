"""`TracingService`: the verbs people know, for code that has no graph."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from langchain_core.messages import BaseMessage
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from calango.errors import InputError
from calango.ids import check_trace_id
from calango.records import Usage
from calango.settings import Settings
from calango.tracing import attributes as at
from calango.tracing import feedback
from calango.tracing.client import Tracing, connect_spans, span_context
from calango.tracing.encoding import Encoder, to_json


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace to add to. Both ids are None when tracing is off; adding then does nothing."""

    trace_id: str | None
    root_id: str | None
    about: at.TraceAttributes


class TracingService:
    """Create traces, log generations and take feedback by hand. Thread-safe; nothing here waits for the network."""

    def __init__(self, settings: Settings | None = None, *, tracing: Tracing | None = None) -> None:
        self._settings = settings or (tracing.settings if tracing is not None else Settings.load())
        self._tracing = tracing or connect_spans(self._settings)

    def create_trace(
        self,
        session_id: str | None = None,
        user_id: str | None = None,
        tags: Sequence[str] = (),
        *,
        name: str = at.DEFAULT_TRACE_NAME,
        input: Any = None,  # noqa: A002 - the field's own word
        metadata: Mapping[str, Any] | None = None,
    ) -> Trace:
        """Start a trace; its root is an observation of no duration that the generations hang below."""
        about = at.TraceAttributes(
            name=name,
            session_id=session_id,
            user_id=user_id,
            tags=at.check_tags(tags),
            metadata=dict(metadata or {}),
            environment=self._settings.environment,
            release=self._settings.release,
        )
        if self._tracing is None:
            return Trace(None, None, about)
        attributes: dict[str, AttributeValue] = {**about.as_span_attributes(), at.TYPE: "span"}
        if input is not None:
            attributes[at.INPUT] = _text(input)
        span = self._tracing.start_span(name, attributes)
        span.end()
        context = span.get_span_context()
        return Trace(format(context.trace_id, "032x"), format(context.span_id, "016x"), about)

    def log_generation(
        self,
        trace: Trace,
        model: str,
        messages: Any,
        response: Any,
        usage: Usage | Mapping[str, int] | None = None,
        cost: Decimal | float | None = None,
        *,
        name: str = "generation",
        start_ns: int | None = None,
        end_ns: int | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str | None:
        """Add a finished model call; its observation id (16 hex digits), None when tracing is off.

        `usage` is Usage or {"input": n, "output": n}; `cost` USD in total, looked up by model when left out.
        Times are nanoseconds since the epoch and default to now.
        """
        if self._tracing is None or trace.trace_id is None or trace.root_id is None:
            return None
        tokens = _usage(usage)
        end = end_ns or time.time_ns()
        start = start_ns or end
        if start > end:
            raise InputError("start_ns is after end_ns.")
        attributes: dict[str, AttributeValue] = {
            **trace.about.as_span_attributes(),
            at.TYPE: "generation",
            at.MODEL: model,
            at.INPUT: _text(messages),
            at.OUTPUT: _text(response),
            **at.flattened(at.METADATA, metadata or {}),
        }
        if tokens is not None:
            attributes[at.USAGE] = at.usage_json(
                {"input": tokens.input, "output": tokens.output, "total": tokens.total}
            )
        if cost is not None:
            attributes[at.COST] = to_json({"total": float(cost)}).decode()
        elif tokens is not None:
            priced = self._tracing.prices.cost(tokens, model, datetime.fromtimestamp(end / 1e9, UTC))
            if priced is not None:
                attributes |= at.cost_attributes(priced)
        parent = span_context(trace.trace_id, trace.root_id)
        span: Span = self._tracing.start_span(name, attributes, parent=parent, start_ns=start)
        span.end(end)
        return format(span.get_span_context().span_id, "016x")

    def submit_feedback(
        self,
        trace_id: str,
        value: bool | int | None,
        comment: str | None = None,
        *,
        user_id: str | None = None,
    ) -> feedback.Receipt:
        """A vote: True or False is a thumb, 1 to 5 are stars, None withdraws the thumb.

        On disk when this returns, delivered in the background. Raises InputError for a malformed trace id, a value out
        of range or a comment over the limit, and when tracing is off.
        """
        check_trace_id(trace_id)
        if self._tracing is None or not self._tracing.destination.is_langfuse:
            raise InputError("Feedback is disabled because tracing is off.", "Remove LANGFUSE_TRACING_ENABLED=false.")
        if value is None:
            return feedback.withdraw(self._tracing, trace_id, feedback.THUMBS, user_id=user_id)
        if isinstance(value, bool):
            return feedback.vote(self._tracing, trace_id, thumbs=value, comment=comment, user_id=user_id)
        return feedback.vote(self._tracing, trace_id, stars=value, comment=comment, user_id=user_id)

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until everything is delivered; False when the time is over first (it then waits on disk)."""
        return True if self._tracing is None else self._tracing.flush(timeout_s)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, BaseMessage):
        return Encoder().message(value).decode()
    return Encoder().state(value)


def _usage(usage: Usage | Mapping[str, int] | None) -> Usage | None:
    if usage is None or isinstance(usage, Usage):
        return usage
    unknown = set(usage) - {"input", "output", "total"}
    if unknown:
        raise InputError(f"Unknown usage key {min(unknown)!r}.", "Pass input and output.")
    return Usage(int(usage.get("input", 0)), int(usage.get("output", 0)))
