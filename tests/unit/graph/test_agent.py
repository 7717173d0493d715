from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, tool

from graph.context import Context
from graph.models import Models, ModelUnavailable
from graph.nodes import WARNING_EVENT
from tests.support.ollama import OllamaServer, Reply, call
from tests.unit.graph.conftest import Talk, tokens

Start = Callable[..., Talk]


@tool
def broken(city: str) -> str:
    """Fails always."""
    raise RuntimeError(f"no weather for {city}")


def kinds(talk: Talk) -> list[str]:
    return [type(message).__name__ for message in talk.messages]


def test_a_tool_loop_runs_until_the_model_answers(talk_to: Start) -> None:
    script = [
        Reply(tool_calls=[call("calculator", expression="17*23")]),
        Reply(tool_calls=[call("calculator", expression="391*2")]),
        "It is 782.",
    ]
    with OllamaServer(script, intents=["calculation"]) as ollama:
        talk = talk_to(ollama)
        assert talk.ask("twice 17*23?") == "It is 782."
    results = [message.text for message in talk.messages if isinstance(message, ToolMessage)]
    assert results == ["391", "782"]
    assert talk.state["intent"] == "calculation"
    assert kinds(talk) == ["HumanMessage", "AIMessage", "ToolMessage", "AIMessage", "ToolMessage", "AIMessage"]
    offered = [offer["function"]["name"] for offer in ollama.chats[0]["tools"]]
    assert offered == ["calculator", "current_datetime", "search_handbook"]


def test_the_answer_streams_token_by_token_and_the_classification_does_not(talk_to: Start) -> None:
    with OllamaServer(["One two three four."]) as ollama:
        events = talk_to(ollama).events("count")
    assert tokens(events) == ["One ", "two ", "three ", "four."]
    steps = [step for mode, data in events if mode == "updates" for step in data]
    assert steps == ["classify_intent", "agent", "post_process"]


def test_a_conversation_is_remembered_in_its_thread(talk_to: Start) -> None:
    with OllamaServer(["Hello Ana.", "You are Ana."]) as ollama:
        talk = talk_to(ollama)
        talk.ask("I am Ana")
        talk.ask("Who am I?")
    said = [(message["role"], message["content"]) for message in ollama.chats[1]["messages"][1:]]
    assert said == [("user", "I am Ana"), ("assistant", "Hello Ana."), ("user", "Who am I?")]


@pytest.mark.parametrize("nonsense", ["I would say it is a question", '{"intent": "poetry"}', "{", "[]", ""])
def test_an_unreadable_intent_is_a_warning_and_a_safe_intent_not_a_failure(talk_to: Start, nonsense: str) -> None:
    with OllamaServer(["Fine."], intents=[Reply([nonsense])]) as ollama:
        talk = talk_to(ollama)
        assert talk.ask("hi") == "Fine."
    assert talk.state["intent"] == "question"
    [(name, data, step)] = talk.recorder.events
    assert (name, step) == (WARNING_EVENT, "classify_intent")
    assert "no readable intent" in data["message"]
    assert not [kind for kind, _ in talk.recorder.heard if kind.endswith("error")]


@pytest.mark.parametrize("readable", ['{"intent": "time"}', "time", '```json\n{"intent": "time"}\n```'])
def test_an_intent_is_read_from_json_or_a_bare_word(talk_to: Start, readable: str) -> None:
    with OllamaServer(["Fine."], intents=[Reply([readable])]) as ollama:
        talk = talk_to(ollama)
        talk.ask("hi")
    assert talk.state["intent"] == "time"
    assert talk.recorder.events == []


def test_the_intent_and_the_locale_steer_the_system_prompt(talk_to: Start) -> None:
    with OllamaServer(["ok"], intents=["calculation", "chat"]) as ollama:
        talk = talk_to(ollama)
        talk.context = Context(locale="en", time_zone="Europe/Lisbon")
        talk.ask("2+2")
        talk.ask("hi")
    first, second = (chat["messages"][0]["content"] for chat in ollama.chats)
    assert "call the calculator" in first
    assert "makes conversation" in second
    assert "answer in English" in first
    assert "Time zone: Europe/Lisbon" in first


def test_a_prompt_of_ones_own_replaces_the_system_prompt(talk_to: Start) -> None:
    with OllamaServer(["Arr."]) as ollama:
        talk_to(ollama, prompt="You are a pirate.").ask("hi")
    system = ollama.chats[0]["messages"][0]["content"]
    assert system.startswith("You are a pirate.")
    assert "assistant of Calango" not in system


def test_the_caller_chooses_the_model_of_a_turn(way: str) -> None:
    with OllamaServer(["From llama."]) as ollama:
        talk = Talk(way, Models("offline", ollama_base_url=ollama.base_url))
        talk.context = Context(model="ollama:llama3.1:8b")
        assert talk.ask("hi") == "From llama."
        talk.context = Context(model="ollama:llama3.1:8b", intent_model="offline")
        talk.ask("2+2")
    assert [bool(request.get("format")) for request in ollama.requests] == [True, False, False]
    assert talk.state["intent"] == "calculation"


