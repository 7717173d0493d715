from decimal import Decimal
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from calango.server.mapping import Decoded, observations_of
from calango.store import ObservationRow
from tests.support.families import pairs

START = 1795164108315135988


def decoded(*spans: Span, scope: str = "langfuse-sdk", direct: bool = False) -> Decoded:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add().scope_spans.add()
    group.scope.name = scope
    group.spans.extend(spans)
    return observations_of(request, "p", now_ns=7, direct=direct)


def span(attributes: dict[str, Any] | None = None, **values: Any) -> Span:
    whole = {"trace_id": b"\1" * 16, "span_id": b"\2" * 8, "name": "n", "start_time_unix_nano": START}
    return Span(**{**whole, **values}, attributes=pairs(attributes or {}))


def row_of(attributes: dict[str, Any], scope: str = "langfuse-sdk", **values: Any) -> ObservationRow:
    (row,) = decoded(span(attributes, **values), scope=scope).rows
    return row


def test_times_keep_every_nanosecond():
    row = row_of({}, end_time_unix_nano=START + 1)

    assert (row.start_ns, row.end_ns) == (START, START + 1)


@pytest.mark.parametrize("kind", ["generation", "agent", "tool", "event", "guardrail"])
def test_langfuse_names_the_type(kind: str):
    assert row_of({"langfuse.observation.type": kind}).type == kind.upper()


def test_a_type_that_does_not_exist_is_a_span():
    assert row_of({"langfuse.observation.type": "nonsense"}).type == "SPAN"


def test_metadata_keeps_the_text_of_every_value():
    row = row_of({"langfuse.observation.metadata.a": '"x"', "langfuse.observation.metadata.n": 3})

    assert orjson.loads(row.metadata_json or "") == {"a": '"x"', "n": "3"}


def test_openai_usage_becomes_flat_counts():
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 6},
    }
    row = row_of({"langfuse.observation.usage_details": orjson.dumps(usage).decode()})

    assert orjson.loads(row.usage_json or "") == {"input": 4, "output": 4, "total": 14, "input_cached_tokens": 6}
    assert (row.input_tokens, row.output_tokens, row.total_tokens) == (10, 4, 14)


def test_cost_is_kept_to_the_last_digit():
    row = row_of({"langfuse.observation.cost_details": '{"input": 0.1, "output": 0.2}'})

    assert (row.input_cost, row.total_cost) == (Decimal("0.1"), Decimal("0.3"))


@pytest.mark.parametrize("bad", ["no json", "[1]", '{"input": "many"}', '{"input": -1}', '{"input": true}'])
def test_usage_that_makes_no_sense_never_loses_the_span(bad: str):
    assert row_of({"langfuse.observation.usage_details": bad}).usage_json is None


def test_an_orphan_that_the_sdk_marks_is_a_root():
    assert row_of({"langfuse.internal.as_root": True}, parent_span_id=b"\3" * 8).is_root


def test_an_error_status_is_the_level_when_no_attribute_is():
    status = {"code": 2, "message": "boom"}

    row = row_of({}, status=status)
    assert (row.level, row.status_message) == ("ERROR", "boom")


@pytest.mark.parametrize(
    "values",
    [
        {"trace_id": b"\1" * 15},
        {"trace_id": bytes(16)},
        {"span_id": b""},
        {"span_id": bytes(8)},
        {"start_time_unix_nano": 0},
        {"start_time_unix_nano": 2**64 - 1},
    ],
)
def test_a_span_that_cannot_be_stored_is_counted_and_takes_no_other_with_it(values: dict[str, Any]):
    result = decoded(span(**values), span())

    assert (len(result.rows), result.rejected) == (1, 1)
    assert result.message


def test_spans_of_langfuse_are_visible_at_once_and_others_when_their_writer_says_so():
    assert decoded(span()).rows[0].direct
    assert not decoded(span(), scope="other").rows[0].direct
    assert decoded(span(), scope="other", direct=True).rows[0].direct


def test_genai_attributes_make_a_generation():
    row = row_of(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 11,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.conversation.id": "c",
        },
        scope="other",
    )

    assert (row.type, row.model, row.total_tokens, row.session_id) == ("GENERATION", "gpt-4o", 16, "c")


def test_openinference_attributes_make_a_tool():
    row = row_of(
        {"openinference.span.kind": "TOOL", "input.value": "1+1", "output.value": "2", "session.id": "s"}, scope="other"
    )

    assert (row.type, row.input, row.output, row.session_id) == ("TOOL", "1+1", "2", "s")


def test_attributes_of_a_foreign_span_are_all_kept():
    row = row_of({"http.route": "/x", "n": 1}, scope="other")

    assert orjson.loads(row.attributes_json or "") == {"http.route": "/x", "n": "1"}


def test_an_operation_that_is_no_text_is_no_error():
    assert row_of({"gen_ai.operation.name": []}).type == "SPAN"
