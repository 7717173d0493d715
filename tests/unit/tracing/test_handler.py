"""The handler of the factory on graphs that are not ours, run in every way LangChain has."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langfuse import get_client, observe
from langfuse.langchain import CallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import RetryPolicy, Send

from calango.errors import InputError
from calango.ids import trace_id_for
from calango.loader import bundled_attr
from calango.tracing import CalangoHandler, Tracing, create_handler
from calango.tracing.shared import SharedHandler
from tests.support.tracing import sent_spans, tree, unsent_tracing

OfflineChatModel = bundled_attr("offline:OfflineChatModel")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def tracing(home: Path) -> Generator[Tracing]:
    made = unsent_tracing(home)
    yield made
    made.close(0)


def chatty_graph(**compiled: Any) -> Any:
    """A graph with a model call, whose nodes work in sync and async runs."""
    model = GenericFakeChatModel(messages=iter(AIMessage(f"Answer {n}") for n in range(1000)))

    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    async def aanswer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", RunnableLambda(answer, aanswer))
    graph.add_edge(START, "answer")
    return graph.compile(**compiled)


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


WAYS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "invoke": lambda graph, given, config: graph.invoke(given, config),
    "stream": lambda graph, given, config: list(graph.stream(given, config)),
    "ainvoke": lambda graph, given, config: asyncio.run(graph.ainvoke(given, config)),
    "astream": lambda graph, given, config: asyncio.run(drain(graph.astream(given, config))),
    "astream_events": lambda graph, given, config: asyncio.run(
        drain(graph.astream_events(given, config, version="v2"))
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_run_a_graph_gives_the_same_complete_trace(tracing, way):
    handler = create_handler(session_id="s", user_id="ana", tags=["t"], trace_id=TRACE_ID, tracing=tracing)
    WAYS[way](chatty_graph(), {"messages": [HumanMessage("oi")]}, {"callbacks": [handler]})

    spans = sent_spans(tracing)
    assert tree(spans) == [
        "chain LangGraph",
        ["chain answer", ["chain answer", ["generation GenericFakeChatModel"]]],
    ]
    marks = [
        (s.trace_id, s.attributes["session.id"], s.attributes["user.id"], s.attributes["langfuse.trace.tags"])
        for s in spans
    ]
    assert marks == [(TRACE_ID, "s", "ana", ["t"])] * 4
    assert (spans[0].input, spans[0].output, handler.open_runs) == ("oi", "Answer 0", 0)


def test_a_chosen_trace_id_gives_a_root_without_a_parent(tracing):
    handler = create_handler(trace_id=TRACE_ID, tracing=tracing)
    chatty_graph().invoke({"messages": [HumanMessage("oi")]}, {"callbacks": [handler]})

    assert sent_spans(tracing)[0].parent_id == ""


def test_without_a_chosen_trace_id_the_handler_tells_which_one_it_was(tracing):
    handler = create_handler(tracing=tracing)
    chatty_graph().invoke({"messages": [HumanMessage("oi")]}, {"callbacks": [handler]})

    assert handler.last_trace_id == sent_spans(tracing)[0].trace_id


def test_the_session_defaults_to_the_thread(tracing):
    handler = create_handler(tracing=tracing)
    config = {"callbacks": [handler], "configurable": {"thread_id": "thread-7"}}
    chatty_graph(checkpointer=InMemorySaver()).invoke({"messages": [HumanMessage("oi")]}, config)

    assert {span.attributes["session.id"] for span in sent_spans(tracing)} == {"thread-7"}


def test_what_the_caller_put_into_metadata_is_kept_and_langgraphs_own_notes_are_not(tracing):
    handler = create_handler(tracing=tracing, metadata={"variant": "B"})
    config = {"callbacks": [handler], "metadata": {"channel": "web"}, "configurable": {"api_token": "secret-token"}}
    chatty_graph().invoke({"messages": [HumanMessage("oi")]}, config)

    spans = sent_spans(tracing)
    assert spans[0].metadata("channel") == "web"
    assert {span.attributes["langfuse.trace.metadata.variant"] for span in spans} == {'"B"'}
    assert not [
        key for span in spans for key in span.attributes if "langgraph_triggers" in key or "checkpoint_ns" in key
    ]


def test_parallel_branches_hang_below_the_step_that_sent_them(tracing):
    class Fan(TypedDict):
        numbers: list[int]
        squares: Annotated[list[int], operator.add]

    graph = StateGraph(Fan)
    graph.add_node("square", lambda state: {"squares": [state["number"] ** 2]})
    graph.add_conditional_edges(
        START, lambda state: [Send("square", {"number": n}) for n in state["numbers"]], ["square"]
    )
    graph.add_edge("square", END)
    handler = create_handler(tracing=tracing)
    graph.compile().invoke({"numbers": [1, 2, 3], "squares": []}, {"callbacks": [handler]})

    spans = sent_spans(tracing)
    branches = [span for span in spans if span.name == "square"]
    assert sorted(span.output["squares"][0] for span in branches) == [1, 4, 9]
    assert {span.parent_id for span in branches} == {spans[0].span_id}


def test_a_subgraph_hangs_below_its_node(tracing):
    outer = StateGraph(MessagesState)
    outer.add_node("inner", chatty_graph())
    outer.add_edge(START, "inner")
    handler = create_handler(tracing=tracing)
    outer.compile().invoke({"messages": [HumanMessage("oi")]}, {"callbacks": [handler]})

    assert tree(sent_spans(tracing)) == [
        "chain LangGraph",
        ["chain inner", ["chain LangGraph", ["chain answer", ["chain answer", ["generation GenericFakeChatModel"]]]]],
    ]


def test_a_node_that_is_retried_shows_each_attempt(tracing):
    tries: list[int] = []

    def flaky(state: MessagesState) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("not yet")
        return {"messages": [AIMessage("now")]}

    graph = StateGraph(MessagesState)
    graph.add_node("flaky", flaky, retry_policy=RetryPolicy(initial_interval=0.001, max_interval=0.001, jitter=False))
    graph.add_edge(START, "flaky")
    handler = create_handler(tracing=tracing)
    graph.compile().invoke({"messages": [HumanMessage("oi")]}, {"callbacks": [handler]})

    attempts = [span for span in sent_spans(tracing) if span.name == "flaky"]
    assert sorted(span.level for span in attempts) == ["DEFAULT", "ERROR", "ERROR"]


def test_an_exception_marks_every_observation_it_passed_through(tracing):
    def broken(state: MessagesState) -> dict[str, Any]:
        raise ValueError("boom")

    graph = StateGraph(MessagesState)
    graph.add_node("broken", broken)
    graph.add_edge(START, "broken")
    with pytest.raises(ValueError, match="boom"):
        graph.compile().invoke({"messages": [HumanMessage("oi")]}, {"callbacks": [create_handler(tracing=tracing)]})

    assert {(span.level, span.status_message) for span in sent_spans(tracing)} == {("ERROR", "ValueError: boom")}


def test_a_tool_that_raises_is_an_error_observation(tracing):
    @tool
    def explode(how: str) -> str:
        """Explodes."""
        raise RuntimeError(how)

    with pytest.raises(RuntimeError):
        explode.invoke({"how": "loudly"}, {"callbacks": [create_handler(tracing=tracing)]})

    span = sent_spans(tracing)[0]
    assert (span.type, span.input, span.status_message) == ("tool", {"how": "loudly"}, "RuntimeError: loudly")


def test_streamed_generations_tell_when_the_first_token_came(tracing):
    model = GenericFakeChatModel(messages=iter([AIMessage("one two three")]))
    list(model.stream("oi", {"callbacks": [create_handler(tracing=tracing)]}))

    span = sent_spans(tracing)[0]
    assert "T" in span.attributes["langfuse.observation.completion_start_time"]


def test_the_tools_a_model_is_offered_are_told_once_a_turn_and_not_as_messages(tracing):
    @tool
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    model = OfflineChatModel().bind_tools([add])
    handler = create_handler(tracing=tracing)
    RunnableLambda(lambda text: [model.invoke(text), model.invoke(text)]).invoke("oi", {"callbacks": [handler]})

    first, second = (span for span in sent_spans(tracing) if span.type == "generation")
    assert (first.metadata("tools")[0]["function"]["name"], second.metadata("tools")) == ("add", None)
    assert [message["role"] for message in first.input] == ["user"]


def test_full_detail_reproduces_what_langfuses_own_handler_writes(home):
    stock_tracing, full = unsent_tracing(home), unsent_tracing(home, trace_detail="full")
    stock = CallbackHandler(public_key=stock_tracing.destination.public_key)
    graph, thread = chatty_graph(checkpointer=InMemorySaver()), {"thread_id": "t"}
    for _ in range(2):
        callbacks = [stock, create_handler(tracing=full)]
        graph.invoke({"messages": [HumanMessage("oi")]}, {"callbacks": callbacks, "configurable": thread})

    written = [
        [(span.name, span.input, span.output) for span in sent_spans(each) if span.name == "answer"]
        for each in (stock_tracing, full)
    ]
    for each in (stock_tracing, full):
        each.close(0)
    assert written[0] == written[1]
    assert len(written[0]) == 4


def test_an_abandoned_async_stream_leaves_no_run_open(tracing):
    handler = create_handler(tracing=tracing)

    async def take_one_chunk() -> None:
        model = GenericFakeChatModel(messages=iter([AIMessage("one two three")]))
        stream = model.astream("oi", {"callbacks": [handler]})
        assert isinstance(await anext(stream), AIMessageChunk)
        await stream.aclose()

    asyncio.run(take_one_chunk())
    handler.close()
    assert (handler.open_runs, sent_spans(tracing)[0].level) == (0, "WARNING")


def test_one_handler_on_two_runs_gives_two_traces(tracing):
    handler = create_handler(tracing=tracing)
    for _ in range(2):
        chatty_graph().invoke({"messages": [HumanMessage("oi")]}, {"callbacks": [handler]})

    assert len({span.trace_id for span in sent_spans(tracing)}) == 2


def test_other_custom_events_become_event_observations(tracing):
    from langchain_core.callbacks import dispatch_custom_event

    chain = RunnableLambda(lambda text: dispatch_custom_event("cache.hit", {"key": text}) or text)
    chain.invoke("k", {"callbacks": [create_handler(tracing=tracing)]})

    event = next(span for span in sent_spans(tracing) if span.type == "event")
    assert (event.name, event.input) == ("cache.hit", {"key": "k"})


def test_spans_of_the_sdk_itself_go_the_same_way(tracing):
    @observe(name="mine")
    def helper() -> str:
        return "done"

    helper(langfuse_public_key=tracing.destination.public_key)

    assert [span.name for span in sent_spans(tracing)] == ["mine"]
    assert get_client(public_key=tracing.destination.public_key) is not None


def test_with_tracing_off_the_handler_does_nothing(home, monkeypatch):
    monkeypatch.setenv("LANGFUSE_TRACING_ENABLED", "false")
    handler = create_handler(session_id="s")
    chatty_graph().invoke({"messages": [HumanMessage("oi")]}, {"callbacks": [handler]})

    assert (handler.last_trace_id, handler.ignore_chain, handler.ignore_llm) == (None, True, True)
    assert not (home / "outbox.sqlite").exists()


def test_a_payload_that_can_not_be_encoded_does_not_disturb_the_run(tracing):
    class Stubborn:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    result = RunnableLambda(lambda _: "fine").invoke(
        {"thing": Stubborn()}, {"callbacks": [create_handler(tracing=tracing)]}
    )

    assert (result, len(sent_spans(tracing))) == ("fine", 1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"trace_id": "abc"}, "trace id is malformed"),
        ({"trace_id": "0" * 32}, "trace id is malformed"),
        ({"session_id": ""}, "session_id is empty"),
        ({"user_id": "x" * 201}, "user_id has 201 characters"),
        ({"tags": ["ok", 5]}, "tag must be text"),
    ],
)
def test_what_langfuse_would_drop_is_refused_by_name(tracing, options, told):
    with pytest.raises(InputError, match=told):
        create_handler(tracing=tracing, **options)


def test_it_is_a_langfuse_callback_handler(tracing):
    from langfuse.langchain import CallbackHandler

    assert isinstance(create_handler(tracing=tracing), CallbackHandler)
    assert issubclass(CalangoHandler, CallbackHandler)


@pytest.mark.parametrize("given", [HumanMessage("oi", id="m1"), {"type": "human", "content": "oi"}, ("user", "oi")])
def test_a_derived_trace_id_is_the_one_that_the_threads_history_leads_to(tracing, given):
    graph = chatty_graph(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "thread-7"}}
    handler = create_handler(derive_trace_id=True, tracing=tracing)
    graph.invoke({"messages": [given]}, {**config, "callbacks": [handler]})

    asked = graph.get_state(config).values["messages"][0]
    spans = sent_spans(tracing)
    assert {span.trace_id for span in spans} == {trace_id_for("thread-7", asked.id)}
    assert tree(spans)[0] == "chain LangGraph"
    assert (spans[0].input, spans[0].output) == ("oi", "Answer 0")


def test_a_derived_trace_id_is_another_one_in_the_next_turn(tracing):
    graph = chatty_graph(checkpointer=InMemorySaver())
    handler = create_handler(derive_trace_id=True, tracing=tracing)
    for _ in range(2):
        config = {"configurable": {"thread_id": "thread-7"}, "callbacks": [handler]}
        graph.invoke({"messages": [("user", "oi")]}, config)

    roots = [span for span in sent_spans(tracing) if span.name == "LangGraph"]
    assert len({span.trace_id for span in roots}) == 2


def test_many_threads_on_one_shared_handler_never_mix(tracing):
    shared = SharedHandler(lambda: create_handler(derive_trace_id=True, tracing=tracing))
    graph = chatty_graph(checkpointer=InMemorySaver()).with_config(callbacks=[shared])

    async def all_at_once() -> None:
        given = {"messages": [("user", "oi")]}
        await asyncio.gather(*(graph.ainvoke(given, {"configurable": {"thread_id": f"t{n}"}}) for n in range(30)))

    asyncio.run(all_at_once())
    sessions: dict[str, set[str]] = {}
    for span in sent_spans(tracing):
        sessions.setdefault(span.trace_id, set()).add(span.attributes["session.id"])
    assert sorted(map(sorted, sessions.values())) == sorted([f"t{n}"] for n in range(30))
    assert shared.open_runs == 0
