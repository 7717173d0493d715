"""The only place that builds `Langfuse(...)`, and what stands around it: provider, exporter, outbox, courier.

One `Tracing` per process and destination. Spans go: batch thread -> outbox on disk -> courier -> Langfuse, and beside
it, or alone, to an OTLP collector.
Nothing of it touches the network or the disk on a turn's way.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import langfuse
from langfuse import Langfuse
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, set_span_in_context
from opentelemetry.util.types import AttributeValue

from calango.price_file import prices_of
from calango.settings import Settings
from calango.tracing.destination import Destination, collector, destination
from calango.tracing.lane import EachLane, Lane
from calango.tracing.masked_spans import MaskedLog
from calango.tracing.masking import Masker

CLOSE_S = 1.3
_SCOPE = "langfuse-sdk"
_SDK_FLUSH_AT = 512
_QUEUE = 20_000  # spans that may wait for the batch thread
_chosen: ContextVar[tuple[int, int] | None] = ContextVar("calango_chosen_ids", default=None)


class ChosenIds(RandomIdGenerator):
    """Random ids, except inside `chosen_ids`: so a root can have a known id without a parent that does not exist."""

    def generate_trace_id(self) -> int:
        chosen = _chosen.get()
        return chosen[0] if chosen else super().generate_trace_id()

    def generate_span_id(self) -> int:
        chosen = _chosen.get()
        return chosen[1] if chosen and chosen[1] else super().generate_span_id()


@contextmanager
def chosen_ids(trace_id: str, span_id: str | None = None) -> Generator[None]:
    token = _chosen.set((int(trace_id, 16), int(span_id, 16) if span_id else 0))
    try:
        yield
    finally:
        _chosen.reset(token)


class Tracing:
    """Everything that tracing needs for one destination. Get it from `connect()`.

    `beside` gets the same spans; everything else (votes, links, the SDK's client) is about `to`.
    """

    def __init__(self, settings: Settings, to: Destination, beside: Destination | None = None) -> None:
        self.settings = settings
        self.prices = prices_of(settings)
        self.destination = to
        self.lanes = [Lane(settings, each) for each in (to, beside) if each is not None]
        self.outbox = self.lanes[0].outbox
        self.courier = self.lanes[0].courier
        masker = Masker.of(settings) if any(lane.is_masked for lane in self.lanes) else None
        if masker is not None:
            MaskedLog(masker).attach("calango.tracing")
        self.masker = masker if self.lanes[0].is_masked else None
        self._provider = TracerProvider(
            resource=Resource.create(_resource(settings)),
            id_generator=ChosenIds(),
            shutdown_on_exit=False,
        )
        self._batches = BatchSpanProcessor(
            EachLane(self.lanes, masker),
            max_queue_size=max(_QUEUE, settings.flush_at),
            schedule_delay_millis=settings.flush_interval_s * 1000,
            max_export_batch_size=settings.flush_at,
        )
        self._provider.add_span_processor(self._batches)
        known = to.known_address()
        # For code that uses the SDK itself (`@observe`, `get_client()`): its spans meet ours in the same provider. Its
        # own processor only stamps what `propagate_attributes` says; ours exports, whatever the SDK keeps per key.
        self.langfuse = Langfuse(
            public_key=to.public_key,
            secret_key=known.secret_key if known else "not known yet",
            base_url=known.base_url if known else "http://127.0.0.1:9",
            timeout=settings.timeout_s,
            flush_at=_SDK_FLUSH_AT,  # or it reads LANGFUSE_FLUSH_AT itself, and fails where its queue is smaller
            environment=settings.environment,
            release=settings.release,
            debug=settings.debug,
            sample_rate=1.0,
            tracer_provider=self._provider,
            should_export_span=_never,
        )
        self._tracer = self._provider.get_tracer(_SCOPE, langfuse.__version__, attributes={"public_key": to.public_key})
        self._closed = False
        self._wake_waiting()

    def start_span(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue],
        *,
        parent: SpanContext | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
        start_ns: int | None = None,
    ) -> Span:
        """A span under `parent`; without one a root, of `trace_id` when given. The caller's context plays no part."""
        if parent is not None:
            context = set_span_in_context(NonRecordingSpan(parent), Context())
            return self._tracer.start_span(name, context, attributes=attributes, start_time=start_ns)
        if trace_id is None:
            return self._tracer.start_span(name, Context(), attributes=attributes, start_time=start_ns)
        with chosen_ids(trace_id, span_id):
            return self._tracer.start_span(name, Context(), attributes=attributes, start_time=start_ns)

    def trace_url(self, trace_id: str) -> str | None:
        """Where a person sees the trace, as far as it is known without asking the network."""
        known = self.destination.known_address()
        if known is None:
            return None
        project = self.destination.key.partition("#")[2] if self.destination.key.startswith("local#") else None
        return (
            f"{known.base_url}/project/{project}/traces/{trace_id}" if project else f"{known.base_url}/trace/{trace_id}"
        )

    def store(self) -> None:
        """Put finished spans on disk now, instead of at the next flush interval."""
        self._provider.force_flush()

    def flush(self, timeout_s: float) -> bool:
        """Put finished spans on disk and wait until everything is delivered, at most `timeout_s`."""
        self.store()
        return self._drain(timeout_s)

    def keep(self, trace_id: str) -> None:
        """There is a reason to send this trace whole, wherever sampling left it out: a vote in the first lane."""
        self.courier.wake()
        for lane in self.lanes[1:]:
            lane.outbox.release([trace_id])
            lane.courier.wake()

    def sent_user(self, user_id: str | None) -> str | None:
        """The user id as the backend gets it."""
        return self.masker.user(user_id) if self.masker is not None and user_id else user_id

    def _drain(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        self._wake_waiting()
        return all(lane.courier.drain(max(0.0, deadline - time.monotonic())) for lane in self.lanes)

    def _wake_waiting(self) -> None:
        for lane in self.lanes:
            if not lane.outbox.is_empty():
                lane.courier.wake()

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Leave everything on disk, deliver what can be delivered in time; True when nothing waits any more."""
        if self._closed:
            return True
        self._closed = True
        self._batches.shutdown()  # stores what is finished; what ends later has nowhere to go
        done = self._drain(timeout_s)
        for lane in self.lanes:
            lane.close()
        return done


def _never(span: ReadableSpan) -> bool:  # noqa: ARG001 - the SDK's signature
    return False


def span_context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _resource(settings: Settings) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {"langfuse.environment": settings.environment}
    if settings.release:
        attributes["langfuse.release"] = settings.release
    return attributes


_open: dict[str, Tracing] = {}
_lock = threading.Lock()


def connect(settings: Settings | None = None) -> Tracing | None:
    """The process's tracing into Langfuse for these settings, built once; None when it is off.

    Raises HomeError when CALANGO_HOME can't be used.
    """
    settings = settings or Settings.load()
    to = destination(settings)
    return None if to is None else _opened(settings, to, collector(settings))


def connect_spans(settings: Settings | None = None) -> Tracing | None:
    """As `connect()`, and with Langfuse off still the collector's, if one is set: it takes spans, and no votes."""
    settings = settings or Settings.load()
    alone = collector(settings) if settings.mode == "off" else None
    return connect(settings) if alone is None else _opened(settings, alone, None)


def _opened(settings: Settings, to: Destination, beside: Destination | None) -> Tracing:
    if not settings.debug:
        logging.getLogger("langfuse").setLevel(logging.ERROR)
    with _lock:
        known = _open.get(to.key)
        if known is None:
            known = _open[to.key] = Tracing(settings, to, beside)
        return known


_default: list[Tracing | None] = []


def default() -> Tracing | None:
    """`connect_spans()` of the environment's settings, remembered: for code that asks at every call."""
    if not _default:
        _default.append(connect_spans())
    return _default[0]


def close_all(timeout_s: float = CLOSE_S) -> bool:
    """Close every connection of this process; True when nothing is left waiting."""
    with _lock:
        tracings: Sequence[Tracing] = list(_open.values())
        _open.clear()
        _default.clear()
    done = [tracing.close(timeout_s) for tracing in tracings]
    return all(done)


atexit.register(close_all)
