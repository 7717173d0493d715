"""OTLP/HTTP: bytes to `ExportTraceServiceRequest`, and its answer in the same encoding. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from calango.server import mending, salvage
from calango.server.errors import ApiError, refused
from calango.server.salvage import Salvaged
from calango.server.shapes import as_dict, as_list

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
MAX_SPANS = 100_000
_LARGE = 8 * 1024 * 1024
_NOT_OTLP = "The body is not a valid OTLP ExportTraceServiceRequest."
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
    return decode_spans(body, kind).request


def decode_spans(body: bytes, kind: str) -> Salvaged:
    """All spans that can be read. ApiError 400 when none can be told apart, 413 when there are too many."""
    if kind == PROTOBUF and len(body) > _LARGE and salvage.has_more_fields(body, mending.MAX_VALUES):
        raise ApiError(413, f"The body has more than {mending.MAX_VALUES} fields: send smaller batches.")
    found = _protobuf(body) if kind == PROTOBUF else _json(body)
    spans = sum(len(part.spans) for group in found.request.resource_spans for part in group.scope_spans)
    if spans > MAX_SPANS:
        raise ApiError(413, f"The body has {spans} spans; at most {MAX_SPANS} come at once: send smaller batches.")
    return found


def _protobuf(body: bytes) -> Salvaged:
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except (DecodeError, RecursionError):
        try:
            return salvage.protobuf(body)
        except ValueError as error:
            raise refused(f"{_NOT_OTLP} ({error})") from None
    return Salvaged(request)


def _json(body: bytes) -> Salvaged:
    request = ExportTraceServiceRequest()
    try:
        ParseDict(_binary_ids(mending.json_of(body or b"{}")), request, ignore_unknown_fields=True)
    except (ApiError, ParseError, ValueError, RecursionError) as error:
        if isinstance(error, ApiError) and error.status != 400:
            raise
        said = as_dict(mending.json_of(body, mend=True))
        try:
            return salvage.json(as_dict(_binary_ids(said)) or {"resourceSpans": None})
        except (ValueError, RecursionError):
            raise refused(_NOT_OTLP) from None
    return Salvaged(request)


def encode_answer(rejected: int, message: str, kind: str) -> bytes:
    """An ExportTraceServiceResponse; `partialSuccess` only when something was left out."""
    answer = ExportTraceServiceResponse()
    if rejected or message:
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
