"""Input that does harm elsewhere: each is refused by itself, clearly, and with a status that ends its repetition."""

import gzip
import json
import zlib
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from calango.local import LocalServer
from calango.server.errors import ApiError
from calango.server.intake import LARGE, MAX_MEMBERS, Room, Share, inflate
from tests.support.sockets import address_of, connected, said
from tests.unit.server.test_app import PUBLIC, spans
from tests.unit.server.test_connections import post

JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf"}
DEEP = "[" * 10_000 + "]" * 10_000


def text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def two_spans(trace_id: str) -> bytes:
    """The name of the first one is `broken`, which tests replace by as many bytes."""
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add().scope_spans.add()
    for index, name in enumerate(("broken", "good")):
        part.spans.add(
            trace_id=bytes.fromhex(trace_id), span_id=bytes([index + 1]) * 8, name=name, start_time_unix_nano=5
        )
    return request.SerializeToString()


def event(id_: str, **body: Any) -> dict[str, Any]:
    return {"id": id_, "type": "span-create", "timestamp": "2026-11-20T08:00:00Z", "body": {"id": id_, **body}}


def test_a_span_with_text_that_is_no_utf8_takes_no_other_with_it(api: httpx.Client):
    body = two_spans("a1" * 16).replace(b"broken", b"br\xff\xfeen")
    answer = api.post(f"{PUBLIC}/otel/v1/traces", content=body, headers=PROTOBUF)

    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans, "UTF-8" in partial.error_message) == (200, 1, True)
    assert [row["name"] for row in api.get(f"{PUBLIC}/traces/{'a1' * 16}").json()["observations"]] == ["good"]


def test_a_span_whose_value_is_nested_without_end_takes_no_other_with_it(api: httpx.Client):
    value: dict[str, Any] = {"stringValue": "x"}
    for _ in range(300):
        value = {"arrayValue": {"values": [value]}}
    body = spans("a2" * 16, attributes=[{"key": "deep", "value": value}])
    good = spans("a2" * 16, spanId="ef" * 8)["resourceSpans"]
    answer = api.post(f"{PUBLIC}/otel/v1/traces", json={"resourceSpans": [*body["resourceSpans"], *good]})

    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert len(api.get(f"{PUBLIC}/traces/{'a2' * 16}").json()["observations"]) == 1


@pytest.mark.parametrize("bad", ["NaN", "-Infinity", "1e999", DEEP], ids=["NaN", "Infinity", "huge", "deep"])
def test_an_event_that_is_no_json_takes_no_other_with_it(api: httpx.Client, bad: str):
    batch = json.dumps({"batch": [event("bad", input="HERE"), event("good-event", input="fine")]})
    answer = api.post(f"{PUBLIC}/ingestion", content=batch.replace('"HERE"', bad), headers=JSON)

    verdict = answer.json()
    assert answer.status_code == 207
    assert ([one["id"] for one in verdict["successes"]], verdict["errors"][0]["status"]) == (["good-event"], 400)


def test_half_a_character_in_an_event_is_replaced(api: httpx.Client):
    batch = json.dumps({"batch": [event("half", input="\ud83d cut")]})
    answer = api.post(f"{PUBLIC}/ingestion", content=batch, headers=JSON)

    assert answer.json()["errors"] == []
    assert api.get(f"{PUBLIC}/observations/half").json()["input"] == "\ufffd cut"


def test_a_score_that_is_no_json_takes_no_other_with_it(api: httpx.Client):
    body = '[{"name": "a", "traceId": "pair", "value": NaN}, {"name": "b", "traceId": "pair", "value": 1}]'
    answer = api.post(f"{PUBLIC}/scores", content=body, headers=JSON)

    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (207, 1, 1)


def test_a_cost_that_can_not_be_stored_is_left_out(api: httpx.Client):
    model = {"modelName": "dear", "matchPattern": "^dear$", "inputPrice": 10451045}
    assert api.post(f"{PUBLIC}/models", json=model).status_code == 200
    attributes = [
        text("langfuse.observation.type", "generation"),
        text("langfuse.observation.model.name", "dear"),
        text("langfuse.observation.usage_details", '{"input": 10451045}'),
    ]
    answer = api.post(f"{PUBLIC}/otel/v1/traces", json=spans("a3" * 16, attributes=attributes))

    found = api.get(f"{PUBLIC}/traces/{'a3' * 16}").json()["observations"][0]
    assert (answer.status_code, found["usageDetails"]["input"], found["costDetails"]) == (200, 10451045, {})


@pytest.mark.parametrize("value", [DEEP, "[" * 300 + "]" * 300, '{"a": NaN}', "\0", "'; DROP TABLE observations; --"])
def test_text_that_is_no_answerable_json_stays_text(api: httpx.Client, value: str):
    attributes = [text("langfuse.observation.input", value)]
    api.post(f"{PUBLIC}/otel/v1/traces", json=spans("a4" * 16, attributes=attributes))

    assert api.get(f"{PUBLIC}/traces/{'a4' * 16}").json()["observations"][0]["input"] == value


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(shared: LocalServer):
    with connected(address_of(shared.base_url)) as connection:
        connection.sendall(post(shared, "/api/public/otel/v1/traces", 100_000_000))

        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_connection_is_of_use_after_a_body_that_was_too_large(shared: LocalServer):
    with connected(address_of(shared.base_url)) as connection:
        connection.sendall(post(shared, "/api/public/scores", 70_000_000))
        refusal = b""
        while not refusal.endswith(b"}"):  # head and body may come one after the other
            refusal += connection.recv(65536)
        assert refusal.startswith(b"HTTP/1.1 413")
        for _ in range(70):
            connection.sendall(bytes(1_000_000))
        connection.sendall(b"GET /api/public/health HTTP/1.1\r\nHost: localhost\r\n\r\n")

        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head", ["GET / HTTP/1.1\r\nContent-Length: ?", "GET / HTTP/1.1\r\nHo st: x", "no HTTP at all"]
)
def test_what_is_no_http_is_refused_in_the_same_shape(shared: LocalServer, head: str):
    with connected(address_of(shared.base_url)) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode())
        heard = said(connection)

    assert heard.startswith(b"HTTP/1.1 400")
    assert b'{"message":' in heard


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "x" * 5000])
def test_an_encoding_that_is_not_understood_is_refused(api: httpx.Client, encoding: str):
    answer = api.post(f"{PUBLIC}/otel/v1/traces", content=b"x", headers={"content-encoding": encoding})

    assert answer.status_code == 415


