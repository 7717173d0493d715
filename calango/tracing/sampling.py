"""Which traces are kept: a share of all, whole or not at all, and every one that matters.

What sampling leaves out is not thrown away at once: it is held on disk for a day, so that an error, a slow turn or a
vote, even one that comes minutes later, still finds the whole trace.
"""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

_LOW_64_BITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Sampling:
    """`rate` from 0 to 1; a trace whose root took `slow_ms` or longer matters."""

    rate: float
    slow_ms: float

    def keeps(self, trace_id: int) -> bool:
        """The same answer for a trace everywhere: as OpenTelemetry's TraceIdRatioBased decides."""
        return (trace_id & _LOW_64_BITS) < round(self.rate * (1 << 64))

    def matters(self, span: ReadableSpan) -> bool:
        """Whether this span alone is a reason to keep its trace."""
        if span.status.status_code is StatusCode.ERROR:
            return True
        took_ns = (span.end_time or 0) - (span.start_time or 0)
        return span.parent is None and took_ns >= self.slow_ms * 1e6
