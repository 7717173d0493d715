"""Votes on the page: given, changed, taken back, and what is said about them."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from calango import bundled
from calango.ids import score_id
from calango.local import LocalServer
from calango.tracing import THUMBS, Vote
from tests.support.servers import client_of, eventually
from tests.ui.conftest import Opens, ask, button, restart, said


def votes() -> list[Vote]:
    """What lies in the outbox, of the last answers of the service that the page uses."""
    chat = bundled.module("ui", "service").chat()
    traces = [m.trace_id for s in chat.sessions("ana") for m in chat.history(s.session_id) if m.role == "assistant"]
    return [vote for vote in chat.tracing.outbox.votes(traces) if vote.value is not None]


@pytest.fixture
def asked(unreachable: Opens) -> AppTest:
    return ask(unreachable(user="ana"), "Quanto é 6 * 7?")


def test_a_thumb_is_thanked_for_and_stored(asked: AppTest) -> None:
    app = asked.feedback[0].set_value(1).run()
    assert [toast.value for toast in app.toast] == ["Obrigado pelo feedback!"]
    assert [(vote.value, vote.state) for vote in votes()] == [(1, "pending")]
    assert "Salvo; a caminho" in said(app)


def test_the_thanks_are_in_the_language_of_the_page(unreachable: Opens) -> None:
    app = ask(unreachable(user="ana", lang="en"), "What is 6 * 7?").feedback[0].set_value(0).run()
    assert [toast.value for toast in app.toast] == ["Thank you for the feedback!"]


def test_a_vote_is_shown_after_a_reload(asked: AppTest, unreachable: Opens) -> None:
    asked.feedback[0].set_value(0).run()
    session = asked.query_params["session"]
    assert unreachable(user="bob", session=session).feedback[0].value is None
    again = unreachable(user="ana", session=session)
    for _ in range(100):
        if again.feedback[0].value is not None:
            break
        again = again.run()
    assert again.feedback[0].value == 0


def test_a_vote_can_be_changed_and_taken_back(asked: AppTest) -> None:
    app = asked.feedback[0].set_value(1).run()
    first = votes()[0]
    app = app.feedback[0].set_value(0).run()
    assert [(vote.value, vote.timestamp_ns) for vote in votes()] == [(0, first.timestamp_ns)]
    app = app.feedback[0].set_value(None).run()
    assert [toast.value for toast in app.toast] == ["Seu voto foi retirado."]
    assert votes() == []
    assert app.feedback[0].value is None


def test_a_comment_goes_with_the_vote_and_survives_its_change(asked: AppTest, unreachable: Opens) -> None:
    assert asked.text_area[0].disabled
    app = asked.feedback[0].set_value(1).run()
    app = app.text_area[0].set_value("Exato.").run()
    app = button(app, "Salvar comentário").click().run()
    app = app.feedback[0].set_value(0).run()
    assert [(vote.value, vote.comment) for vote in votes()] == [(0, "Exato.")]
    assert app.text_area[0].value == "Exato."


def test_every_answer_has_its_own_vote(asked: AppTest) -> None:
    app = ask(asked, "Quanto é 5 * 5?")
    app = app.feedback[0].set_value(0).run()
    app = app.feedback[1].set_value(1).run()
    assert [found.value for found in app.feedback] == [0, 1]
    assert sorted(vote.value for vote in votes()) == [0, 1]


def test_a_vote_that_is_refused_says_why(asked: AppTest) -> None:
    app = asked.feedback[0].set_value(1).run()
    outbox = bundled.module("ui", "service").chat().tracing.outbox
    outbox.park([item for item in outbox.items() if item.kind == "score"], "400: no such trace")
    app = app.run()
    assert "Recusado: 400\\: no such trace" in said(app)


def test_a_vote_arrives_at_the_server_and_the_page_says_so(page: Opens, server: LocalServer) -> None:
    app = ask(page(user="ana"), "Quanto é 6 * 7?").feedback[0].set_value(1).run()

    def arrived() -> bool:
        return votes()[0].state == "sent"

    assert eventually(arrived, within_s=20)
    app = app.run()
    assert "Recebido" in said(app)
    assert eventually(lambda: f"[Trace]({server.base_url}/project/" in said(app.run()))
    with client_of(server) as http:
        scores = http.get("/api/public/v2/scores").json()["data"]
    assert [(score["name"], score["value"]) for score in scores] == [("user-feedback", 1)]


def test_captions_of_an_earlier_conversation_are_read_from_its_traces(page: Opens, server: LocalServer) -> None:
    first = ask(page(user="ana"), "Quanto é 6 * 7?")
    tracing = bundled.module("ui", "service").chat().tracing
    assert tracing.flush(20)
    restart()
    again = page(user="ana", session=first.query_params["session"])
    for _ in range(200):
        if "tokens" in said(again):
            break
        again = again.run()
    assert "tokens" in said(again)


def test_votes_given_on_another_machine_are_shown_beside_ones_own(
    page: Opens, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", server.public_key)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", server.secret_key)
    monkeypatch.setenv("LANGFUSE_BASE_URL", server.base_url)
    app = ask(ask(page(user="ana"), "Quanto é 6 * 7?"), "Quanto é 5 * 5?")
    app = app.feedback[1].set_value(1).run()
    chat = bundled.module("ui", "service").chat()
    assert chat.tracing.flush(20)
    first = chat.history(app.query_params["session"])[0].trace_id
    vote = {"id": score_id(first, THUMBS, "ana"), "traceId": first, "name": THUMBS, "dataType": "BOOLEAN", "value": 0}
    with client_of(server) as http:
        assert http.post("/api/public/scores", json=vote).is_success
    restart()
    again = page(user="ana", session=app.query_params["session"])
    for _ in range(200):
        if again.feedback[0].value is not None:
            break
        again = again.run()
    assert [found.value for found in again.feedback] == [0, 1]
    again = again.feedback[0].set_value(None).run()
    assert again.feedback[0].value is None


def test_without_tracing_feedback_is_disabled_and_says_why(page: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_TRACING_ENABLED", "false")
    app = ask(page(), "Quanto é 6 * 7?")
    assert app.feedback[0].disabled
    assert "O feedback está desativado porque o rastreio está desligado." in said(app)
    assert "sem rastreio" in said(app)
