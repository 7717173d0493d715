from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from graph.build import make_graph
from graph.context import Context
from graph.models import Models
from graph.nodes import Intent
from graph.offline import OfflineChatModel, respond
from graph.tools import builtin_tools
from tests.unit.graph.conftest import Talk, tokens

Start = Callable[..., Talk]


@pytest.mark.parametrize(
    ("turns", "answers"),
    [
        (["quanto é 17*23?", "e o dobro disso?", "e dividido por 4?"], ["391", "2 * 391 = 782", "782 / 4 = 195,5"]),
        (["what is 17 x 23?", "and twice that?", "and divided by 4?"], ["391", "782", "782 / 4 = 195.5"]),
        (["calcule 10/4", "e mais 1?", "15% disso"], ["2,5", "2,5 + 1 = 3,5", "0,525"]),
        (["três vezes 4", "soma 10", "e se for o triplo?"], ["12", "12 + 10 = 22", "3 * 22 = 66"]),
        (["what is 9 minus 4?", "multiply that by 3", "what was the result?"], ["5", "5 * 3 = 15", "15"]),
    ],
)
def test_a_follow_up_uses_the_earlier_result(talk: Start, turns: list[str], answers: list[str]) -> None:
    conversation = talk()
    for question, answer in zip(turns, answers, strict=True):
        assert answer in conversation.ask(question)


def test_it_remembers_what_was_asked_and_who_asked(talk: Start) -> None:
    conversation = talk()
    assert "ainda não perguntou" in conversation.ask("o que eu perguntei?")
    assert "Ana Lima" in conversation.ask("Oi, meu nome é Ana Lima")
    conversation.ask("o que é um trace?")
    assert "o que é um trace?" in conversation.ask("o que eu perguntei por último?")
    assert "Ana Lima" in conversation.ask("qual é o meu nome?")


@pytest.mark.parametrize(
    ("text", "locale", "part"),
    [
        ("Olá! O que é o Calango?", "pt_BR", "executa um agente LangGraph"),
        ("onde ficam os meus dados?", "pt_BR", "servidor local"),
        ("me ajuda", "pt_BR", "Faço contas"),
        ("quanto é dois mais dois?", "pt_BR", "2 + 2 = 4"),
        ("what is the square of 12?", "en", "12^2 = 144"),
        ("oi", "en", "agente offline do Calango"),
        ("hello", "pt_BR", "Calango's offline agent"),
        ("obrigado!", "en", "De nada"),
        ("who are you?", "pt_BR", "no language model"),
        ("você é um modelo de linguagem?", "pt_BR", "Não sou um modelo de linguagem"),
        ("Qual é a capital da França?", "pt_BR", "não um modelo de linguagem"),
        ("Write a poem about cats", "en", "no language model"),
        ("o que é um trace?", "pt_BR", "Um trace é o registro de um turno"),
        ("how does feedback work?", "pt_BR", "The vote becomes a score"),
        ("1/0", "pt_BR", "não se divide por zero"),
        ("1/0", "en", "division by zero is not defined"),
        ("que horas são em Tóquio?", "pt_BR", "(Asia/Tokyo)"),
        ("what day is it today?", "en", "(America/Sao_Paulo)"),
        ("quanto gastei?", "pt_BR", "não sei responder"),  # no tool for it is bound here
    ],
)
def test_it_answers_in_the_language_of_the_message(talk: Start, text: str, locale: str, part: str) -> None:
    assert part in talk(locale=locale).ask(text)


def test_a_message_without_words_is_answered_in_the_language_of_the_locale(talk: Start) -> None:
    assert "That did not work" in talk(locale="en").ask("1/0")


def test_two_questions_in_one_message_take_two_tools(talk: Start) -> None:
    conversation = talk()
    answer = conversation.ask("what is 2+2 and what time is it?")
    assert answer.startswith("2 + 2 = 4")
    assert "It is " in answer
    assert conversation.recorder.of("tool_start") == ["calculator", "current_datetime"]


@pytest.mark.parametrize("question", ["quanto gastei?", "how many tokens have I used?", "qual é o meu consumo?"])
def test_usage_is_read_with_the_tool_for_it_when_there_is_one(way: str, question: str) -> None:
    @tool
    def my_usage() -> str:
        """What the person has used."""
        return "US$ 0.12 in 3 turns"

    conversation = Talk(way, Models(), {"tools": [my_usage]})
    assert conversation.ask(question) == "US$ 0.12 in 3 turns"
    assert conversation.state["intent"] == "usage"


