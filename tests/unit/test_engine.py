"""One turn, however it goes: the real graph, the real Ollama client, and a server that speaks Ollama's protocol."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.graph import MessagesState

from calango.engine import CalangoEngine
from calango.errors import InputError
from calango.ids import trace_id_for
from calango.loader import LoadedGraph, bundled_attr, load_graph
from calango.records import Done, Event, Interrupt, Token, ToolCall, ToolResult, TurnResult, Usage
from calango.tracing import Tracing
from calango.tracing.encoding import messages_in
from tests.support.graphs import asking_graph, graph_of
from tests.support.ollama import OllamaServer, Reply, call
from tests.support.servers import eventually, settings_for
from tests.support.tracing import SentSpan, sent_spans, tree, unsent_tracing

MODEL = "llama3.1:8b"


@pytest.fixture
def tracing(home: Path) -> Generator[Tracing]:
    made = unsent_tracing(home)
    yield made
    made.close(0)


@pytest.fixture
def with_engine(home: Path, tracing: Tracing) -> Iterator[Callable[..., CalangoEngine]]:
    """Builds engines that are closed after the test."""
    engines: list[CalangoEngine] = []

    def build(graph: LoadedGraph | None = None, *, traced: bool = True, **values: Any) -> CalangoEngine:
        settings = settings_for(home, **values)
        loaded = graph or load_graph(None, {"models": bundled_attr("models:Models")("offline")})
        engines.append(CalangoEngine(loaded, settings, tracing=tracing if traced else None))
        return engines[-1]

    yield build
    for engine in engines:
        engine.close()


def ollama_graph(ollama: OllamaServer, **options: Any) -> LoadedGraph:
    models = bundled_attr("models:Models")(f"ollama:{MODEL}", ollama_base_url=ollama.base_url, **options)
    return load_graph(None, {"models": models})


@contextmanager
def running(engine: CalangoEngine, text: str, until: Callable[[Event], bool], **options: Any) -> Iterator[list[Event]]:
    """A turn in a thread of its own; entered when the first event that `until` likes has come."""
    events: list[Event] = []
    reached = threading.Event()

    def consume() -> None:
        for event in engine.stream(text, **options):
            events.append(event)
            if until(event):
                reached.set()
        reached.set()

    thread = threading.Thread(target=consume)
    thread.start()
    assert reached.wait(20)
    yield events
    thread.join(20)
    assert not thread.is_alive()


def result_of(events: list[Event]) -> TurnResult:
    assert isinstance(events[-1], Done)
    return events[-1].result


def thread_messages(engine: CalangoEngine, session_id: str) -> list[Any]:
    return messages_in(engine.state(session_id).values)


def test_a_turn_yields_tokens_and_tools_and_ends_with_its_result(with_engine):
    events = list(with_engine().stream("quanto é 17*23?", session_id="s", user_id="ana", message_id="m"))

    result = result_of(events)
    assert "".join(event.text for event in events if isinstance(event, Token)) == "17 * 23 = 391" == result.content
    assert [event.name for event in events if isinstance(event, ToolCall)] == ["calculator"]
    assert [event.content for event in events if isinstance(event, ToolResult)] == ["391"]
    assert (result.session_id, result.user_id, result.message_id, result.status) == ("s", "ana", "m", "ok")


def test_the_trace_id_follows_from_session_and_message(with_engine):
    result = with_engine().run("oi", session_id="s", message_id="m")

    assert result.trace_id == trace_id_for("s", "m")


def test_the_result_tells_model_usage_and_times(with_engine):
    result = with_engine().run("quanto é 2+2?")

    assert result.model == "calango-offline"
    assert result.usage is not None
    assert result.usage.input > result.usage.output > 0
    assert result.time_to_first_token_ms is not None
    assert 0 < result.time_to_first_token_ms <= result.latency_ms


def test_the_next_turn_remembers_the_one_before(with_engine):
    engine = with_engine()
    engine.run("quanto é 17*23?", session_id="s")

    assert "782" in engine.run("e o dobro disso?", session_id="s").content


def test_all_four_ways_to_run_a_turn_give_the_same_trace(with_engine, tracing):
    engine = with_engine()

    async def last_of_astream() -> TurnResult:
        return [e.result async for e in engine.astream("quanto é 17*23?", session_id="d") if isinstance(e, Done)][-1]

    results = [
        engine.run("quanto é 17*23?", session_id="a"),
        result_of(list(engine.stream("quanto é 17*23?", session_id="b"))),
        asyncio.run(engine.arun("quanto é 17*23?", session_id="c")),
        asyncio.run(last_of_astream()),
    ]

    spans = sent_spans(tracing)
    trees = [tree([span for span in spans if span.trace_id == result.trace_id]) for result in results]
    assert trees == [trees[0]] * 4


def test_a_trace_has_the_whole_turn_below_one_root(with_engine, tracing):
    with_engine().run("quanto é 17*23?")

    assert tree(sent_spans(tracing)) == [
        "agent calango-turn",
        [
            "chain calango",
            [
                "chain classify_intent",
                ["generation intent_model"],
                "agent agent",
                ["generation OfflineChatModel", "chain tools_or_answer"],
                "chain tools",
                ["tool calculator"],
                "agent agent",
                ["generation OfflineChatModel", "chain tools_or_answer"],
                "chain post_process",
            ],
        ],
    ]


def test_the_root_carries_the_question_and_the_answer(with_engine, tracing):
    with_engine().run("quanto é 17*23?")

    root = sent_spans(tracing)[0]
    assert (root.input, root.output) == ("quanto é 17*23?", "17 * 23 = 391")


def test_every_observation_carries_session_user_tags_and_trace_name(with_engine, tracing):
    with_engine().run("quanto é 17*23?", session_id="s", user_id="ana", tags=["a", "b"])

    marks = [
        (s.attributes["session.id"], s.attributes["user.id"], s.attributes["langfuse.trace.tags"],
         s.attributes["langfuse.trace.name"])
        for s in sent_spans(tracing)
    ]  # fmt: skip
    assert marks == [("s", "ana", ["a", "b"], "calango-turn")] * 13


def test_chain_spans_carry_only_what_is_new_and_how_much_came_before(with_engine, tracing):
    engine = with_engine()
    engine.run("quanto é 17*23?", session_id="s")
    second = engine.run("quanto é 2+2?", session_id="s")

    spans = [span for span in sent_spans(tracing) if span.trace_id == second.trace_id]
    node = next(span for span in spans if span.name == "classify_intent")
    assert node.input["messages_before"] == 4
    assert [message["content"] for message in node.input["messages"]] == ["quanto é 2+2?"]


def test_generations_carry_their_full_prompt_model_and_usage(with_engine, tracing):
    with OllamaServer(replies=["Oi!"]) as ollama:
        engine = with_engine(ollama_graph(ollama))
        engine.run("oi", session_id="s")
        engine.run("de novo", session_id="s")

    last = [span for span in sent_spans(tracing) if span.type == "generation"][-1]
    assert [message["role"] for message in last.input] == ["system", "user", "assistant", "user"]
    assert last.attributes["langfuse.observation.model.name"] == MODEL
    assert last.attributes["langfuse.observation.model.parameters"] == '{"num_ctx":8192}'
    assert last.usage == {"input": 26, "output": 7, "total": 33}
    assert last.metadata("ollama")["tokens_per_second"] > 0


def test_usage_is_estimated_where_ollama_leaves_the_prompt_count_out(with_engine):
    with OllamaServer(replies=[Reply("Oi!", prompt_eval_count=None)]) as ollama:
        result = with_engine(ollama_graph(ollama)).run("oi")

    assert result.usage is not None
    assert result.usage.estimated


def test_reasoning_is_kept_apart_from_the_answer(with_engine, tracing):
    with OllamaServer(replies=[Reply("391", thinking="17 times 23")], intents=["other"]) as ollama:
        result = with_engine(ollama_graph(ollama)).run("17*23?")

    answer = [span for span in sent_spans(tracing) if span.type == "generation"][-1].output
    assert (result.content, answer["content"]) == ("391", "391")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        pytest.param(Reply(status=404, error="model 'x' not found"), f"ollama pull {MODEL}", id="model not pulled"),
        pytest.param(Reply(["half "], fault="error"), "Ollama failed with", id="error in mid-stream"),
        pytest.param(Reply(["half "], fault="cut"), "broke before the answer was complete", id="cut connection"),
        pytest.param(Reply(["half "], fault="silence"), "was silent for 0.5 seconds", id="silence"),
    ],
)
def test_a_model_failure_is_an_error_turn_that_says_what_to_do(with_engine, tracing, reply, told):
    with OllamaServer(replies=[reply]) as ollama:
        result = with_engine(ollama_graph(ollama, timeout_s=0.5)).run("oi")

    assert result.status == "error"
    assert told in (result.error or "")
    root = sent_spans(tracing)[0]
    assert (root.trace_id, root.level, root.is_error) == (result.trace_id, "ERROR", True)


def test_ollama_that_is_down_is_an_error_turn_that_says_so(with_engine):
    models = bundled_attr("models:Models")(f"ollama:{MODEL}", ollama_base_url="http://127.0.0.1:9")
    result = with_engine(load_graph(None, {"models": models})).run("oi")

    assert "Ollama does not answer at http://127.0.0.1:9" in (result.error or "")


def test_after_a_failed_turn_the_thread_has_no_two_questions_in_a_row(with_engine):
    with OllamaServer(replies=[Reply(["half "], fault="cut"), "fine"]) as ollama:
        engine = with_engine(ollama_graph(ollama))
        engine.run("first", session_id="s")
        engine.run("second", session_id="s")

    assert [message.type for message in thread_messages(engine, "s")] == ["human", "ai", "human", "ai"]


def test_a_failing_tool_is_an_error_observation_and_the_agent_goes_on(with_engine, tracing):
    replies = [Reply(tool_calls=[call("calculator", expression="1/0")]), "Não dá."]
    with OllamaServer(replies=replies, intents=["calculation"]) as ollama:
        result = with_engine(ollama_graph(ollama)).run("1/0?")

    tool = next(span for span in sent_spans(tracing) if span.type == "tool")
    assert (result.status, result.content, tool.level) == ("ok", "Não dá.", "ERROR")


def test_a_tool_that_does_not_exist_is_an_error_where_it_was_called(with_engine, tracing):
    with OllamaServer(replies=[Reply(tool_calls=[call("teleport", to="Recife")]), "Não dá."]) as ollama:
        result = with_engine(ollama_graph(ollama)).run("leve-me")

    node = next(span for span in sent_spans(tracing) if span.name == "tools")
    assert (result.status, node.level) == ("ok", "ERROR")


def test_an_unreadable_intent_is_a_warning_and_no_failure(with_engine, tracing):
    with OllamaServer(replies=["Oi!"], intents=["no idea"]) as ollama:
        result = with_engine(ollama_graph(ollama)).run("oi")

    node = next(span for span in sent_spans(tracing) if span.name == "classify_intent")
    assert (result.status, node.level) == ("ok", "WARNING")
    assert "no readable intent" in (node.status_message or "")


def test_too_many_steps_end_the_turn_with_the_setting_to_raise(with_engine):
    loop = Reply(tool_calls=[call("calculator", expression="1+1")])
    with OllamaServer(replies=[loop], intents=["calculation"]) as ollama:
        result = with_engine(ollama_graph(ollama), recursion_limit=6).run("again and again")

    assert result.status == "error"
    assert "CALANGO_RECURSION_LIMIT" in (result.error or "")


def test_stopping_in_mid_answer_keeps_what_was_said_in_trace_and_thread(with_engine, tracing):
    gate = threading.Event()
    with OllamaServer(replies=[Reply(["Era ", "uma vez"], gate=gate)], intents=["chat"]) as ollama:
        engine = with_engine(ollama_graph(ollama))
        with running(engine, "conte", lambda e: isinstance(e, Token), session_id="s") as events:
            assert engine.stop("s")
        gate.set()

    result = result_of(events)
    assert (result.status, result.content, result.error) == ("cancelled", "Era ", None)
    assert [(m.type, m.content) for m in thread_messages(engine, "s")] == [("human", "conte"), ("ai", "Era ")]
    spans = sent_spans(tracing)
    assert {span.level for span in spans} == {"DEFAULT", "WARNING"}
    stopped = [span for span in spans if span.type == "generation"][-1]
    assert (stopped.level, stopped.output) == ("WARNING", {"role": "assistant", "content": "Era "})


def test_stopping_before_the_first_token_ends_the_turn_at_once(with_engine):
    with OllamaServer(replies=[Reply([], fault="silence")], intents=["chat"]) as ollama:
        engine = with_engine(ollama_graph(ollama))
        with running(engine, "oi", lambda e: getattr(e, "node", "") == "agent", session_id="s") as events:
            assert eventually(lambda: ollama.chats)
            engine.stop("s")

    assert result_of(events).status == "cancelled"
    assert [m.type for m in thread_messages(engine, "s")] == ["human", "ai"]


def test_stopping_in_a_tool_answers_its_open_call_so_that_the_next_turn_can_follow(with_engine):
    inside, leave = threading.Event(), threading.Event()

    def ask_tool(_: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("", tool_calls=[{"name": "slow", "args": {}, "id": "c1"}])]}

    def slow(_: MessagesState) -> dict[str, Any]:
        inside.set()
        leave.wait(20)
        return {"messages": [ToolMessage("late", tool_call_id="c1")]}

    engine = with_engine(graph_of(ask=ask_tool, tools=slow))
    with running(engine, "oi", lambda e: getattr(e, "node", "") == "tools", session_id="s") as events:
        assert inside.wait(20)
        engine.stop("s")
        leave.set()

    assert result_of(events).status == "cancelled"
    assert [m.type for m in thread_messages(engine, "s")] == ["human", "ai", "tool", "ai"]


def test_leaving_a_stream_early_stops_its_turn(with_engine, tracing):
    gate = threading.Event()
    with OllamaServer(replies=[Reply(["Era ", "uma vez"], gate=gate)], intents=["chat"]) as ollama:
        engine = with_engine(ollama_graph(ollama))
        for event in engine.stream("conte", session_id="s"):
            if isinstance(event, Token):
                break
        assert eventually(lambda: len(thread_messages(engine, "s")) == 2)
        gate.set()

    assert sent_spans(tracing)[0].level == "WARNING"


def test_cancelling_an_async_caller_stops_its_turn(with_engine):
    gate = threading.Event()

    async def ask_and_give_up(engine: CalangoEngine) -> None:
        reached = asyncio.Event()

        async def ask() -> None:
            async for event in engine.astream("conte", session_id="s"):
                if isinstance(event, Token):
                    reached.set()

        task = asyncio.create_task(ask())
        await asyncio.wait_for(reached.wait(), 20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with OllamaServer(replies=[Reply(["Era ", "uma vez"], gate=gate)], intents=["chat"]) as ollama:
        engine = with_engine(ollama_graph(ollama))
        asyncio.run(ask_and_give_up(engine))
        gate.set()

    assert thread_messages(engine, "s")[-1].content == "Era "


def test_an_interrupt_asks_the_person_and_the_answer_goes_on_in_the_same_trace(with_engine, tracing):
    engine = with_engine(asking_graph())
    asked = list(engine.stream("book", session_id="s"))
    answered = engine.resume("s", "Friday")

    assert [event.value for event in asked if isinstance(event, Interrupt)] == ["Which day?"]
    assert (result_of(asked).status, result_of(asked).content) == ("interrupted", "Which day?")
    assert (answered.status, answered.content) == ("ok", "Booked for Friday.")
    assert answered.trace_id == result_of(asked).trace_id
    assert tree(sent_spans(tracing)) == [
        "agent calango-turn",
        ["chain mine", ["chain ask"], "span waiting-for-person", "agent calango-resume", ["chain mine", ["chain ask"]]],
    ]


def test_an_interrupted_turn_can_be_answered_after_a_restart(with_engine):
    first = with_engine(asking_graph())
    asked = first.run("book", session_id="s")
    first.close()
    answered = with_engine(asking_graph()).resume("s", "Friday")

    assert (answered.content, answered.trace_id) == ("Booked for Friday.", asked.trace_id)


def test_a_session_that_does_not_wait_refuses_an_answer(with_engine):
    engine = with_engine()
    engine.run("oi", session_id="s")

    with pytest.raises(InputError, match="does not wait"):
        engine.resume("s", "what?")


def test_an_untraced_turn_has_everything_but_a_trace(with_engine, tracing):
    result = with_engine(traced=False).run("quanto é 2+2?")

    assert (result.status, result.trace_id, result.model) == ("ok", None, "calango-offline")
    assert isinstance(result.usage, Usage)
    assert sent_spans(tracing) == []


def test_fifty_users_on_one_event_loop_never_share_a_session_user_or_tag(with_engine, tracing):
    engine = with_engine()

    async def talk(n: int) -> list[TurnResult]:
        about = {"session_id": f"s{n}", "user_id": f"u{n}", "tags": [f"t{n}"]}
        return [await engine.arun(f"quanto é {n}+{turn}?", **about) for turn in range(20)]

    async def all_at_once() -> list[list[TurnResult]]:
        return await asyncio.gather(*(talk(n) for n in range(50)))

    conversations = asyncio.run(all_at_once())
    spans: dict[str, list[SentSpan]] = {}
    for span in sent_spans(tracing):
        spans.setdefault(span.trace_id, []).append(span)
    for n, results in enumerate(conversations):
        assert [result.content for result in results] == [f"{n} + {turn} = {n + turn}" for turn in range(20)]
        own = [span for result in results for span in spans[result.trace_id or ""]]
        assert {
            (s.attributes["session.id"], s.attributes["user.id"], *s.attributes["langfuse.trace.tags"]) for s in own
        } == {(f"s{n}", f"u{n}", f"t{n}")}
        assert len(own) == 20 * 13


def test_fifty_users_on_fifty_threads_never_share_a_session_user_or_tag(with_engine, tracing):
    engine = with_engine()

    def talk(n: int) -> None:
        for turn in range(20):
            engine.run(f"quanto é {n}+{turn}?", session_id=f"s{n}", user_id=f"u{n}", tags=[f"t{n}"])

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(talk, range(50)))
    marks: dict[str, set[tuple[str, ...]]] = {}
    for span in sent_spans(tracing):
        own = (span.attributes["session.id"], span.attributes["user.id"], *span.attributes["langfuse.trace.tags"])
        marks.setdefault(span.trace_id, set()).add(own)
    assert len(marks) == 1000
    assert {len(own) for own in marks.values()} == {1}
    assert {mark for own in marks.values() for mark in own} == {(f"s{n}", f"u{n}", f"t{n}") for n in range(50)}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"text": "  "}, "message is empty"),
        ({"text": "x" * 1_000_000}, "1000000 characters; 100000 are allowed"),
        ({"text": "a\x00b"}, "no valid text"),
        ({"text": "\ud800"}, "no valid text"),
        ({"text": "oi", "session_id": "x" * 201}, "session_id has 201 characters"),
        ({"text": "oi", "session_id": 5}, "session_id must be text, not int"),
        ({"text": "oi", "user_id": "a\u202eb"}, r"user_id contains the control character U\+202E"),
        ({"text": "oi", "tags": [""]}, "tag is empty"),
        ({"text": "oi", "message_id": "a\nb"}, "message_id contains the control character"),
    ],
)
def test_bad_input_is_refused_by_name_before_anything_happens(with_engine, tracing, options, told):
    text = options.pop("text")

    with pytest.raises(InputError, match=told):
        with_engine().run(text, **options)
    assert sent_spans(tracing) == []


@pytest.mark.parametrize("hostile", ["../../etc/passwd", "'; DROP TABLE checkpoints; --", "<script>alert(1)</script>"])
def test_hostile_ids_are_only_text(with_engine, hostile):
    engine = with_engine()
    engine.run("quanto é 17*23?", session_id=hostile, user_id=hostile)

    assert [s.session_id for s in engine.sessions(hostile, 10)] == [hostile]
    assert len([m for m in thread_messages(engine, hostile) if isinstance(m, HumanMessage)]) == 1