@pytest.mark.parametrize(
    ("made", "told", "heard"),
    [
        (call("broken", city="Faro"), "RuntimeError: no weather for Faro", ["RuntimeError"]),
        (call("broken", town="Faro"), "city: Field required", ["ValidationError"]),
        (call("calculator", expression="1/0"), "division by zero is not defined", ["ToolException"]),
        (call("nothing"), "nothing is not a valid tool", []),  # no such tool: LangChain starts none, so none can fail
    ],
)
def test_a_tool_that_fails_is_told_to_the_model_and_the_turn_goes_on(
    talk_to: Start, made: dict[str, Any], told: str, heard: list[str]
) -> None:
    tools: list[BaseTool] = [broken]
    with OllamaServer([Reply(tool_calls=[made]), "I could not find out."]) as ollama:
        talk = talk_to(ollama, tools=tools)
        assert talk.ask("what is the weather?") == "I could not find out."
    [result] = [message for message in talk.messages if isinstance(message, ToolMessage)]
    assert result.status == "error"
    assert told in result.text
    assert told in ollama.chats[1]["messages"][-1]["content"]
    assert talk.recorder.of("tool_error") == heard
    assert talk.recorder.of("tool_end") == []
    assert talk.recorder.of("chain_error") == []


def test_a_tool_of_the_same_name_replaces_a_built_in_one(talk_to: Start) -> None:
    @tool
    def calculator(expression: str) -> str:
        """Another one."""
        return "about 5"

    with OllamaServer([Reply(tool_calls=[call("calculator", expression="2+2")]), "ok"]) as ollama:
        talk = talk_to(ollama, tools=[calculator])
        talk.ask("2+2")
    assert talk.messages[2].text == "about 5"


@pytest.mark.parametrize(("question", "sentence"), [("why?", "gave no answer"), ("por que não?", "não deu resposta")])
def test_an_empty_answer_becomes_a_sentence_that_says_so(talk_to: Start, question: str, sentence: str) -> None:
    with OllamaServer([Reply([" \n"])]) as ollama:
        talk = talk_to(ollama)
        assert sentence in talk.ask(question)
    assert kinds(talk) == ["HumanMessage", "AIMessage"]


def test_an_answer_loses_its_outer_blanks(talk_to: Start) -> None:
    with OllamaServer([Reply(["\n Fine", ". \n"])]) as ollama:
        assert talk_to(ollama).ask("how?") == "Fine."


def test_a_long_conversation_is_trimmed_to_the_context_in_whole_exchanges(talk_to: Start) -> None:
    script = [
        reply
        for number in range(6)
        for reply in (Reply(tool_calls=[call("calculator", expression=f"{number}+1")]), f"{number} " + "word " * 80)
    ]
    with OllamaServer(script) as ollama:
        talk = talk_to(ollama, context_tokens=2048)
        for number in range(6):
            talk.ask(f"question {number} " + "blah " * 60)
    assert len(talk.messages) == 24
    for chat in ollama.chats:
        system, first, *rest = chat["messages"]
        assert system["role"] == "system"
        assert first["role"] == "user"
        assert any(message.get("content", "").startswith("question") for message in (first, *rest))
        assert sum(len(message.get("content", "")) for message in chat["messages"]) < 2048 * 3
        calls = sum(len(message.get("tool_calls") or ()) for message in rest)
        assert calls == sum(message["role"] == "tool" for message in rest)
    latest = ollama.chats[-1]["messages"]
    assert not any("question 0" in message.get("content", "") for message in latest)
    assert any("question 5" in message.get("content", "") for message in latest)
    assert talk.recorder.events == []


def test_a_message_longer_than_the_context_loses_its_middle_with_a_warning(talk_to: Start) -> None:
    with OllamaServer(["ok"]) as ollama:
        talk = talk_to(ollama, context_tokens=1024)
        talk.ask("START " + "x" * 50_000 + " END")
    [sent] = [message["content"] for message in ollama.chats[0]["messages"] if message["role"] == "user"]
    assert sent.startswith("START ")
    assert sent.endswith(" END")
    assert len(sent) < 4000
    assert [(name, step) for name, _, step in talk.recorder.events] == [(WARNING_EVENT, "agent")]
    assert len(talk.messages[0].text) > 50_000


def test_a_model_that_fails_ends_the_turn_with_what_to_do(talk_to: Start) -> None:
    with OllamaServer([Reply("half an", fault="error")]) as ollama:
        talk = talk_to(ollama)
        with pytest.raises(ModelUnavailable, match="runner has unexpectedly stopped"):
            talk.ask("hi")
    assert isinstance(talk.messages[-1], HumanMessage)


def test_one_turn_makes_one_span_for_each_step_and_call(talk_to: Start) -> None:
    with OllamaServer([Reply(tool_calls=[call("calculator", expression="2+2")]), "4"]) as ollama:
        talk = talk_to(ollama)
        talk.ask("2+2")
    heard = [entry for entry in talk.recorder.heard if entry[0].endswith("start")]
    assert heard == [
        ("chain_start", "LangGraph"),
        ("chain_start", "classify_intent"),
        ("model_start", "intent_model"),
        ("chain_start", "agent"),
        ("model_start", "ChatOllama"),
        ("chain_start", "tools_or_answer"),
        ("chain_start", "tools"),
        ("tool_start", "calculator"),
        ("chain_start", "agent"),
        ("model_start", "ChatOllama"),
        ("chain_start", "tools_or_answer"),
        ("chain_start", "post_process"),
    ]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_it_answers_without_streaming_too(way: str) -> None:
    with OllamaServer(["Hello."]) as ollama:
        talk = Talk(way, Models("ollama:llama3.1:8b", ollama_base_url=ollama.base_url))
        assert talk.ask("hi") == "Hello."
    assert isinstance(talk.messages[-1], AIMessage)


def test_it_runs_without_a_context_and_without_callbacks() -> None:
    from graph.build import make_graph

    graph = make_graph().compile()
    assert graph.invoke({"messages": [("user", "2+2")]})["messages"][-1].text == "2 + 2 = 4"
    assert graph.invoke({"messages": [("user", "???")]}, context={"locale": "en"})["messages"][-1].text.startswith(
        "I c"
    )