def test_the_same_conversation_gets_the_same_answer() -> None:
    def answers() -> list[str]:
        conversation = Talk("invoke", Models())
        return [conversation.ask(text) for text in ("oi", "2^10", "e metade disso?", "o que são sessões?")]

    assert answers() == answers()


def test_tokens_come_one_by_one_and_make_up_the_answer(talk: Start) -> None:
    conversation = talk()
    pieces = tokens(conversation.events("o que é um trace?"))
    assert len(pieces) > 20
    assert "".join(pieces) == conversation.messages[-1].text


def test_every_model_call_reports_usage_and_its_name(talk: Start) -> None:
    conversation = talk()
    conversation.ask("quanto é 2+2?")
    replies = [message for message in conversation.messages if isinstance(message, AIMessage)]
    assert len(replies) == 2
    for reply in replies:
        assert reply.usage_metadata is not None
        assert reply.usage_metadata["input_tokens"] > 0
        assert reply.usage_metadata["output_tokens"] > 0
        assert reply.response_metadata["model_name"] == "calango-offline"
    assert replies[-1].usage_metadata["output_tokens"] == len(["2", "+", "2", "=", "4"])


def test_invoked_and_streamed_it_says_and_counts_the_same() -> None:
    model = OfflineChatModel()
    whole = model.invoke("what is a trace?")
    first, *rest = model.stream("what is a trace?")
    merged = sum(rest, start=first)
    assert merged.text == whole.text
    assert merged.usage_metadata == whole.usage_metadata


@pytest.mark.parametrize(
    ("text", "intent"),
    [("2+2", "calculation"), ("que horas são?", "time"), ("quanto gastei?", "usage"), ("oi", "chat")],
)
def test_structured_output_gives_the_intent(text: str, intent: str) -> None:
    assert OfflineChatModel().with_structured_output(Intent).invoke(text) == Intent(intent=intent)


def test_structured_output_of_any_other_form_is_refused_plainly() -> None:
    class Poem(BaseModel):
        title: str
        lines: list[str]

    with pytest.raises(ValueError, match="only fills in the intent"):
        OfflineChatModel().with_structured_output(Poem).invoke("write")


def test_the_delay_is_between_pieces_and_there_is_none_unless_asked_for() -> None:
    assert OfflineChatModel().delay_s == 0
    slow = OfflineChatModel(delay_s=0.01)
    start = time.monotonic()
    pieces = list(slow.stream("hello"))
    assert time.monotonic() - start >= 0.01 * len(pieces)


def test_an_async_stream_can_be_cancelled_between_two_pieces() -> None:
    graph = make_graph(models=Models(offline_delay_s=0.001)).compile()

    async def first_token() -> str:
        async with asyncio.timeout(10):
            async for piece, _ in graph.astream(
                {"messages": [("user", "oi")]}, context=Context(), stream_mode="messages"
            ):
                if piece.text:
                    return piece.text
        return ""

    assert asyncio.run(first_token()).strip() == "Olá!"


_TOOLS: list[dict[str, Any]] = [{"function": {"name": tool.name}} for tool in builtin_tools()]


@settings(max_examples=150, deadline=5000, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=200), min_size=1, max_size=3))
def test_any_conversation_gets_tool_calls_or_an_answer(texts: list[str]) -> None:
    reply = respond([HumanMessage(text) for text in texts], _TOOLS)
    assert reply.tool_calls or reply.text


@pytest.mark.parametrize("text", ["." * 100_000, "1+" * 50_000, "a " * 50_000, "quanto é " * 10_000, "(" * 100_000])
def test_a_very_long_message_is_answered(text: str) -> None:
    reply = respond([HumanMessage(text)], _TOOLS)

    assert reply.tool_calls or reply.text


def test_it_takes_the_locale_from_the_system_message() -> None:
    talk = [SystemMessage("You help.\nLocale: en\nTime zone: UTC"), HumanMessage("???")]
    assert "handbook" in respond([*talk, ToolMessage("x", tool_call_id="1", name="search_handbook")], _TOOLS).text
