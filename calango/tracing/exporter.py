"""The span exporter: puts finished spans into the outbox, one row per trace. The courier sends them.

Rows are compressed as they are stored: prompts repeat, and the disk and the wire both profit. (By ISA-L, because zlib
would cost more than everything else that tracing does.) All of it happens on the SDK's batch thread, never on a turn's
way. Once `export` returns, a killed process loses nothing of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import cast

from isal import igzip
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from calango.errors import HomeError
from calango.tracing.otlp import encode
from calango.tracing.outbox import Outbox

_LEVEL = 1
_compress = cast("Callable[[bytes, int], bytes]", igzip.compress)  # pyright: ignore[reportUnknownMemberType]


class OutboxExporter(SpanExporter):
    """`on_stored` is called after spans are on disk; `rescue` gets (trace id, bytes) pairs when the disk refuses."""

    def __init__(
        self, outbox: Outbox, on_stored: Callable[[], None], rescue: Callable[[Sequence[tuple[str, bytes]]], bool]
    ) -> None:
        self._outbox = outbox
        self._on_stored = on_stored
        self._rescue = rescue

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        by_trace: dict[int, list[ReadableSpan]] = defaultdict(list)
        for span in spans:
            if span.context is not None:
                by_trace[span.context.trace_id].append(span)
        batches = [(format(trace_id, "032x"), _compress(encode(group), _LEVEL)) for trace_id, group in by_trace.items()]
        try:
            self._outbox.put_spans(batches)
        except HomeError:
            return SpanExportResult.SUCCESS if self._rescue(batches) else SpanExportResult.FAILURE
        self._on_stored()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is held here."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        return True
