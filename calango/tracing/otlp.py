"""Finished spans -> the bytes of an OTLP ExportTraceServiceRequest.

Written for one thing: spans that carry long prompts. Building protobuf objects copies every prompt several times and
was most of what tracing cost; here a string is encoded once and joined once. A test holds it against generated code.

Source: opentelemetry-proto 1.x, trace/v1/trace.proto and common/v1/common.proto (the field numbers), and the protobuf
encoding guide (varints, and length-delimited fields).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from struct import pack
from typing import Any, cast

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status

_CACHED_CHARS = 200  # session ids, tags and the like stand on every span of a trace
_KINDS = {0: 1, 1: 2, 2: 3, 3: 4, 4: 5}  # SpanKind of the API -> of the protocol, which counts from 1
_U64 = (1 << 64) - 1


def encode(spans: Iterable[ReadableSpan]) -> bytes:
    """Serialized request; spans are grouped by resource and scope, in the order they came."""
    groups: dict[int, tuple[Resource, dict[int, tuple[InstrumentationScope | None, list[bytes]]]]] = {}
    for span in spans:
        scopes = groups.setdefault(id(span.resource), (span.resource, {}))[1]
        scope = span.instrumentation_scope
        scopes.setdefault(id(scope), (scope, []))[1].append(_field(2, _span(span)))
    return b"".join(_field(1, _resource_spans(resource, scopes.values())) for resource, scopes in groups.values())


def _resource_spans(resource: Resource, scopes: Iterable[tuple[InstrumentationScope | None, list[bytes]]]) -> bytes:
    parts = [_field(1, _attributes(1, resource.attributes))]
    for scope, spans in scopes:
        head = [_field(1, _scope(scope)) if scope is not None else b""]
        tail = _text(3, scope.schema_url) if scope is not None else b""
        parts.append(_field(2, b"".join([*head, *spans, tail])))
    parts.append(_text(3, resource.schema_url))
    return b"".join(parts)


def _scope(scope: InstrumentationScope) -> bytes:
    return _text(1, scope.name) + _text(2, scope.version or "") + _attributes(3, scope.attributes)


def _span(span: ReadableSpan) -> bytes:
    context = cast("SpanContext", span.context)
    parts = [
        _field(1, context.trace_id.to_bytes(16, "big")),
        _field(2, context.span_id.to_bytes(8, "big")),
        _text(3, context.trace_state.to_header()) if context.trace_state else b"",
        _field(4, span.parent.span_id.to_bytes(8, "big")) if span.parent is not None else b"",
        _text(5, span.name),
        _number(6, _KINDS.get(span.kind.value, 1)),
        _fixed64(7, span.start_time or 0),
        _fixed64(8, span.end_time or 0),
        _attributes(9, span.attributes),
        _number(10, span.dropped_attributes),
        *(_field(11, _event(event)) for event in span.events),
        _number(12, span.dropped_events),
        *(_field(13, _link(link)) for link in span.links),
        _number(14, span.dropped_links),
        _field(15, _status(span.status)),
        # Bit 8 says that bit 9, "the parent is remote", is meant (trace.proto, SpanFlags).
        _key(16, 5) + pack("<I", 0x100 | (0x200 if span.parent is not None and span.parent.is_remote else 0)),
    ]
    return b"".join(parts)


def _event(event: Event) -> bytes:
    return (
        _fixed64(1, event.timestamp)
        + _text(2, event.name)
        + _attributes(3, event.attributes)
        + _number(4, event.dropped_attributes)
    )


def _link(link: Link) -> bytes:
    context = link.context
    flags = 0x100 | (0x200 if context.is_remote else 0)
    return (
        _field(1, context.trace_id.to_bytes(16, "big"))
        + _field(2, context.span_id.to_bytes(8, "big"))
        + _attributes(4, link.attributes)
        + _number(5, link.dropped_attributes)
        + _key(6, 5)
        + pack("<I", flags)
    )


def _status(status: Status) -> bytes:
    return _text(2, status.description or "") + _number(3, status.status_code.value)


def _attributes(number: int, attributes: Mapping[str, Any] | None) -> bytes:
    if not attributes:
        return b""
    return b"".join(
        [
            _pair(number, key, value) if type(value) is str else _other_pair(number, key, value)
            for key, value in attributes.items()
        ]
    )


def _pair(number: int, key: str, value: str) -> bytes:
    return _short_pair(number, key, value) if len(value) <= _CACHED_CHARS else _long_pair(number, key, value)


def _long_pair(number: int, key: str, value: str) -> bytes:
    name = _text(1, key)
    text = value.encode("utf-8", "replace")
    inner = _key(1, 2) + _varint(len(text))
    outer = _key(2, 2) + _varint(len(inner) + len(text))
    return b"".join(
        (_key(number, 2), _varint(len(name) + len(outer) + len(inner) + len(text)), name, outer, inner, text)
    )


_short_pair = lru_cache(maxsize=4096)(_long_pair)


def _other_pair(number: int, key: str, value: Any) -> bytes:
    return _field(number, _text(1, key) + _field(2, _any(value)))


def _any(value: Any) -> bytes:
    """An AnyValue. Booleans before integers: a bool is an int to Python."""
    if isinstance(value, bool):
        return _key(2, 0) + (b"\x01" if value else b"\x00")
    if isinstance(value, str):
        return _field(1, value.encode("utf-8", "replace"))
    if isinstance(value, int):
        return _key(3, 0) + _varint(value & _U64)
    if isinstance(value, float):
        return _key(4, 1) + pack("<d", value)
    if isinstance(value, bytes):
        return _field(7, value)
    if isinstance(value, Mapping):
        return _field(6, _attributes(1, cast("Mapping[str, Any]", value)))
    if isinstance(value, Sequence):
        return _field(5, b"".join(_field(1, _any(item)) for item in cast("Sequence[Any]", value)))
    return b""


def _field(number: int, body: bytes) -> bytes:
    """A length-delimited field; also when it is empty, because an empty message is not a missing one."""
    return _key(number, 2) + _varint(len(body)) + body


def _text(number: int, text: str | None) -> bytes:
    return _field(number, text.encode("utf-8", "replace")) if text else b""


def _number(number: int, value: int) -> bytes:
    return _key(number, 0) + _varint(value) if value else b""


def _fixed64(number: int, value: int) -> bytes:
    return _key(number, 1) + pack("<Q", value) if value else b""


@lru_cache(maxsize=64)
def _key(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _ONE_BYTE[value]
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


_ONE_BYTE = [bytes([value]) for value in range(0x80)]
