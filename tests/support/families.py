"""Recorded spans of other instrumentations (tests/conformance/families) as protobuf, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from calango.store import ObservationRow

START_NS = 1795164108315135988


def any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    return AnyValue(string_value=value)


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def otlp_span(recorded: Mapping[str, Any]) -> Span:
    """A span that took a second; its events came in the middle."""
    events = [
        Span.Event(name=event["name"], attributes=pairs(event["attributes"]), time_unix_nano=START_NS + 500_000_000)
        for event in recorded["events"]
    ]
    status = recorded["status"]
    return Span(
        trace_id=b"\1" * 16,
        span_id=b"\2" * 8,
        name=recorded["name"],
        start_time_unix_nano=START_NS,
        end_time_unix_nano=START_NS + 1_000_000_000,
        attributes=pairs(recorded["attributes"]),
        events=events,
        status=Status(code=status["code"], message=status.get("message", "")),
    )


def described(row: ObservationRow) -> dict[str, Any]:
    """What an observation says, but for what is empty or usual. JSON is decoded; `first_token_ns`: after the start."""
    said = {column: getattr(row, column) for column in _PLAIN}
    said |= {column: _decoded(getattr(row, column)) for column in _DECODED}
    if row.level != "DEFAULT":
        said["level"] = row.level
    if row.completion_start_ns is not None:
        said["first_token_ns"] = row.completion_start_ns - row.start_ns
    return {column: value for column, value in said.items() if value is not None}


_PLAIN = ("type", "name", "model", "user_id", "session_id", "tags", "status_message")
_DECODED = ("input", "output", "usage_json", "cost_json", "model_parameters_json", "metadata_json")


def _decoded(text: str | None) -> Any:
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def request_of(span: Span, scope: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add().scope_spans.add()
    group.scope.name = scope
    group.spans.append(span)
    return request