def test_gzip_in_gzip_is_undone_once_and_refused(api: httpx.Client):
    body = gzip.compress(gzip.compress(bytes(10_000_000)))
    answer = api.post(f"{PUBLIC}/otel/v1/traces", content=body, headers=PROTOBUF | {"content-encoding": "gzip"})

    assert answer.status_code == 400


def test_a_stream_of_countless_gzip_members_is_refused():
    with pytest.raises(ApiError) as caught:
        inflate(gzip.compress(b"") * (MAX_MEMBERS + 1))
    assert caught.value.status == 413


def test_output_that_comes_after_all_input_was_read_is_not_lost():
    whole = bytes(5_000_000)

    assert inflate(zlib.compress(whole)) == whole


def test_large_bodies_together_find_no_room_and_small_ones_do():
    room = Room(8 * LARGE)
    Share(room).grow(6 * LARGE)
    with pytest.raises(ApiError) as caught:
        Share(room).grow(2 * LARGE)
    Share(room).grow(LARGE)

    assert caught.value.status == 503


def test_a_request_that_ends_gives_back_its_room():
    room = Room(8 * LARGE)
    share = Share(room)
    share.grow(7 * LARGE)
    share.end()

    assert room.taken == 0


def test_a_name_with_a_line_break_is_its_own_name(api: httpx.Client):
    for name in ("line", "line\n", "a\nb"):
        assert api.post(f"{PUBLIC}/v2/datasets", json={"name": name}).status_code == 200

    assert [api.get(f"{PUBLIC}/v2/datasets/{name}").json()["name"] for name in ("line%0A", "a%0Ab")] == [
        "line\n",
        "a\nb",
    ]


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("models", {"id": "m", "model_name": "m", "match_pattern": "m", "prices_json": "[]"}),
        ("models", {"id": "m", "model_name": "m", "match_pattern": "m", "prices_json": '{"input": "x"}'}),
        ("datasets", {"id": "d", "name": "d", "metadata_json": "{"}),
        ("datasets", {"id": "d", "name": "d", "metadata_json": DEEP}),
        ("scores", {"id": "s", "name": "s", "timestamp_ns": 1, "data_type": "NUMERIC", "writes": 1}),
        ("media", {"id": "m", "sha256": "x", "content_type": "a/b\r\nx: y", "content_length": 1}),
        ("comments", {"id": "c"}),
    ],
)
def test_an_imported_row_that_nobody_could_read_is_refused(api: httpx.Client, table: str, line: dict[str, Any]):
    row = {"environment": "default", "source": "API", "created_ns": 1, "updated_ns": 1} | line
    answer = api.post(f"/api/calango/import/{table}?format=jsonl", content=json.dumps(row))

    assert (answer.status_code, table in answer.json()["message"]) == (400, True)
    assert api.get(f"{PUBLIC}/models").status_code == 200


def test_prompts_that_multiply_each_other_are_refused(api: httpx.Client):
    inner = "a"
    for name in ("laugh-1", "laugh-2", "laugh-3"):
        api.post(f"{PUBLIC}/v2/prompts", json={"name": name, "prompt": inner, "labels": ["production"]})
        inner = f"@@@langfusePrompt:name={name}|label=production@@@" * 100

    answer = api.get(f"{PUBLIC}/v2/prompts/laugh-3")
    assert (answer.status_code, "more than" in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("traces", {"page": str(10**18)}),
        ("traces", {"page": "9" * 5000}),
        ("traces", {"page": "٣"}),
        ("v2/observations", {"cursor": "e30="}),
        ("v2/observations", {"cursor": "é"}),
        (
            "v2/observations",
            {"filter": json.dumps([{"column": "startTime", "type": "number", "operator": "=", "value": 1}])},
        ),
        (
            "v2/observations",
            {"filter": json.dumps([{"column": "tags", "type": "string", "operator": "=", "value": "x"}])},
        ),
        ("v2/observations", {"filter": json.dumps([{"column": "metadata", "type": "null", "operator": "is null"}])}),
        ("v2/observations", {"filter": json.dumps([{}] * 101)}),
        ("v2/observations", {"filter": DEEP}),
        ("v2/metrics", {"query": '{"view": []}'}),
        ("scores", {"operator": "=", "value": "nan"}),
        ("v2/prompts/x", {"version": "9" * 30}),
    ],
)
def test_a_hostile_query_is_refused(api: httpx.Client, path: str, query: dict[str, str]):
    answer = api.get(f"{PUBLIC}/{path}", params=query)

    assert (answer.status_code, "message" in answer.json()) == (400, True)


@pytest.mark.parametrize("bound", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_bound_further_than_any_time_is_no_mistake(api: httpx.Client, bound: str):
    for path, name in (("traces", "fromTimestamp"), ("v2/observations", "toStartTime")):
        assert api.get(f"{PUBLIC}/{path}", params={name: bound}).status_code == 200
