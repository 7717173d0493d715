"""An OTLP request that can't be decoded as a whole: each span is tried alone, so that bad ones take no others along.

A span's bytes are found by protobuf's wire format (protobuf.dev/programming-guides/encoding); all its parts are
length-delimited fields. A request whose frame is broken above its spans is not understood at all.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from calango.server import mending
from calango.server.errors import ApiError
from calango.server.shapes import as_dict, as_list

_LENGTH_DELIMITED = 2
_FIXED = {1: 8, 5: 4}
_SPANS = (1, 2, 2)  # field numbers of resource_spans, scope_spans, spans
_SHARED = 1  # number of the resource, and of the scope
# what protobuf's reader of JSON raises for wrong shapes, some of it by accident
UNREADABLE = (ParseError, ValueError, RecursionError, TypeError, AttributeError, KeyError)
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
# what to look into when counting: kind of message -> field -> kind
_ANY, _PAIR, _PAIRS, _LIST = "any", "pair", "pairs", "list"
_INSIDE: Mapping[str, Mapping[int, str]] = {
    "request": {1: "resource spans"},
    "resource spans": {1: _PAIRS, 2: "scope spans"},
    "scope spans": {1: "scope", 2: "span"},
    "scope": {3: _PAIR},
    "span": {9: _PAIR, 11: "event", 13: "link"},
    "event": {3: _PAIR},
    "link": {4: _PAIR},
    _PAIRS: {1: _PAIR},
    _PAIR: {2: _ANY},
    _ANY: {5: _LIST, 6: _PAIRS},
    _LIST: {1: _ANY},
}


@dataclass(slots=True)
class Salvaged:
    """`request` holds the readable spans; `lost` is how many others there were, `why` what was wrong."""

    request: ExportTraceServiceRequest
    lost: int = 0
    why: str = ""


def protobuf(body: bytes) -> Salvaged:
    """Raises ValueError when not even the frame can be read."""
    found = Salvaged(ExportTraceServiceRequest())
    for whole in _parts(memoryview(body), _SPANS[0]):
        group = found.request.resource_spans.add()
        for resource in _parts(whole, _SHARED):
            _read(group.resource, resource, found)
        for part in _parts(whole, _SPANS[1]):
            scope_spans = group.scope_spans.add()
            for scope in _parts(part, _SHARED):
                _read(scope_spans.scope, scope, found)
            for span in _parts(part, _SPANS[2]):
                if not _read(scope_spans.spans.add(), span, found):
                    del scope_spans.spans[-1]
                    found.lost += 1
    return found


def json(body: object) -> Salvaged:
    """The same of decoded OTLP/JSON ."""
    found, parts = Salvaged(ExportTraceServiceRequest()), as_dict(body)
    if parts is None:
        raise ValueError("no object")
    for whole in _objects(parts, "resourceSpans"):
        group = found.request.resource_spans.add()
        _parse(group.resource, whole.get("resource", {}), found)
        for part in _objects(whole, "scopeSpans"):
            scope_spans = group.scope_spans.add()
            _parse(scope_spans.scope, part.get("scope", {}), found)
            for span in as_list(part.get("spans")) or []:
                if not _parse(scope_spans.spans.add(), span, found):
                    del scope_spans.spans[-1]
                    found.lost += 1
    return found


def _objects(node: dict[str, Any], name: str) -> list[dict[str, Any]]:
    items = as_list(node.get(name, []))
    objects = [as_dict(item) for item in items or []]
    if items is None or None in objects:
        raise ValueError(f"{name} is no list of objects")
    return [item for item in objects if item is not None]


def _read(message: Message, raw: memoryview, found: Salvaged) -> bool:
    try:
        message.ParseFromString(bytes(raw))
    except (DecodeError, RecursionError):
        message.Clear()
        found.why = "a part is damaged, nested too deep, or holds text that is not UTF-8"
        return False
    return True


def _parse(message: Message, said: object, found: Salvaged) -> bool:
    try:
        mending.check(said)
        if (parts := as_dict(said)) is None:
            raise ParseError("no object")
        ParseDict(binary_ids(parts), message, ignore_unknown_fields=True)
    except (ApiError, *UNREADABLE) as error:
        message.Clear()
        found.why = f"a part can't be read: {str(error)[:200]}"
        return False
    return True


def _parts(raw: memoryview, wanted: int) -> Generator[memoryview]:
    """The contents of all length-delimited fields with this number. Raises ValueError when the frame is broken."""
    for number, start, end in _fields(raw):
        if number == wanted and start >= 0:
            yield raw[start:end]


def _fields(raw: memoryview) -> Generator[tuple[int, int, int]]:
    """Number, start and end of each field; the start is -1 when it holds no bytes of its own."""
    at, size = 0, len(raw)
    while at < size:
        key, at = _varint(raw, at)
        kind, start = key & 7, -1
        if kind == _LENGTH_DELIMITED:
            length, start = _varint(raw, at)
            at = start + length
        elif kind == 0:
            _, at = _varint(raw, at)
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise ValueError("an unknown wire type")
        if at > size:
            raise ValueError("cut off")
        yield key >> 3, start, at


def _varint(raw: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        if at >= len(raw):
            raise ValueError("cut off")
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number of more than 64 bits")


def has_more_fields(body: bytes, limit: int) -> bool:
    """Whether decoding `body` makes more than `limit` fields; some take 25 times their bytes. Broken ones count."""
    whole = memoryview(body)
    open_, count = [(_INSIDE["request"], whole, _fields(whole))], 0
    while open_:
        inside, raw, fields = open_[-1]
        try:
            number, start, end = next(fields)
        except (StopIteration, ValueError):
            open_.pop()
            continue
        count += 1
        if count > limit:
            return True
        if 0 <= start < end and number in inside:
            part = raw[start:end]
            open_.append((_INSIDE[inside[number]], part, _fields(part)))
    return False


def binary_ids(node: Any) -> Any:
    """OTLP/JSON writes ids in hex where proto-JSON has base64. Unreadable ones become empty, and are rejected later."""
    if (mapping := as_dict(node)) is not None:
        return {
            key: _base64(value) if key in _IDS and isinstance(value, str) else binary_ids(value)
            for key, value in mapping.items()
        }
    if (items := as_list(node)) is not None:
        return [binary_ids(item) for item in items]
    return node


def _base64(hex_text: str) -> str:
    try:
        return base64.b64encode(binascii.unhexlify(hex_text)).decode()
    except (binascii.Error, ValueError):
        return ""
