"""Spans for code around and inside the graph."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langfuse import propagate_attributes
from langgraph.graph import START, MessagesState, StateGraph

from calango.errors import InputError
from calango.tracing import (
    Tracing,
    client,
    create_handler,
    create_span_link,
    event,
    trace_agent_execution,
    trace_function,
    trace_span,
    trace_with_metadata,
    trace_with_prompt_template,
)
from tests.support.tracing import sent_spans, tree, unsent_tracing


@pytest.fixture
def tracing(home: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Tracing]:
    """The tracing that code without a handler finds."""
    made = unsent_tracing(home)
    monkeypatch.setattr(client, "_default", [made])
    yield made
    made.close(0)


def test_spans_nest_and_carry_input_output_and_metadata(tracing):
    with trace_span("outer", input={"a": 1}, metadata={"k": "v"}) as outer:
        with trace_span("inner", as_type="tool"):
            pass
        outer.update(output="done")

    spans = sent_spans(tracing)
    assert tree(spans) == ["span outer", ["tool inner"]]
    assert (spans[0].input, spans[0].output, spans[0].metadata("k")) == ({"a": 1}, "done", "v")
    assert (outer.trace_id, outer.id) == (spans[0].trace_id, spans[0].span_id)


def test_async_spans_nest_within_their_own_task(tracing):
    async def task(name: str) -> None:
        async with trace_span(name):
            await asyncio.sleep(0)
            async with trace_span(f"{name}.inner"):
                await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(task("a"), task("b"))

    asyncio.run(both())
    assert sorted(map(str, _pairs(tree(sent_spans(tracing))))) == [
        "('span a', ['span a.inner'])",
        "('span b', ['span b.inner'])",
    ]


def test_an_exception_marks_the_span_and_goes_on(tracing):
    with pytest.raises(ValueError, match="boom"), trace_span("work"):
        raise ValueError("boom")

    span = sent_spans(tracing)[0]
    assert (span.level, span.status_message, span.is_error) == ("ERROR", "ValueError: boom", True)


def node_graph(helper: Any, ahelper: Any) -> Any:
    graph = StateGraph(MessagesState)
    graph.add_node("work", RunnableLambda(helper, ahelper))
    graph.add_edge(START, "work")
    return graph.compile()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_span_inside_a_node_hangs_below_the_node_and_carries_its_session(tracing, is_async):
    def helper(state: MessagesState) -> dict[str, Any]:
        with trace_span("helper"), trace_span("deeper"):
            return {"messages": [AIMessage("x")]}

    async def ahelper(state: MessagesState) -> dict[str, Any]:
        async with trace_span("helper"), trace_span("deeper"):
            return {"messages": [AIMessage("x")]}

    handler = create_handler(session_id="s", user_id="ana", tracing=tracing)
    given, config = {"messages": [HumanMessage("oi")]}, {"callbacks": [handler]}
    graph = node_graph(helper, ahelper)
    asyncio.run(graph.ainvoke(given, config)) if is_async else graph.invoke(given, config)

    spans = sent_spans(tracing)
    assert tree(spans) == ["chain LangGraph", ["chain work", ["chain helper", ["span helper", ["span deeper"]]]]]
    assert {(span.attributes["session.id"], span.attributes["user.id"]) for span in spans} == {("s", "ana")}


def test_a_graph_run_inside_a_span_hangs_below_it(tracing):
    graph = node_graph(lambda state: {"messages": []}, None)
    with trace_span("request"):
        graph.invoke({"messages": [HumanMessage("oi")]}, {"callbacks": [create_handler(tracing=tracing)]})

    assert tree(sent_spans(tracing))[:2] == [
        "span request",
        ["chain LangGraph", ["chain work", ["chain RunnableLambda"]]],
    ]


@trace_function()
def plain(a: int, b: int = 2) -> int:
    return a + b


@trace_function("named")
async def coroutine(a: int) -> int:
    return a * 2


@trace_function()
def generator(n: int) -> Iterator[int]:
    yield from range(n)


@trace_function()
async def async_generator(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


async def collect(items: AsyncIterator[int]) -> list[int]:
    return [item async for item in items]


@pytest.mark.parametrize(
    ("call", "name", "given", "output"),
    [
        (lambda: plain(1), "plain", {"a": 1}, 3),
        (lambda: asyncio.run(coroutine(4)), "named", {"a": 4}, 8),
        (lambda: list(generator(3)), "generator", {"n": 3}, [0, 1, 2]),
        (lambda: asyncio.run(collect(async_generator(2))), "async_generator", {"n": 2}, [0, 1]),
    ],
)
def test_a_decorated_function_of_any_kind_keeps_arguments_and_result(tracing, call, name, given, output):
    assert call() == output

    span = sent_spans(tracing)[0]
    assert (span.name, span.input, span.output) == (name, given, output)


def test_arguments_and_result_can_be_left_out(tracing):
    @trace_function(capture_args=False, capture_result=False)
    def secretive(password: str) -> str:
        return password

    assert secretive("hunter2") == "hunter2"
    span = sent_spans(tracing)[0]
    assert (span.input, span.output) == (None, None)


def test_an_agent_execution_tells_role_task_and_model(tracing):
    with trace_agent_execution("planner", "plans", "plan a trip", {"to": "Recife"}, "gpt-5-mini"):
        pass

    span = sent_spans(tracing)[0]
    assert (span.type, span.input, span.metadata("agent_role")) == ("agent", {"to": "Recife"}, "plans")


def test_what_begins_inside_of_metadata_carries_it(tracing):
    with trace_with_metadata("ana", "s", ["a"], {"k": "v"}), trace_with_metadata(tags=["b"]), trace_span("x"):
        pass

    marks = sent_spans(tracing)[0].attributes
    assert (marks["user.id"], marks["session.id"], marks["langfuse.trace.tags"]) == ("ana", "s", ["a", "b"])
    assert marks["langfuse.trace.metadata.k"] == '"v"'


def test_a_handler_made_inside_of_metadata_carries_it(tracing):
    with trace_with_metadata("ana", "s"):
        handler = create_handler(tracing=tracing)
    RunnableLambda(lambda x: x).invoke("oi", {"callbacks": [handler]})

    assert sent_spans(tracing)[0].attributes["user.id"] == "ana"


def test_a_model_call_tells_the_template_it_was_made_from(tracing):
    model = GenericFakeChatModel(messages=iter([AIMessage("hi")]))
    with trace_with_prompt_template("Translate: {{text}} to {{lang}}", 2, {"text": "oi"}) as prompt:
        model.invoke(prompt, {"callbacks": [create_handler(tracing=tracing)]})

    span = sent_spans(tracing)[0]
    assert span.input[0]["content"] == "Translate: oi to {{lang}}"
    assert (span.metadata("prompt_template"), span.metadata("prompt_version")) == (
        "Translate: {{text}} to {{lang}}",
        "2",
    )


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_model_call_inside_a_propagated_langfuse_prompt_is_linked_to_it(tracing, is_async):
    model = GenericFakeChatModel(messages=iter([AIMessage("hi")]))
    prompt = {"name": "greeting", "version": 3}

    def helper(state: MessagesState) -> dict[str, Any]:
        with propagate_attributes(prompt=prompt):
            return {"messages": [model.invoke("oi")]}

    async def ahelper(state: MessagesState) -> dict[str, Any]:
        with propagate_attributes(prompt=prompt):
            return {"messages": [await model.ainvoke("oi")]}

    graph, config = node_graph(helper, ahelper), {"callbacks": [create_handler(tracing=tracing)]}
    given = {"messages": [HumanMessage("oi")]}
    asyncio.run(graph.ainvoke(given, config)) if is_async else graph.invoke(given, config)

    marks = next(span.attributes for span in sent_spans(tracing) if span.type == "generation")
    assert (marks["langfuse.observation.prompt.name"], marks["langfuse.observation.prompt.version"]) == ("greeting", 3)


def test_a_link_leads_to_a_span_of_another_trace(tracing):
    assert create_span_link("a" * 32, "b" * 16) is False
    with trace_span("x"):
        assert create_span_link("a" * 32, "b" * 16, {"why": "retry"})


def test_an_event_is_a_moment_below_the_current_span(tracing):
    with trace_span("x"):
        event("cache.hit", input={"k": 1}, level="WARNING")

    spans = sent_spans(tracing)
    assert tree(spans) == ["span x", ["event cache.hit WARNING"]]
    assert spans[1].start_ns == spans[1].end_ns


def test_with_tracing_off_everything_works_and_nothing_is_kept(home, monkeypatch):
    monkeypatch.setenv("LANGFUSE_ENABLED", "false")
    monkeypatch.setattr(client, "_default", [])
    with trace_with_metadata("ana"), trace_span("x") as span:
        event("e")
        assert (plain(1), create_span_link("a" * 32, "b" * 16), span.trace_id) == (3, False, None)
    assert not (home / "outbox.sqlite").exists()


def test_an_unknown_type_is_refused_by_name():
    with pytest.raises(InputError, match="no observation type 'llm'"):
        trace_span("x", as_type="llm")  # type: ignore[arg-type]


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(items[::2], items[1::2], strict=True))
