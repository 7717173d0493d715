"""The open spans of one turn, by LangChain's run ids."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from opentelemetry.trace import Span, SpanContext, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from calango.records import Level
from calango.tracing import attributes as at
from calango.tracing.client import Tracing
from calango.tracing.encoding import to_json
from calango.tracing.generation import ModelCall
from calango.tracing.outcome import outcome


@dataclass(slots=True)
class Run:
    """`root` is the run at the top of this one; `is_trace_root` when its span is the root of the trace, too."""

    span: Span
    root: UUID
    is_trace_root: bool = False
    call: ModelCall | None = None
    pieces: list[str] = field(default_factory=list[str])
    tools: int = 0  # how many tools started below it

    def partial_output(self) -> str:
        """What a model call had said when it was cut off, as a message."""
        return to_json({"role": "assistant", "content": "".join(self.pieces)}).decode()


class TurnSpans:
    """Starts and ends spans so that none is lost, whatever order or lack of callbacks LangChain has for us."""

    def __init__(
        self, tracing: Tracing | None, about: at.TraceAttributes, trace_id: str | None, parent: SpanContext | None
    ) -> None:
        self._tracing = tracing
        self._about = about
        self._stamp = about.as_span_attributes()
        self._trace_id = trace_id
        self._parent = parent
        self._open: dict[UUID, Run] = {}
        self._deferred: tuple[str, Mapping[str, AttributeValue], UUID, int] | None = None
        self.last_trace_id = trace_id if tracing is not None else None

    def __len__(self) -> int:
        return len(self._open)

    def get(self, run_id: UUID) -> Run | None:
        self.start_deferred()
        return self._open.get(run_id)

    def span_of(self, run_id: UUID) -> tuple[Tracing, at.TraceAttributes, Span] | None:
        run = self._open.get(run_id)
        return (self._tracing, self._about, run.span) if run is not None and self._tracing is not None else None

    def is_root(self, parent_run_id: UUID | None) -> bool:
        return parent_run_id is None or (parent_run_id not in self._open and not self.is_deferred)

    def adopt_session(self, session_id: str) -> None:
        """Take the session from the run's thread when the caller named none."""
        if self._about.session_id is None:
            self._about = replace(self._about, session_id=session_id)
            self._stamp = self._about.as_span_attributes()

    def set_trace_id(self, trace_id: str | None) -> None:
        """The trace of the roots that start from now on."""
        self._trace_id = trace_id

    def defer(self, name: str, attributes: Mapping[str, AttributeValue], run_id: UUID) -> None:
        """A root whose trace id is not known yet: it starts with what comes next, and counts from now."""
        self._deferred = (name, attributes, run_id, time.time_ns())

    @property
    def is_deferred(self) -> bool:
        return self._deferred is not None

    def start_deferred(self) -> None:
        if self._deferred is not None:
            name, attributes, run_id, start_ns = self._deferred
            self._deferred = None
            self._begin(name, attributes, run_id, None, start_ns)

    def start(
        self, name: str, attributes: Mapping[str, AttributeValue], run_id: UUID, parent_run_id: UUID | None
    ) -> Run:
        self.start_deferred()
        return self._begin(name, attributes, run_id, parent_run_id, time.time_ns())

    def _begin(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue],
        run_id: UUID,
        parent_run_id: UUID | None,
        start_ns: int,
    ) -> Run:
        parent = self._open.get(parent_run_id) if parent_run_id is not None else None
        span = self._new_span(name, attributes, parent, start_ns)
        is_trace_root = parent is None and self._parent is None
        run = Run(span, root=parent.root if parent is not None else run_id, is_trace_root=is_trace_root)
        self._open[run_id] = run
        self.last_trace_id = format(span.get_span_context().trace_id, "032x")
        return run

    def event(self, name: str, attributes: Mapping[str, AttributeValue], run_id: UUID) -> None:
        """An observation without duration, below the run that it came from."""
        now = time.time_ns()
        self._new_span(name, attributes, self._open.get(run_id), now).end(now)

    def set_level(self, run: Run, level: Level, message: str) -> None:
        run.span.set_attributes(at.level_attributes(level, message))
        if level == "ERROR":
            run.span.set_status(Status(StatusCode.ERROR, message[: at.STATUS_LIMIT]))

    def fail(self, run_id: UUID, error: BaseException) -> None:
        self.start_deferred()
        run = self._open.get(run_id)
        if run is not None:
            self.set_level(run, *outcome(error))
            self.end(run_id, error)

    def end(self, run_id: UUID, error: BaseException | None = None) -> None:
        """End a run; when it is at the top, first everything that was left open below it."""
        run = self._open.pop(run_id, None)
        if run is None:
            return
        if run.root == run_id:
            self._end_below(run_id, error)
        run.span.end()

    def end_all(self, error: BaseException | None = None) -> None:
        """The turn is over: end what never got its end callback."""
        self._end_below(None, error)

    def _end_below(self, root: UUID | None, error: BaseException | None) -> None:
        orphans = [(run_id, run) for run_id, run in self._open.items() if root is None or run.root == root]
        for run_id, run in reversed(orphans):
            if run.call is not None and run.pieces:
                run.span.set_attribute(at.OUTPUT, run.partial_output())
            self.set_level(run, *(outcome(error) if error is not None else ("WARNING", "cancelled")))
            self._open.pop(run_id, None)
            run.span.end()

    def _new_span(self, name: str, attributes: Mapping[str, AttributeValue], parent: Run | None, start_ns: int) -> Span:
        if self._tracing is None:
            raise RuntimeError("A handler with tracing off starts no span.")
        context = parent.span.get_span_context() if parent is not None else self._parent
        stamped = {**self._stamp, **attributes}
        return self._tracing.start_span(name, stamped, parent=context, trace_id=self._trace_id, start_ns=start_ns)
