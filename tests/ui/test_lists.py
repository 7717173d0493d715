"""Lists of turns, conversations, users and errors, and what each leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calango import bundled
from calango.annotations import open_annotations
from calango.errors import InputError
from calango.local import LocalServer
from calango.questions import Questions, Range
from tests.support.servers import client_of, eventually
from tests.ui.conftest import ABOUT, ZONE, Opens, links, said, shown, table, texts

pytestmark = pytest.mark.xdist_group("pages")


def test_the_list_of_turns_shows_what_the_address_asks_for(opens: Opens, questions: Questions) -> None:
    right = questions.turns(ABOUT, order="dearest", limit=25)
    rows = table(opens("traces", order="dearest"), "turns")
    assert list(rows["cost"]) == [turn.cost_usd for turn in right.turns]


def test_a_search_and_a_page_of_the_list_are_in_the_address(opens: Opens, questions: Questions) -> None:
    total = questions.turns(ABOUT, text="pedido").total
    app = opens("traces").text_input(key="search").set_value("pedido").run()
    assert app.query_params["text"] in ("pedido", ["pedido"])
    assert f"1 a 25 de {texts().number(total)}" in said(app)
    app = app.button(key="turn-page-1").click().run()
    assert f"26 a {min(50, total)} de {texts().number(total)}" in said(app)
    assert app.query_params["page"] in ("2", ["2"])


def test_a_search_without_result_can_be_cleared(opens: Opens) -> None:
    app = opens("traces", text="zzzz-nothing")
    assert "Nenhum turno é assim." in app.info[0].value
    app = app.button(key="clear-search").click().run()
    assert "text" not in app.query_params
    assert len(app.dataframe) == 1


def test_a_trace_shows_question_answer_and_steps(opens: Opens, questions: Questions) -> None:
    turn = questions.turns(Range("30d", None, ZONE, (("outcome", "ok"),)), limit=1).turns[0]
    app = opens("traces", trace=turn.trace_id)
    page = said(app)
    assert turn.input in page
    assert turn.output in page
    assert len(app.selectbox(key="observation").options) >= 3
    assert [chart for chart in app.main if chart.type == "vega_lite_chart"]


def test_a_failed_trace_opens_at_what_failed(opens: Opens, questions: Questions) -> None:
    turn = questions.turns(Range("30d", None, ZONE, (("outcome", "error"),)), limit=1).turns[0]
    app = opens("traces", trace=turn.trace_id)
    assert not app.exception
    assert app.error


@pytest.mark.parametrize("trace", ["0" * 31 + "1", "no-trace"])
def test_a_trace_that_is_not_there_is_refused_in_words(opens: Opens, trace: str) -> None:
    app = opens("traces", trace=trace)
    assert not app.exception
    assert app.error


def test_a_trace_is_rated_from_its_page(opens: Opens, questions: Questions, filled: LocalServer) -> None:
    trace = questions.turns(ABOUT, scored="unrated", limit=1).turns[0].trace_id
    app = opens("traces", trace=trace).feedback[0].set_value(1).run()
    assert [toast.value for toast in app.toast] == ["Obrigado pelo feedback!"]
    with client_of(filled) as http:
        assert eventually(lambda: http.get("/api/public/v2/scores", params={"traceId": trace}).json()["data"])


def test_a_comment_is_added_and_shown(opens: Opens, questions: Questions) -> None:
    trace = questions.turns(ABOUT, limit=1).turns[0].trace_id
    app = opens("traces", trace=trace)
    app.text_area(key="remark").set_value("O pedido estava errado.")
    app = app.button(key="add-remark").click().run()
    assert not app.exception
    assert "O pedido estava errado" in said(app)
    assert app.text_area(key="remark").value == ""


def test_tags_are_added_to_those_of_a_trace_and_found_at_once(
    opens: Opens, questions: Questions, filled: LocalServer
) -> None:
    before = questions.turns(ABOUT, limit=1).turns[0]
    opens("traces", trace=before.trace_id)
    chat = bundled.module("ui", "service").chat()
    with open_annotations(chat.settings, chat.tracing) as notes:
        notes.add_tags(before.trace_id, ["faturamento"])
        notes.add_tags(before.trace_id, ["reembolso", "faturamento"])
        assert notes.tags(before.trace_id) == sorted({*before.tags, "faturamento", "reembolso"})
    (turn,) = questions.turns(Range("30d", None, ZONE, (("tag", "reembolso"),))).turns
    assert turn == replace(before, tags=sorted({*before.tags, "faturamento", "reembolso"}))
    with client_of(filled) as http:
        (trace,) = http.get("/api/public/traces", params={"tags": "reembolso,faturamento"}).json()["data"]
    assert (trace["id"], trace["timestamp"]) == (before.trace_id, before.started_at)
    badges = [one.proto.body for one in opens("traces", trace=before.trace_id).markdown]
    assert [body for body in badges if "reembolso" in body]


def test_what_is_no_tag_is_refused(opens: Opens, questions: Questions) -> None:
    trace = questions.turns(ABOUT, limit=1).turns[0].trace_id
    opens("traces", trace=trace)
    chat = bundled.module("ui", "service").chat()
    with open_annotations(chat.settings, chat.tracing) as notes, pytest.raises(InputError):
        notes.add_tags(trace, ["x" * 300])


def test_a_turn_becomes_an_item_of_a_new_dataset(opens: Opens, questions: Questions, filled: LocalServer) -> None:
    turn = questions.turns(Range("30d", None, ZONE, (("outcome", "ok"),)), limit=1).turns[0]
    opens("traces", trace=turn.trace_id)
    chat = bundled.module("ui", "service").chat()
    with open_annotations(chat.settings, chat.tracing) as notes:
        for _ in range(2):
            notes.add_to_dataset("regressões", turn.trace_id, turn.input, turn.output)
        assert notes.dataset_names() == ["regressões"]
    with client_of(filled) as http:
        items = http.get("/api/public/dataset-items", params={"datasetName": "regressões"}).json()["data"]
    assert [(item["input"], item["expectedOutput"], item["sourceTraceId"]) for item in items] == [
        (turn.input, turn.output, turn.trace_id)
    ]


def test_following_live_shows_the_list_and_refuses_in_words_too(opens: Opens) -> None:
    assert len(opens("traces", live="1").dataframe) == 1
    app = opens("traces", live="1", user="nobody")
    assert not app.exception
    assert "Nenhum turno tem “nobody” como: Usuário." in said(app)


def test_replaying_a_conversation_shows_its_messages_in_order(opens: Opens, questions: Questions) -> None:
    found = next(one for one in questions.conversations(ABOUT).latest if one.turns >= 2)
    turns = questions.turns(Range("30d", None, ZONE, (("session", found.session_id),))).turns
    app = opens("conversations", session=found.session_id)
    asked = [box.markdown[0].value for box in app.chat_message if box.name == "user"]
    assert asked == [turn.input for turn in reversed(turns)]


def test_the_list_of_conversations_shows_how_they_end(opens: Opens, questions: Questions) -> None:
    right = questions.conversations(ABOUT, limit=25)
    app = opens("conversations")
    assert shown(app)["Conversas"] == texts().number(right.count)
    assert list(table(app, "conversations")["turns"]) == [one.turns for one in right.latest]


def test_the_table_of_users_has_one_row_each_with_their_figures(opens: Opens, questions: Questions) -> None:
    right = {group.key: group for group in questions.breakdown(ABOUT, "user")}
    rows = table(opens("users"), "users").set_index("user")
    assert set(rows.index) == set(right)
    for user, group in right.items():
        assert rows.loc[user, "turns"] == group.measures.turns
        assert rows.loc[user, "errors"] == group.measures.error


def test_errors_show_their_cause_in_the_language_of_the_page_and_lead_to_examples(
    opens: Opens, questions: Questions
) -> None:
    patterns = questions.errors(ABOUT)
    app = opens("errors")
    assert [code.value for code in app.code] == [pattern.pattern for pattern in patterns]
    known = next(pattern for pattern in patterns if pattern.cause)
    assert texts().explained(known.cause) in said(app)
    assert [link for link in links(app) if f"trace={known.example_traces[0]}" in link]
