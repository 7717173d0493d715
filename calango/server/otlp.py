"""OTLP/HTTP: bytes to `ExportTraceServiceRequest`, and its answer in the same encoding. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson
from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from calango.server.errors import ApiError
from calango.server.shapes import as_dict, as_list

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def media_type(content_type: str) -> str:
    """PROTOBUF or JSON; ApiError 415 for anything else."""
    name = content_type.partition(";")[0].strip().lower()
    if name in {PROTOBUF, "application/protobuf", ""}:
        return PROTOBUF
    if name == JSON:
        return JSON
    raise ApiError(415, "Unsupported content type: use application/x-protobuf or application/json.")


def decode(body: bytes, kind: str) -> ExportTraceServiceRequest:
    """Raises ApiError 400 when `body` is not what `kind` says."""
    request = ExportTraceServiceRequest()
    try:
        if kind == PROTOBUF:
            request.ParseFromString(body)
        else:
            ParseDict(_binary_ids(orjson.loads(body or b"{}")), request, ignore_unknown_fields=True)
    except (DecodeError, ParseError, ValueError, RecursionError):
        raise ApiError(400, "The body is not a valid OTLP ExportTraceServiceRequest.", "InvalidRequestError") from None
    return request


def encode_answer(rejected: int, message: str, kind: str) -> bytes:
    """An ExportTraceServiceResponse; `partialSuccess` only when spans were rejected."""
    answer = ExportTraceServiceResponse()
    if rejected:
        answer.partial_success.CopyFrom(ExportTracePartialSuccess(rejected_spans=rejected, error_message=message))
    return answer.SerializeToString() if kind == PROTOBUF else MessageToJson(answer, indent=None).encode()


def _binary_ids(node: Any) -> Any:
    """OTLP/JSON writes ids in hex where proto-JSON has base64. Unreadable ones become empty, and are rejected later."""
    if (mapping := as_dict(node)) is not None:
        return {
            key: _base64(value) if key in _IDS and isinstance(value, str) else _binary_ids(value)
            for key, value in mapping.items()
        }
    if (items := as_list(node)) is not None:
        return [_binary_ids(item) for item in items]
    return node


def _base64(hex_text: str) -> str:
    try:
        return base64.b64encode(binascii.unhexlify(hex_text)).decode()
    except (binascii.Error, ValueError):
        return ""
