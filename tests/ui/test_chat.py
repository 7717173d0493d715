"""The chat page, from the empty page to a failed turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from calango import bundled
from calango.records import Usage
from tests.support.ollama import OllamaServer, Reply, call
from tests.ui.conftest import Opens, ask, button, ollama_answers, said


@pytest.mark.parametrize(
    ("lang", "title", "honest"),
    [
        ("pt_BR", "Como posso ajudar?", "Ele não é um modelo de linguagem."),
        ("en", "What can I do", "no language model."),
    ],
)
def test_the_empty_page_says_what_it_is_in_both_languages(
    unreachable: Opens, lang: str, title: str, honest: str
) -> None:
    app = unreachable(lang=lang)
    assert title in said(app)
    assert honest in said(app)


def test_the_note_on_the_offline_model_is_shown_with_its_remedy(
    unreachable: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CALANGO_MODEL")
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:9")
    assert "Ollama does not answer" in said(unreachable(lang="en"))
    app = unreachable(lang="pt_BR")
    assert "O Ollama não responde" in said(app)
    assert "ollama pull llama3.1:8b" in said(app)
    assert "não é modelo de linguagem" in said(ask(app, "Oi"))


def test_a_message_gets_an_answer_with_its_tool_call_and_what_it_took(unreachable: Opens) -> None:
    app = ask(unreachable(), "Quanto é 17 * 23?")
    answer = app.chat_message[1]
    assert "391" in answer.markdown[0].value
    assert "calculator" in answer.expander[0].label
    assert "tokens · sem custo conhecido · " in said(app)
    assert "calango\\-offline" in said(app)


def test_the_caption_says_what_a_priced_answer_cost(unreachable: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALANGO_CURRENCY", "BRL")
    monkeypatch.setenv("CALANGO_CURRENCY_RATE", "5.5")
    app = ask(unreachable(user="ana"), "Quanto é 6 * 7?")
    service = bundled.module("ui", "service")
    trace_id = service.chat().history(app.query_params["session"])[-1].trace_id
    key = ("finished", trace_id)
    known = service.lookups().peek(key)
    result = replace(known.result, cost_usd=Decimal("0.0125"), usage=Usage(1200, 34, estimated=True), latency_ms=2345.6)
    service.lookups().put(key, replace(known, result=result))
    cost = "US\\$\xa00\\,0125 \\(R\\$\xa00\\,06875\\)"
    assert f"≈ 1.200 + 34 tokens · {cost} · 2\\,3\xa0s · [Trace](http" in said(app.run())
    service.lookups().put(key, replace(known, result=replace(result, cost_estimated=True)))
    assert f"tokens · ≈ {cost} · " in said(app.run())


def test_a_suggestion_is_asked_with_one_click(unreachable: Opens) -> None:
    app = button(unreachable(), "Quanto é 12% de 3.500?").click().run()
    assert "420" in app.chat_message[1].markdown[0].value


def test_a_shared_address_shows_the_conversation_to_a_new_browser_session(unreachable: Opens) -> None:
    first = ask(unreachable(user="ana"), "Quanto é 6 * 7?")
    again = unreachable(user="ana", session=first.query_params["session"])
    assert "42" in again.chat_message[1].markdown[0].value
    assert "calango\\-offline" in said(again)


def test_conversations_are_listed_for_their_person_and_open_with_a_click(unreachable: Opens) -> None:
    app = ask(unreachable(user="ana"), "Quanto é 6 * 7?")
    app = button(app, "Nova conversa").click().run()
    assert not app.chat_message
    app = ask(app, "Quanto é 5 * 5?")
    app = button(app, "Quanto é 6 \\* 7\\?").click().run()
    assert "42" in app.chat_message[1].markdown[0].value
    assert "6" not in "".join(found.label for found in unreachable(user="bob").button)


def test_two_people_at_once_never_see_each_other(unreachable: Opens) -> None:
    ana, bob = unreachable(user="ana"), unreachable(user="bob")
    ana, bob = ask(ana, "Quanto é 111 + 1?"), ask(bob, "Quanto é 222 + 1?")
    ana, bob = ask(ana, "Quanto é 333 + 1?"), ask(bob, "Quanto é 444 + 1?")
    assert _answers(ana) == ["111 + 1 = 112", "333 + 1 = 334"]
    assert _answers(bob) == ["222 + 1 = 223", "444 + 1 = 445"]


@pytest.mark.parametrize(
    "query", [{"session": "a\x00b"}, {"session": ""}, {"session": "x" * 201}, {"user": "\u202eana"}]
)
def test_an_address_that_can_not_be_one_says_so_and_offers_a_way_on(unreachable: Opens, query: dict[str, str]) -> None:
    app = unreachable(**query)
    assert "Este endereço não leva a nenhuma conversa." in app.error[0].value
    app = button(app, "Nova conversa").click().run()
    assert "Como posso ajudar?" in said(app)


@pytest.mark.parametrize("session", ["../../etc/passwd", "<script>alert(1)</script>", "' OR 1=1 --", "nothing-here"])
def test_a_session_id_is_only_a_name(unreachable: Opens, session: str) -> None:
    app = unreachable(session=session)
    assert not app.error
    assert "Como posso ajudar?" in said(app)


def test_a_failed_turn_says_what_to_do_and_can_be_tried_again(
    unreachable: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OllamaServer([Reply(status=500, error="out of memory"), "Agora foi."]) as ollama:
        ollama_answers(monkeypatch, ollama)
        app = ask(unreachable(), "Oi?")
        assert "Esta resposta falhou." in said(app)
        assert "out of memory" in said(app)
        assert "calango doctor" in said(app)
        app = button(app, "Tentar de novo").click().run()
    assert "Agora foi." in said(app)
    assert [message.name for message in app.chat_message] == ["user", "assistant"] * 2


def test_settings_that_are_wrong_are_explained_on_the_page(page: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALANGO_LOCALE", "tlh")
    app = page(lang="en")
    assert "can not show this page" in app.error[0].value
    assert "CALANGO_LOCALE must be" in said(app)
    monkeypatch.setenv("CALANGO_LOCALE", "en")
    assert "What can I do for you?" in said(button(app, "Try again").click().run())


def test_the_model_of_the_picker_answers(unreachable: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer(["Do segundo modelo."], models=("llama3.1:8b", "second:1b")) as ollama:
        ollama_answers(monkeypatch, ollama)
        app = unreachable()
        app = _until(app, lambda now: "ollama:second:1b" in now.selectbox(key="model").options)
        app.selectbox(key="model").set_value("ollama:second:1b").run()
        app = ask(app, "Oi?")
        assert ollama.chats[-1]["model"] == "second:1b"
    assert "second:1b" in said(app)


def test_a_question_of_the_graph_is_shown_and_the_next_message_answers_it(
    unreachable: Opens, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    (tmp_path / "asks.py").write_text(_ASKING_GRAPH, encoding="utf-8")
    monkeypatch.setenv("CALANGO_GRAPH", "./asks.py:graph")
    app = ask(unreachable(), "Apague tudo")
    assert "Tem certeza?" in said(app)
    assert "sua próxima mensagem é a resposta" in said(app)
    again = unreachable(session=app.query_params["session"])
    assert "Tem certeza?" in said(again)
    assert "Você disse: sim" in said(ask(again, "sim"))


def test_tools_of_an_earlier_turn_stay_with_their_answer(unreachable: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    asks = Reply(tool_calls=[call("calculator", expression="2+2")])
    with OllamaServer([asks, "Quatro.", "E só."]) as ollama:
        ollama_answers(monkeypatch, ollama)
        app = ask(ask(unreachable(), "2+2?"), "Obrigado")
    assert len(app.chat_message[1].expander) == 1
    assert not app.chat_message[3].expander


def _answers(app: AppTest) -> list[str]:
    return [message.markdown[0].value for message in app.chat_message if message.name == "assistant"]


def _until(app: AppTest, is_so: Callable[[AppTest], bool]) -> AppTest:
    for _ in range(100):
        if is_so(app):
            break
        app = app.run()
    return app


_ASKING_GRAPH = """
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt


def ask(state: MessagesState):
    return {"messages": [AIMessage("Você disse: " + str(interrupt("Tem certeza?")))]}


graph = StateGraph(MessagesState).add_node(ask).add_edge(START, "ask").add_edge("ask", END).compile()
"""


def test_what_the_backend_refused_is_shown_beside_the_chat(unreachable: Opens) -> None:
    app = unreachable()
    tracing = bundled.module("ui", "service").chat().tracing
    tracing.outbox.put_spans([("a" * 32, b"x")])
    tracing.outbox.park(tracing.outbox.items(), "401 Unauthorized: wrong keys")
    app.run()

    assert any("recusados: 1" in str(element.value) for element in app.sidebar.markdown)
