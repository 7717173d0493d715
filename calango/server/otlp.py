"""OTLP/HTTP: bytes to `ExportTraceServiceRequest`, and its answer in the same encoding. Pure."""

from __future__ import annotations

from google.protobuf.json_format import MessageToJson, ParseDict
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from calango.server import mending, salvage
from calango.server.errors import ApiError, refused
from calango.server.salvage import Salvaged

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_LARGE = 8 * 1024 * 1024
_NOT_OTLP = "The body is not a valid OTLP ExportTraceServiceRequest."


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
    if spans > mending.MAX_ITEMS:
        raise ApiError(413, f"{spans} spans; at most {mending.MAX_ITEMS} come at once: send smaller batches.")
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
        ParseDict(salvage.binary_ids(mending.json_of(body or b"{}")), request, ignore_unknown_fields=True)
    except (ApiError, *salvage.UNREADABLE) as error:
        if isinstance(error, ApiError) and error.status != 400:
            raise
        said = mending.json_of(body, mend=True)
        try:
            return salvage.json(said)
        except (ValueError, RecursionError):
            raise refused(_NOT_OTLP) from None
    return Salvaged(request)


def encode_answer(rejected: int, message: str, kind: str) -> bytes:
    """An ExportTraceServiceResponse; `partialSuccess` only when something was left out."""
    answer = ExportTraceServiceResponse()
    if rejected or message:
        answer.partial_success.CopyFrom(ExportTracePartialSuccess(rejected_spans=rejected, error_message=message))
    return answer.SerializeToString() if kind == PROTOBUF else MessageToJson(answer, indent=None).encode()
