"""One destination's way out: its rows in the outbox, its courier, and how spans are written for it."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from calango.settings import Settings
from calango.tracing import openinference
from calango.tracing.courier import Courier
from calango.tracing.destination import Destination
from calango.tracing.exporter import OutboxExporter
from calango.tracing.masked_spans import masked_span
from calango.tracing.masking import Masker
from calango.tracing.outbox import Outbox
from calango.tracing.sampling import Sampling


class Lane:
    """Every lane stores and delivers for itself, so one destination that is down holds up no other."""

    def __init__(self, settings: Settings, to: Destination) -> None:
        self.destination = to
        self.is_masked = settings.masks(to.is_remote)
        self.outbox = Outbox(settings.home, to.key)
        self.courier = Courier(
            self.outbox,
            to,
            timeout_s=settings.timeout_s,
            max_bytes=settings.outbox_max_mb * 1_000_000,
            max_age_s=settings.outbox_max_days * 86_400,
        )
        self.exporter = OutboxExporter(
            self.outbox,
            self.courier.wake,
            self.courier.rescue,
            Sampling(settings.sample_rate, settings.slow_ms),
            mapped=None if to.is_langfuse else openinference.mapped,
        )

    def close(self) -> None:
        self.courier.close(0.2)
        self.outbox.close()


class EachLane(SpanExporter):
    """Hands the same spans to every lane; a failure in one is a failure, but stops no other.

    Every span passes here, whoever made it: so here, once, they go through the privacy filter.
    """

    def __init__(self, lanes: Sequence[Lane], masker: Masker | None = None) -> None:
        self._lanes = lanes
        self._masker = masker

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        masked = [masked_span(span, self._masker) for span in spans] if self._masker is not None else spans
        results = [lane.exporter.export(masked if lane.is_masked else spans) for lane in self._lanes]
        return max(results, key=lambda result: result.value)

    def shutdown(self) -> None:
        """Nothing is held here."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        return True
