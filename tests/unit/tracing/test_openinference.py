"""How our spans read in OpenInference's words."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from openinference.semconv import trace as conventions
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from calango.tracing import attributes as at
from calango.tracing.openinference import KIND, attributes, mapped

USAGE = '{"input":70,"output":10,"input_cache_read":25,"input_cache_creation":5,"output_reasoning":3,"total":113}'
GENERATION: dict[str, Any] = {
    at.TYPE: "generation",
    at.MODEL: "llama3.1:8b",
    at.MODEL_PARAMETERS: '{"temperature":0.2}',
    at.INPUT: json.dumps(
        [
            {"role": "system", "content": "Seja breve."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "oi"}, {"type": "image_url", "image_url": {"url": "u"}}],
            },
            {"role": "assistant", "content": "", "tool_calls": [{"name": "soma", "args": {"a": 1}, "id": "c1"}]},
            {"role": "tool", "content": "2", "tool_call_id": "c1", "name": "soma"},
        ]
    ),
    at.OUTPUT: '{"role":"assistant","content":"É 2."}',
    at.USAGE: USAGE,
    at.COST: '{"input":0.001,"output":0.002,"total":0.003}',
    at.SESSION: "s-1",
    at.USER: "ana",
    at.TRACE_NAME: "calango-turn",
    at.TRACE_TAGS: ("a", "b"),
    at.ENVIRONMENT: "staging",
    f"{at.TRACE_METADATA}.plan": '"gold"',
    f"{at.METADATA}.langgraph_node": '"agent"',
    f"{at.METADATA}.tools": '[{"type":"function","function":{"name":"soma"}}]',
    f"{at.METADATA}.prompt_template": '"Responda: {{q}}"',
    f"{at.METADATA}.prompt_version": '"v2"',
    f"{at.METADATA}.prompt_variables": '{"q":"oi"}',
}
RETRIEVER = {
    at.TYPE: "retriever",
    at.OUTPUT: '[{"id":"d1","page_content":"texto","metadata":{"page":3},"type":"Document"}]',
}


def known_names() -> set[str]:
    classes = [item for name, item in vars(conventions).items() if name.endswith("Attributes")]
    return {value for item in classes for name, value in vars(item).items() if name.isupper()}


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("generation", "LLM"),
        ("span", "CHAIN"),
        ("event", "CHAIN"),
        ("chain", "CHAIN"),
        ("agent", "AGENT"),
        ("tool", "TOOL"),
        ("retriever", "RETRIEVER"),
        ("embedding", "EMBEDDING"),
        ("guardrail", "GUARDRAIL"),
        ("evaluator", "EVALUATOR"),
    ],
)
def test_every_observation_type_has_a_span_kind(type_, kind):
    assert attributes("x", {at.TYPE: type_})[KIND] == kind
    assert kind in {item.value for item in conventions.OpenInferenceSpanKindValues}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("llm.model_name", "llama3.1:8b"),
        ("llm.invocation_parameters", '{"temperature":0.2}'),
        ("input.mime_type", "application/json"),
        ("output.value", '{"role":"assistant","content":"É 2."}'),
        ("llm.input_messages.0.message.role", "system"),
        ("llm.input_messages.0.message.content", "Seja breve."),
        ("llm.input_messages.1.message.contents.0.message_content.type", "text"),
        ("llm.input_messages.1.message.contents.0.message_content.text", "oi"),
        ("llm.input_messages.1.message.contents.1.message_content.image.image.url", "u"),
        ("llm.input_messages.2.message.tool_calls.0.tool_call.id", "c1"),
        ("llm.input_messages.2.message.tool_calls.0.tool_call.function.name", "soma"),
        ("llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments", '{"a":1}'),
        ("llm.input_messages.3.message.tool_call_id", "c1"),
        ("llm.input_messages.3.message.name", "soma"),
        ("llm.output_messages.0.message.content", "É 2."),
        ("llm.tools.0.tool.json_schema", '{"type":"function","function":{"name":"soma"}}'),
        ("llm.token_count.prompt", 100),
        ("llm.token_count.completion", 13),
        ("llm.token_count.total", 113),
        ("llm.token_count.prompt_details.cache_read", 25),
        ("llm.token_count.prompt_details.cache_write", 5),
        ("llm.token_count.completion_details.reasoning", 3),
        ("llm.cost.prompt", 0.001),
        ("llm.cost.completion", 0.002),
        ("llm.cost.total", 0.003),
        ("llm.prompt_template.template", "Responda: {{q}}"),
        ("llm.prompt_template.version", "v2"),
        ("llm.prompt_template.variables", '{"q":"oi"}'),
        ("session.id", "s-1"),
        ("user.id", "ana"),
        ("tag.tags", ("a", "b")),
    ],
)
def test_a_generation_tells(name, value):
    assert attributes("model", GENERATION)[name] == value


def test_what_has_no_name_of_its_own_is_metadata():
    assert json.loads(str(attributes("model", GENERATION)["metadata"])) == {
        "trace_name": "calango-turn",
        "environment": "staging",
        "plan": "gold",
        "langgraph_node": "agent",
    }


def test_a_tool_has_its_name_and_parameters():
    found = attributes("soma", {at.TYPE: "tool", at.INPUT: '{"a":1}', at.OUTPUT: "2"})

    assert (found["tool.name"], found["tool.parameters"], found["output.mime_type"]) == (
        "soma",
        '{"a":1}',
        "text/plain",
    )


def test_a_retriever_has_its_documents():
    found = attributes("busca", RETRIEVER)

    assert found["retrieval.documents.0.document.content"] == "texto"
    assert found["retrieval.documents.0.document.id"] == "d1"
    assert found["retrieval.documents.0.document.metadata"] == '{"page":3}'


def test_a_prompt_of_langfuse_is_named():
    about = {"langfuse.observation.prompt.name": "saudacao", "langfuse.observation.prompt.version": 3}
    found = attributes("model", {at.TYPE: "generation", **about})

    assert (found["prompt.vendor"], found["prompt.id"]) == ("Langfuse", "saudacao")
    assert found["llm.prompt_template.version"] == "3"


def test_every_name_is_one_of_the_conventions():
    about = {"langfuse.observation.prompt.name": "p"}
    examples = [GENERATION | about, RETRIEVER, {at.TYPE: "tool", at.INPUT: "{}"}, {at.TYPE: "agent"}]
    examples.append({at.TYPE: "embedding", at.MODEL: "m", at.MODEL_PARAMETERS: "{}"})
    written = {name for given in examples for name in attributes("x", given)}
    known = known_names()

    assert [name for name in sorted(written) if not _is_made_of(name, known)] == []


@pytest.mark.parametrize("broken", ["[", "null", "7", '["x"]', '[{"role":null}]', '{"tool_calls":[{}]}', "\ud800"])
@pytest.mark.parametrize("field", [at.INPUT, at.OUTPUT, at.USAGE, at.COST, f"{at.METADATA}.tools", at.MODEL_PARAMETERS])
def test_a_strange_field_never_loses_the_others(field, broken):
    found = attributes("model", GENERATION | {field: broken})

    assert (found[KIND], found["session.id"], found["llm.model_name"]) == ("LLM", "s-1", "llama3.1:8b")
    assert "metadata" in found


def test_attributes_that_are_not_langfuses_pass_as_they_are():
    assert attributes("x", {"http.route": "/chat", KIND: "RERANKER"}) == {"http.route": "/chat", KIND: "RERANKER"}


@pytest.mark.parametrize(("given", "told"), [(StatusCode.UNSET, StatusCode.OK), (StatusCode.ERROR, StatusCode.ERROR)])
def test_a_span_keeps_its_place_and_times_and_says_how_it_ended(given, told):
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = provider.get_tracer("t").start_span("n", attributes={at.TYPE: "tool"}, start_time=5)
    span.set_status(Status(given))
    span.end(9)
    (before,) = exporter.get_finished_spans()
    after = mapped(before)

    assert after.status.status_code is told
    assert (after.name, after.context, after.start_time, after.end_time) == ("n", before.context, 5, 9)
    assert (after.resource, after.instrumentation_scope) == (before.resource, before.instrumentation_scope)


def _is_made_of(name: str, known: set[str]) -> bool:
    """Whether the parts between a name's indexes are names of the conventions, which nest: `a.0.b`, `a.b`."""
    parts = re.split(r"\.\d+\.", name)
    return all(part in known or _nested(part, known) for part in parts)


def _nested(part: str, known: set[str]) -> bool:
    return any(part.startswith(f"{name}.") and part[len(name) + 1 :] in known for name in known)
