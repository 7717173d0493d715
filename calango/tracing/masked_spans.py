"""A finished span as it may leave: the same span, with every string of it through the filter."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, Status

from calango.tracing.masking import WITHHELD_TEXT as WITHHELD
from calango.tracing.masking import Masker

_USERS = {"user.id", "langfuse.user.id", "userId"}
_SESSIONS = {"session.id", "langfuse.session.id", "sessionId"}
_IDS = {
    *("id", "traceId", "observationId", "parentObservationId", "datasetRunId"),
    *("dataset_id", "source_trace_id", "source_observation_id"),
}
_NUMBER_FROM = 10_000_000  # shorter numbers are nobody's


def masked_span(span: ReadableSpan, masker: Masker) -> ReadableSpan:
    """What the filter can't take apart leaves as a span without content."""
    try:
        return MaskedSpan(span, masker)
    except Exception as error:  # noqa: BLE001 - whatever it is, the text must not leave
        masker.withhold(error)
        return ReadableSpan(
            name=WITHHELD,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            kind=span.kind,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )


def masked_json(body: Mapping[str, Any], masker: Masker, trace_id: str) -> dict[str, Any]:
    """What Langfuse's JSON endpoints take, with every string of it through the filter but for keys and times."""
    seen = _Seen(masker, trace_id)
    kept = {name: value for name, value in body.items() if name in _IDS or name.endswith(("imestamp", "Time", "_ns"))}
    return seen.attributes({name: value for name, value in body.items() if name not in kept}) | kept


class MaskedSpan(ReadableSpan):
    """Says how much the SDK had dropped, as the original does."""

    def __init__(self, original: ReadableSpan, masker: Masker) -> None:
        context = original.context
        seen = _Seen(masker, format(context.trace_id, "032x") if context is not None else "")
        super().__init__(
            name=seen.text(original.name),
            context=context,
            parent=original.parent,
            resource=original.resource,
            attributes=seen.attributes(original.attributes),
            events=[Event(seen.text(e.name), seen.attributes(e.attributes), e.timestamp) for e in original.events],
            links=[Link(link.context, seen.attributes(link.attributes)) for link in original.links],
            kind=original.kind,
            status=seen.status(original.status),
            start_time=original.start_time,
            end_time=original.end_time,
            instrumentation_scope=original.instrumentation_scope,
        )
        self._dropped = original.dropped_attributes, original.dropped_events, original.dropped_links

    @property
    def dropped_attributes(self) -> int:
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        return self._dropped[2]


class _Seen:
    """The filter, for one trace."""

    def __init__(self, masker: Masker, trace_id: str) -> None:
        self._masker = masker
        self._trace_id = trace_id

    def text(self, text: str) -> str:
        return self._masker.text(text, self._trace_id)

    def status(self, status: Status) -> Status:
        return Status(status.status_code, self.text(status.description)) if status.description else status

    def attributes(self, attributes: Mapping[str, Any] | None) -> dict[str, Any]:
        """Names too: those of metadata are people's own."""
        return {self.text(name): self._attribute(name, value) for name, value in (attributes or {}).items()}

    def _attribute(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            if name in _USERS:
                return self._masker.user(value)
            if name in _SESSIONS:
                return self._masker.session(value)
        return self._value(value)

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (bool, float)) or value is None:
            return value
        if isinstance(value, int):
            written = str(value)
            return value if abs(value) < _NUMBER_FROM or self.text(written) == written else self.text(written)
        if isinstance(value, bytes):
            written = value.decode("utf-8", "replace")
            masked = self.text(written)
            return value if masked == written else masked.encode()
        if isinstance(value, Mapping):
            return self.attributes(cast("Mapping[str, Any]", value))
        if isinstance(value, Sequence):
            return [self._value(item) for item in cast("Sequence[Any]", value)]
        return WITHHELD


class MaskedLog(logging.Filter):
    """Calango's own log lines may carry what an error said. Removes earlier ones of its kind: one filter is enough."""

    def __init__(self, masker: Masker) -> None:
        super().__init__()
        self._masker = masker

    def attach(self, name: str) -> None:
        logger = logging.getLogger(name)
        for earlier in [known for known in logger.filters if isinstance(known, MaskedLog)]:
            logger.removeFilter(earlier)
        logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._masker.text(record.getMessage(), "log"), ()
        if record.exc_info:
            record.exc_text = self._masker.text(logging.Formatter().formatException(record.exc_info), "log")
            record.exc_info = None
        return True
