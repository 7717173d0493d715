"""Conversations and votes, through the real graph and the real local server."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from calango.chat import ChatService
from calango.errors import InputError, NotFound
from calango.ids import trace_id_for
from calango.loader import LoadedGraph
from calango.tracing import STARS, THUMBS, Tracing
from tests.support.ollama import OllamaServer, Reply
from tests.support.servers import eventually, settings_for
from tests.support.tracing import Nowhere, unsent_tracing


@pytest.fixture
def open_chat(home: Path) -> Generator[Callable[..., ChatService]]:
    """Builds services of one home; without `tracing` they trace to nobody."""
    made: list[ChatService] = []
    kept: list[Tracing] = []

    def build(tracing: Tracing | None = None, **values: Any) -> ChatService:
        if tracing is None:
            kept.append(tracing := Tracing(settings_for(home, **values), Nowhere()))
        made.append(ChatService(settings_for(home, **values), tracing=tracing))
        return made[-1]

    yield build
    for service in made:
        service.close()
    for tracing in kept:
        tracing.close(0)


def test_history_shows_each_answer_with_the_trace_id_of_its_turn(open_chat):
    chat = open_chat()
    first = chat.send_message("quanto é 17*23?", session_id="s")
    second = chat.send_message("e o dobro?", session_id="s")

    answers = [message for message in chat.history("s") if message.role == "assistant"]
    assert [(a.content, a.trace_id) for a in answers] == [
        ("17 * 23 = 391", first.trace_id),
        ("2 * 391 = 782", second.trace_id),
    ]


def test_history_survives_the_process(open_chat):
    result = open_chat().send_message("quanto é 17*23?", session_id="s")

    assert open_chat().history("s")[-1].trace_id == result.trace_id


def test_history_of_an_unknown_session_is_empty(open_chat):
    assert open_chat().history("nobody") == []


def test_history_shows_how_a_failed_turn_ended(open_chat):
    with OllamaServer(replies=[Reply(status=404, error="not found")]) as ollama:
        chat = open_chat(model="ollama:x", ollama_base_url=ollama.base_url)
        chat.send_message("oi", session_id="s")

    last = chat.history("s")[-1]
    assert (last.status, last.content) == ("error", "")
    assert "ollama pull x" in (last.error or "")


def test_a_users_sessions_come_latest_first_with_title_and_number_of_turns(open_chat):
    chat = open_chat()
    chat.send_message("primeira conversa", session_id="a", user_id="ana")
    chat.send_message("segunda conversa", session_id="b", user_id="ana")
    chat.send_message("conversa alheia", session_id="c", user_id="bob")
    before = time.time_ns()
    chat.send_message("mais uma", session_id="a", user_id="ana")

    sessions = chat.sessions("ana")
    assert [(s.session_id, s.title, s.turns) for s in sessions] == [
        ("a", "primeira conversa", 2),
        ("b", "segunda conversa", 1),
    ]
    assert sessions[0].updated_ns >= before - 10**9 > sessions[1].updated_ns - 10**9


def test_my_usage_reads_this_session_back_from_its_traces(server, home):
    tracing = Tracing(settings_for(home), _at(server))
    with ChatService(settings_for(home), tracing=tracing) as chat:
        first = chat.send_message("quanto é 2+2?", session_id="s")
        chat.send_message("quanto é 2+2?", session_id="other")
        tracing.flush(10)
        told = chat.send_message("quantos tokens eu usei?", session_id="s").content
    tracing.close(1)

    assert first.usage is not None
    assert f"1 turno(s), {first.usage.input} tokens de entrada e {first.usage.output} de saída" in told


def test_an_answer_can_be_rated_before_it_has_arrived_anywhere(open_chat):
    chat = open_chat()
    result = chat.send_message("oi", session_id="s", user_id="ana")
    receipt = chat.submit_feedback(result.trace_id, thumbs=True, comment="bom", user_id="ana")

    vote = chat.votes([result.trace_id], user_id="ana")[result.trace_id][THUMBS]
    assert (receipt.state, vote.state, vote.value, vote.comment) == ("pending", "pending", 1.0, "bom")


def test_an_answer_of_an_earlier_process_can_be_rated_and_its_vote_is_shown_again(open_chat):
    first = open_chat()
    asked = first.send_message("oi", session_id="s", message_id="m")
    assert first.tracing is not None
    first.tracing.store()
    again = open_chat(first.tracing)
    again.submit_feedback(trace_id_for("s", "m"), stars=4)

    assert open_chat(first.tracing).votes([asked.trace_id])[asked.trace_id][STARS].value == 4.0


def test_a_withdrawn_vote_is_not_shown(open_chat):
    chat = open_chat()
    trace_id = chat.send_message("oi").trace_id
    chat.submit_feedback(trace_id, thumbs=True)
    chat.withdraw_feedback(trace_id)

    assert chat.votes([trace_id]) == {}


def test_one_users_vote_is_not_shown_to_another(open_chat):
    chat = open_chat()
    trace_id = chat.send_message("oi").trace_id
    chat.submit_feedback(trace_id, thumbs=True, user_id="ana")

    assert chat.votes([trace_id], user_id="bob") == {}


def test_rating_a_trace_that_nobody_knows_is_refused(server, home):
    tracing = Tracing(settings_for(home), _at(server))
    with ChatService(settings_for(home), tracing=tracing) as chat, pytest.raises(NotFound, match="no trace"):
        chat.submit_feedback("a" * 32, thumbs=True)
    assert tracing.outbox.is_empty()
    tracing.close(1)


@pytest.mark.parametrize(
    ("vote", "told"),
    [
        ({"stars": 0}, "1 to 5"),
        ({"stars": 6}, "1 to 5"),
        ({"stars": 4.5}, "1 to 5"),
        ({}, "either thumbs or stars"),
        ({"thumbs": True, "stars": 5}, "either thumbs or stars"),
        ({"thumbs": True, "comment": "x" * 2001}, "2001 characters"),
        ({"thumbs": True, "comment": "\ud800"}, "half of a character"),
        ({"thumbs": True, "user_id": ""}, "user_id is empty"),
    ],
)
def test_a_bad_vote_is_refused_and_nothing_is_kept(open_chat, vote, told):
    chat = open_chat()
    trace_id = chat.send_message("oi").trace_id

    with pytest.raises(InputError, match=told):
        chat.submit_feedback(trace_id, **vote)
    assert chat.votes([trace_id]) == {}


def test_a_malformed_trace_id_is_refused(open_chat):
    with pytest.raises(InputError, match="malformed"):
        open_chat().submit_feedback("../../x", thumbs=True)


def test_with_tracing_off_the_agent_answers_and_feedback_says_why_it_can_not(home):
    with ChatService(settings_for(home, tracing_enabled=False)) as chat:
        result = chat.send_message("quanto é 2+2?")

        assert (result.content, result.trace_id) == ("2 + 2 = 4", None)
        with pytest.raises(InputError, match="tracing is off"):
            chat.submit_feedback("a" * 32, thumbs=True)


def test_a_turn_can_choose_its_model(open_chat):
    with OllamaServer(replies=["Oi do Ollama"]) as ollama:
        chat = open_chat(model="offline", ollama_base_url=ollama.base_url)
        result = chat.send_message("oi", model="ollama:llama3.1:8b")

    assert (result.content, result.model) == ("Oi do Ollama", "llama3.1:8b")


def test_a_graph_that_chooses_its_own_model_refuses_one(home):
    from langgraph.graph import START, MessagesState, StateGraph

    builder = StateGraph(MessagesState).add_node("a", lambda state: {"messages": []}).add_edge(START, "a")
    tracing = unsent_tracing(home)
    mine = LoadedGraph("g", "mine:graph", builder)
    with (
        ChatService(settings_for(home), graph=mine, tracing=tracing) as chat,
        pytest.raises(InputError, match="mine:graph chooses its own model"),
    ):
        chat.send_message("oi", model="offline")
    tracing.close(0)


def test_ollama_answers_when_it_is_there_and_has_the_model(home):
    with OllamaServer(replies=["Oi"], models=["llama3.1:8b"]) as ollama:
        settings = settings_for(home, ollama_base_url=ollama.base_url, tracing_enabled=False)
        with ChatService(settings) as chat:
            assert (chat.model.spec, chat.model.note) == ("ollama:llama3.1:8b", "")


def test_without_the_model_the_offline_one_answers_and_says_how_to_get_it(home):
    with OllamaServer(replies=["Oi"], models=["mistral:7b"]) as ollama:
        settings = settings_for(home, ollama_base_url=ollama.base_url, tracing_enabled=False)
        with ChatService(settings) as chat:
            assert chat.model.is_offline
            assert "ollama pull llama3.1:8b" in chat.model.note
            assert "mistral:7b" in chat.model.note


def test_a_turn_is_hardly_slower_while_the_backend_is_down(open_chat):
    """Nothing on a turn's way may wait for the network: a refused connection here takes a second to be noticed."""
    chat = open_chat()
    assert chat.tracing is not None
    chat.send_message("oi")
    chat.tracing.store()
    assert eventually(lambda: chat.tracing.outbox.depth().last_error)

    assert chat.send_message("quanto é 2+2?").latency_ms < 1000


def _at(server: Any) -> Any:
    from tests.support.tracing import Fixed

    return Fixed(server.base_url, server.public_key, server.secret_key)
