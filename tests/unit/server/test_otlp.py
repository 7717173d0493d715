import gzip

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from calango.server import otlp
from calango.server.errors import ApiError
from calango.server.intake import inflate

SPAN = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "n", "startTimeUnixNano": "1795164111322303532"}


def document(**values: object) -> bytes:
    import orjson

    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN | values]}]}]})


def test_json_ids_are_hex():
    request = otlp.decode(document(), otlp.JSON)

    assert request.resource_spans[0].scope_spans[0].spans[0].trace_id.hex() == "ab" * 16


def test_json_may_name_or_number_an_enum_and_carry_unknown_fields():
    for kind in (2, "SPAN_KIND_SERVER"):
        request = otlp.decode(document(kind=kind, fromTheFuture={"a": 1}), otlp.JSON)
        assert request.resource_spans[0].scope_spans[0].spans[0].kind == 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"resourceSpans": "bogus"}', otlp.JSON),
        (b"[1]", otlp.JSON),
        (b"{", otlp.JSON),
        (b"[" * 100_000, otlp.JSON),
        (b"\xff\xff\xff", otlp.PROTOBUF),
    ],
)
def test_a_body_that_is_no_export_request_is_refused(body: bytes, kind: str):
    with pytest.raises(ApiError) as caught:
        otlp.decode(body, kind)
    assert caught.value.status == 400


def test_an_empty_body_is_an_empty_request():
    assert otlp.decode(b"", otlp.PROTOBUF) == ExportTraceServiceRequest()


def test_the_answer_names_rejected_spans_in_both_encodings():
    answer = ExportTraceServiceResponse.FromString(otlp.encode_answer(2, "why", otlp.PROTOBUF))

    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (2, "why")
    assert otlp.encode_answer(0, "", otlp.JSON) == b"{}"


def test_another_content_type_is_refused():
    with pytest.raises(ApiError) as caught:
        otlp.media_type("text/plain")
    assert caught.value.status == 415


def test_gzip_is_undone():
    assert inflate(gzip.compress(b"hello")) == b"hello"


def test_a_small_body_that_inflates_to_a_huge_one_is_refused():
    bomb = gzip.compress(bytes(50_000_000))

    with pytest.raises(ApiError) as caught:
        inflate(bomb, limit=1_000_000)
    assert caught.value.status == 413


def test_all_members_of_a_gzip_stream_are_undone():
    assert inflate(gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"


def test_many_small_members_can_not_get_around_the_limit():
    with pytest.raises(ApiError) as caught:
        inflate(gzip.compress(bytes(400_000)) * 3, limit=1_000_000)
    assert caught.value.status == 413


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"x" * 1000)[:-9]], ids=["other bytes", "cut off"])
def test_damaged_gzip_is_refused(body: bytes):
    with pytest.raises(ApiError) as caught:
        inflate(body)
    assert caught.value.status == 400
