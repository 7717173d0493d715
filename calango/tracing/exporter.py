"""The span exporter: puts finished spans into the outbox, one row per trace. The courier sends them.

Rows are compressed as they are stored: prompts repeat, and the disk and the wire both profit. All of it happens on the
SDK's batch thread, never on a turn's way. Once `export` returns, a killed process loses nothing of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from calango.errors import HomeError
from calango.tracing.otlp import encode
from calango.tracing.outbox import Outbox
from calango.tracing.packing import packed
from calango.tracing.sampling import Sampling


class OutboxExporter(SpanExporter):
    """`on_stored` is called after spans are on disk; `rescue` gets (trace id, bytes) pairs when the disk refuses.

    `mapped` turns spans into what the destination reads.
    """

    def __init__(
        self,
        outbox: Outbox,
        on_stored: Callable[[], None],
        rescue: Callable[[Sequence[tuple[str, bytes]]], bool],
        sampling: Sampling,
        mapped: Callable[[ReadableSpan], ReadableSpan] | None = None,
    ) -> None:
        self._sampling = sampling
        self._mapped = mapped
        self._outbox = outbox
        self._on_stored = on_stored
        self._rescue = rescue

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        by_trace: dict[int, list[ReadableSpan]] = defaultdict(list)
        for span in spans:
            if span.context is not None:
                by_trace[span.context.trace_id].append(span)
        batches = [(format(trace_id, "032x"), packed(self._encoded(group))) for trace_id, group in by_trace.items()]
        left_out = {trace_id: group for trace_id, group in by_trace.items() if not self._sampling.keeps(trace_id)}
        try:
            self._outbox.put_spans(batches, held=self._held(left_out))
        except HomeError:
            return SpanExportResult.SUCCESS if self._rescue(batches) else SpanExportResult.FAILURE
        self._on_stored()
        return SpanExportResult.SUCCESS

    def _encoded(self, spans: Iterable[ReadableSpan]) -> bytes:
        return encode(spans if self._mapped is None else map(self._mapped, spans))

    def _held(self, left_out: Mapping[int, Sequence[ReadableSpan]]) -> set[str]:
        """Of the traces that sampling leaves out, those that nothing speaks for; the others are released."""
        if not left_out:
            return set()
        matters = {trace_id for trace_id, group in left_out.items() if any(map(self._sampling.matters, group))}
        self._outbox.release(format(trace_id, "032x") for trace_id in matters)
        names = (format(trace_id, "032x") for trace_id in left_out if trace_id not in matters)
        return {name for name in names if not self._outbox.is_released(name)}

    def shutdown(self) -> None:
        """Nothing is held here."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        return True
