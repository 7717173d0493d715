"""The root observation of a turn: small input (the question), small output (the answer), everything else below it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from opentelemetry.trace import Span, SpanContext, Status, StatusCode

from calango.meter import Meter
from calango.records import COST_ESTIMATED, Request
from calango.settings import Settings
from calango.tracing import CalangoHandler, TraceAttributes, Tracing, create_handler
from calango.tracing import attributes as at
from calango.tracing.client import span_context
from calango.turn import Outcome

RESUME_NAME = "calango-resume"
WAITING_NAME = "waiting-for-person"


def about(request: Request, settings: Settings) -> dict[str, Sequence[str]]:
    """What is known of a turn before it starts, by the names of `budgets.rules.KNOWN_BEFORE`."""
    return {
        "user": (request.user_id,),
        "session": (request.session_id,),
        "tag": request.tags,
        "environment": (settings.environment,),
        "release": (settings.release,) if settings.release else (),
        "name": (_named(request, settings).name,),
    }


def _named(request: Request, settings: Settings) -> TraceAttributes:
    return TraceAttributes(
        session_id=request.session_id,
        user_id=request.user_id,
        tags=request.tags,
        metadata=request.metadata,
        environment=settings.environment,
        release=settings.release,
    )


class TurnTrace:
    """Starts the root when made; `handler` (None when untraced) is for the graph; `end()` ends both."""

    def __init__(
        self, tracing: Tracing | None, request: Request, trace_id: str | None, settings: Settings, started_ns: int
    ) -> None:
        self._tracing = tracing
        self._request = request
        self._trace_id = trace_id
        self._root: Span | None = None
        self._started_ns = started_ns
        self.handler: CalangoHandler | None = None
        if tracing is None or trace_id is None:
            return
        about = _named(request, settings)
        self._stamp = about.as_span_attributes()
        root_id = sha256(f"{trace_id}:root".encode()).hexdigest()[:16]
        name = RESUME_NAME if request.is_resume else about.name
        self._parent: SpanContext | None = span_context(trace_id, root_id) if request.is_resume else None
        self._root = tracing.start_span(
            name,
            {**self._stamp, at.TYPE: "agent", at.INPUT: request.text},
            parent=self._parent,
            trace_id=trace_id,
            span_id=root_id,
            start_ns=started_ns,
        )
        self.handler = create_handler(
            session_id=request.session_id,
            user_id=request.user_id,
            tags=request.tags,
            metadata=request.metadata,
            trace_id=trace_id,
            parent=self._root.get_span_context(),
            tracing=tracing,
        )

    def waited_since(self, created_at: str | None) -> None:
        """Show the time that a person took to answer, between the interrupted part and this one."""
        if self._tracing is None or self._parent is None or created_at is None:
            return
        since_ns = int(datetime.fromisoformat(created_at).timestamp() * 1e9)
        attributes = {**self._stamp, at.TYPE: "span", at.OUTPUT: self._request.text}
        span = self._tracing.start_span(
            WAITING_NAME, attributes, parent=self._parent, start_ns=min(since_ns, self._started_ns)
        )
        span.end(self._started_ns)

    def end(self, outcome: Outcome, meter: Meter) -> None:
        if self._root is None or self.handler is None:
            return
        self.handler.close(outcome.exception)
        about = {
            "status": outcome.status,
            "message_id": self._request.message_id,
            "model": meter.model,
            COST_ESTIMATED: True if meter.cost is not None and meter.cost.estimated else None,
        }
        self._root.set_attributes({at.OUTPUT: outcome.content, **at.flattened(at.METADATA, about)})
        if outcome.status == "error":
            message = outcome.error or "error"
            self._root.set_attributes(at.level_attributes("ERROR", message))
            self._root.set_status(Status(StatusCode.ERROR, message))
        elif outcome.status == "cancelled":
            self._root.set_attributes(at.level_attributes("WARNING", "cancelled"))
        self._root.end()
