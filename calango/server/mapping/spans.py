"""An OTLP request -> rows. A span that can't be stored is counted and explained, and never takes others with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from calango.server.mapping import events, families, langfuse
from calango.server.mapping.values import attributes_of
from calango.server.shapes import as_text
from calango.server.times import MAX_NS
from calango.store import ObservationRow

LANGFUSE_SCOPE = "langfuse-sdk"
_NO_ID = frozenset({b"", bytes(8), bytes(16)})
_ERROR = 2


@dataclass(slots=True)
class Decoded:
    """`rows` to store; `rejected` spans, and why."""

    rows: list[ObservationRow] = field(default_factory=list[ObservationRow])
    rejected: int = 0
    reasons: set[str] = field(default_factory=set[str])

    @property
    def message(self) -> str:
        return "; ".join(sorted(self.reasons))


@dataclass(slots=True)
class Source:
    """What all spans of one scope share."""

    project_id: str
    now_ns: int
    direct: bool
    is_langfuse: bool
    environment: str | None
    release: str | None
    version: str | None
    source_json: str


def observations_of(
    request: ExportTraceServiceRequest, project_id: str, *, now_ns: int, direct: bool = False
) -> Decoded:
    """`direct`: the writer speaks the v4 protocol (Langfuse's own SDKs always do)."""
    decoded = Decoded()
    for resource_spans in request.resource_spans:
        resource = attributes_of(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            source = _source(resource, scope_spans.scope, project_id=project_id, now_ns=now_ns, direct=direct)
            for span in scope_spans.spans:
                if reason := _refusal(span):
                    decoded.rejected += 1
                    decoded.reasons.add(reason)
                else:
                    decoded.rows.append(_observation(span, source))
    return decoded


def _source(
    attributes: dict[str, Any], scope: InstrumentationScope, *, project_id: str, now_ns: int, direct: bool
) -> Source:
    """`attributes` are the resource's."""
    is_langfuse = scope.name == LANGFUSE_SCOPE
    described: dict[str, Any] = {"name": scope.name}
    if scope.version:
        described["version"] = scope.version
    described["attributes"] = attributes_of(scope.attributes)
    environment = next(
        (
            value
            for key in ("langfuse.environment", "deployment.environment.name", "deployment.environment")
            if isinstance(value := attributes.get(key), str) and value
        ),
        None,
    )
    return Source(
        project_id=project_id,
        now_ns=now_ns,
        direct=direct or is_langfuse,
        is_langfuse=is_langfuse,
        environment=environment,
        release=as_text(attributes.get("langfuse.release")),
        version=as_text(attributes.get("service.version")),
        source_json=orjson.dumps({"resourceAttributes": attributes, "scope": described}).decode(),
    )


def _refusal(span: Span) -> str | None:
    if len(span.trace_id) != 16 or span.trace_id in _NO_ID:
        return "a trace id must be 16 bytes that are not all zero"
    if len(span.span_id) != 8 or span.span_id in _NO_ID:
        return "a span id must be 8 bytes that are not all zero"
    if not 0 < span.start_time_unix_nano <= MAX_NS or span.end_time_unix_nano > MAX_NS:
        return "a span needs a start time in nanoseconds since 1970"
    return None


def _observation(span: Span, source: Source) -> ObservationRow:
    attributes = attributes_of(span.attributes)
    row = ObservationRow(
        project_id=source.project_id,
        trace_id=span.trace_id.hex(),
        id=span.span_id.hex(),
        start_ns=span.start_time_unix_nano,
        name=span.name,
        parent_id=span.parent_span_id.hex() or None,
        end_ns=span.end_time_unix_nano or None,
        level="ERROR" if span.status.code == _ERROR else "DEFAULT",
        status_message=span.status.message or None,
        environment=source.environment or "default",
        version=source.version,
        release=source.release,
        is_root=not span.parent_span_id,
        direct=source.direct,
        source_json=source.source_json,
        created_ns=source.now_ns,
        updated_ns=source.now_ns,
    )
    kind, heads = langfuse.apply(row, attributes)
    if heads or not source.is_langfuse:
        kind = _of_others(row, span, attributes, kind, heads)
    if not source.is_langfuse:
        kept = families.beside_content(attributes)
        row.attributes_json = orjson.dumps({key: as_text(value) for key, value in kept.items()}).decode()
    row.type = kind or "SPAN"
    if row.completion_start_ns is not None and row.completion_start_ns > MAX_NS:
        row.completion_start_ns = None
    return row


def _of_others(
    row: ObservationRow, span: Span, attributes: dict[str, Any], kind: str | None, heads: set[str]
) -> str | None:
    """What is said under other names than Langfuse's; `kind` and the answer are types."""
    if span.events:
        attributes = dict(attributes)
        events.apply(row, span.events, attributes)
        heads = {key.partition(".")[0] for key in attributes}
    kind = families.apply(row, attributes, kind, heads)
    return kind or ("GENERATION" if row.model and "langfuse.observation.model.name" in attributes else None)
