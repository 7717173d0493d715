"""Spans of other instrumentations: recorded ones (tests/conformance/families), and names that stand alone."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from calango.server.mapping import observations_of
from calango.store import ObservationRow
from tests.support.families import described, otlp_span, request_of

RECORDED = Path(__file__).parents[2] / "conformance" / "families"
SPANS = [
    pytest.param(span, id=f"{file.stem}-{number}-{span['name']}")
    for file in sorted(RECORDED.glob("*.json"))
    for number, span in enumerate(orjson.loads(file.read_bytes())["spans"])
]


def row_of(attributes: dict[str, Any], *events: tuple[str, dict[str, Any]], scope: str = "other") -> ObservationRow:
    span = {
        "name": "n",
        "status": {"code": 0},
        "attributes": attributes,
        "events": [{"name": name, "attributes": said} for name, said in events],
    }
    (row,) = observations_of(request_of(otlp_span(span), scope), "p", now_ns=7).rows
    return row


@pytest.mark.parametrize("span", SPANS)
def test_a_recorded_span_becomes_the_observation_it_describes(span: dict[str, Any]):
    (row,) = observations_of(request_of(otlp_span(span), span["scope"]), "p", now_ns=7).rows

    assert described(row) == span["expected"]


def test_every_recording_names_the_packages_it_came_from():
    assert all(orjson.loads(file.read_bytes())["packages"] for file in RECORDED.glob("*.json"))


@pytest.mark.parametrize(
    ("attributes", "given", "answered"),
    [
        ({"llm.input_messages.0.message.role": "user", "llm.output_messages.0.message.content": "hi"},
         [{"message": {"role": "user"}}], [{"message": {"content": "hi"}}]),
        ({"gen_ai.prompt": "why?", "gen_ai.completion": "because"}, "why?", "because"),
        ({"gcp.vertex.agent.llm_request": "{}", "gcp.vertex.agent.tool_call_args": '{"a": 1}',
          "gcp.vertex.agent.llm_response": "{}", "gcp.vertex.agent.tool_response": '{"b": 2}'}, {"a": 1}, {"b": 2}),
        ({"mlflow.spanInputs": "[1]", "mlflow.spanOutputs": "[2]"}, [1], [2]),
        ({"lk.user_transcript": "olá", "lk.response.text": "oi"}, "olá", "oi"),
        ({"prompt": "p", "all_messages_events": "[]", "input": "i"}, "p", None),
        ({"tool_arguments": '{"a": 1}', "tool_response": "2"}, {"a": 1}, 2),
    ],
)  # fmt: skip
def test_what_was_asked_and_answered_is_found_under_many_names(
    attributes: dict[str, Any], given: object, answered: object
):
    found = described(row_of(attributes))

    assert (found.get("input"), found.get("output")) == (given, answered)


def test_numbered_messages_keep_their_order_beyond_nine():
    attributes = {f"gen_ai.prompt.{number}.content": str(number) for number in reversed(range(12))}

    found = described(row_of(attributes))["input"]
    assert [message["content"] for message in found] == [str(number) for number in range(12)]


@pytest.mark.parametrize(
    "name", ["gen_ai.prompt." + "0." * 5000 + "x", "gen_ai.prompt." + "9" * 5000, "gen_ai.prompt."]
)
def test_a_hostile_name_never_loses_the_span(name: str):
    assert row_of({name: "x", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0": "twice"}).input


def test_messages_in_events_are_input_and_output():
    row = row_of(
        {"gen_ai.operation.name": "chat"},
        ("gen_ai.user.message", {"gen_ai.system": "az.ai", "gen_ai.event.content": '{"content": "hi"}'}),
        ("gen_ai.choice", {"gen_ai.event.content": '{"message": {"content": "hello"}}'}),
    )

    found = described(row)
    assert found["input"] == [{"role": "user", "gen_ai.system": "az.ai", "content": "hi"}]
    assert found["output"] == {"message": {"content": "hello"}}


def test_content_in_one_event_is_read_as_if_it_stood_on_the_span():
    content = {"gen_ai.input.messages": '[{"role": "user"}]', "gen_ai.output.messages": '[{"role": "assistant"}]'}

    found = described(row_of({}, ("gen_ai.client.inference.operation.details", content)))
    assert (found["input"], found["output"]) == ([{"role": "user"}], [{"role": "assistant"}])


@pytest.mark.parametrize(
    ("said", "system"),
    [
        (
            '[{"type": "text", "content": "a"}, {"type": "text", "content": "b"}]',
            [{"role": "system", "content": "a\nb"}],
        ),
        ('[{"parts": [{"content": "a"}]}]', [{"role": "system", "parts": [{"content": "a"}]}]),
        ('"a"', [{"role": "system", "content": "a"}]),
        ("no json", [{"role": "system", "content": "no json"}]),
        ("[1, null]", []),
    ],
)
def test_instructions_stand_before_the_messages(said: str, system: list[Any]):
    row = row_of({"gen_ai.input.messages": '[{"role": "user"}]', "gen_ai.system_instructions": said})

    assert described(row)["input"] == [*system, {"role": "user"}]


def test_instructions_are_not_said_twice():
    asked = '[{"role": "system", "parts": []}]'

    assert row_of({"gen_ai.input.messages": asked, "gen_ai.system_instructions": '"x"'}).input == asked


@pytest.mark.parametrize(
    ("attributes", "usage"),
    [
        ({"gen_ai.usage.input_tokens": 7, "gen_ai.usage.cache_read_input_tokens": 90},
         {"input": 7, "input_cached_tokens": 90, "total": 97}),
        ({"gen_ai.usage.input_tokens": "7", "gen_ai.usage.output_tokens": 2.0}, {"input": 7, "output": 2, "total": 9}),
        ({"gen_ai.usage.details.text_prompt_tokens": 7, "gen_ai.usage.input_tokens": 7}, {"input": 7, "total": 7}),
        ({"gen_ai.usage.output_tokens": 300, "gen_ai.usage.thoughts_tokens": 200},
         {"output": 100, "output_reasoning_tokens": 200, "total": 300}),
        ({"gen_ai.usage.input_tokens": 5, "gen_ai.operation.name": "invoke_agent"}, None),
        ({"gen_ai.usage.input_tokens": "many", "gen_ai.usage.output_tokens": -1}, None),
    ],
)  # fmt: skip
def test_tokens_are_counted_once(attributes: dict[str, Any], usage: dict[str, int] | None):
    assert described(row_of(attributes)).get("usage_json") == usage


@pytest.mark.parametrize("name", ["gen_ai.usage.cost", "gen_ai.cost.total_cost", "llm.cost.total", "operation.cost"])
def test_a_cost_that_was_sent_is_kept(name: str):
    assert described(row_of({name: 0.25, "gen_ai.request.model": "m"}))["cost_json"] == {"total": 0.25}


def test_a_provider_tells_vercels_sdk_what_was_cached():
    said = '{"anthropic": {"usage": {"cache_read_input_tokens": 90, "cache_creation_input_tokens": 5}}}'
    row = row_of(
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.usage.inputTokens": 100,
            "ai.usage.outputTokens": 3,
            "ai.response.providerMetadata": said,
        },
        scope="ai",
    )

    usage = {"input": 5, "output": 3, "input_cached_tokens": 90, "input_cache_creation": 5, "total": 103}
    assert described(row)["usage_json"] == usage


def test_vercels_sdk_links_a_prompt():
    row = row_of(
        {"ai.operationId": "ai.generateText", "ai.telemetry.metadata.langfusePrompt": '{"name": "p", "version": 3}'}
    )

    assert (row.prompt_name, row.prompt_version) == ("p", 3)


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"gen_ai.tool.call.id": "c"}, "TOOL"),
        ({"gen_ai.response.model": "m"}, "GENERATION"),
        ({"model": "m"}, "GENERATION"),
        ({"ai.model.id": "m", "ai.operationId": "ai.generateText"}, "SPAN"),
        ({"langfuse.observation.model.name": "m"}, "GENERATION"),
        ({"traceloop.span.kind": "task"}, "CHAIN"),
        ({"http.route": "/x"}, "SPAN"),
    ],
)
def test_the_type_follows_from_what_is_said(attributes: dict[str, Any], kind: str):
    assert row_of(attributes).type == kind


def test_langfuses_own_attributes_win_over_every_family():
    own = {
        "langfuse.observation.type": "tool",
        "langfuse.observation.input": "mine",
        "langfuse.observation.model.name": "my-model",
        "langfuse.observation.usage_details": '{"input": 1}',
        "langfuse.session.id": "my-session",
        "langfuse.trace.tags": ["mine"],
        "langfuse.observation.metadata.plan": "mine",
    }
    others = {
        "session.id": "theirs",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "theirs",
        "gen_ai.input.messages": "theirs",
        "gen_ai.usage.input_tokens": 99,
        "openinference.span.kind": "LLM",
        "input.value": "theirs",
        "tag.tags": ["theirs"],
        "metadata": '{"plan": "theirs", "more": "kept"}',
    }
    expected = {
        "type": "TOOL",
        "name": "n",
        "model": "my-model",
        "session_id": "my-session",
        "tags": ["mine"],
        "input": "mine",
        "usage_json": {"input": 1, "total": 1},
        "metadata_json": {"plan": "mine", "more": "kept"},
    }
    assert described(row_of(own | others)) == expected
    assert described(row_of(others | own)) == expected


def test_a_span_of_langfuses_sdk_may_speak_another_family_too():
    row = row_of({"langfuse.observation.type": "generation", "gen_ai.usage.input_tokens": 3}, scope="langfuse-sdk")

    assert (row.type, row.total_tokens, row.attributes_json) == ("GENERATION", 3, None)


@pytest.mark.parametrize(
    "attributes",
    [
        {"langfuse.tags": "a,b", "langfuse.metadata.k": "v", "langfuse.prompt.name": "p", "langfuse.prompt.version": 2},
        {
            "langfuse.trace.metadata.langfuse_tags": '["a", "b"]',
            "langfuse.metadata": '{"k": "v"}',
            "langfuse.observation.prompt.name": "p",
            "langfuse.observation.prompt.version": "2",
        },
    ],
)
def test_shorter_and_older_names_of_langfuse_are_understood(attributes: dict[str, Any]):
    row = row_of(attributes)

    assert (row.tags, row.metadata_json) == (["a", "b"], '{"k":"v"}')
    assert (row.prompt_name, row.prompt_version) == ("p", 2)


def test_input_and_output_are_not_kept_a_second_time_among_the_attributes():
    row = row_of({"gen_ai.input.messages": "[]", "gen_ai.prompt.0.role": "user", "gen_ai.system": "openai"})

    assert orjson.loads(row.attributes_json or "") == {"gen_ai.system": "openai"}
