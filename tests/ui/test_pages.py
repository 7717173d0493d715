"""The pages beside the chat, over made-up turns whose right answers `Questions` knows."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from calango import bundled, local
from calango.annotations import open_annotations
from calango.cli.seed import seed
from calango.local import LocalServer
from calango.mirror import copy as mirror_copy
from calango.questions import Questions, Range
from calango.settings import Settings
from calango.tracing import close_all
from tests.support.servers import client_of, eventually, settings_for
from tests.ui.conftest import APP, said

pytestmark = pytest.mark.xdist_group("pages")
Opens = Callable[..., AppTest]
ZONE = "America/Sao_Paulo"
ABOUT = Range("30d", None, ZONE)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A home whose server holds 300 made-up turns."""
    home = tmp_path_factory.mktemp("pages") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALANGO_HOME", str(home))
        patch.setenv("CALANGO_PORT", "0")
        local.ensure(settings_for(home))
        seed(turns=300, days=20, until=None, number=1, anyway=False)
    yield home
    local.stop(home)


@pytest.fixture
def server(store: Path) -> LocalServer:
    found = local.find(store)
    assert found is not None
    return found


@pytest.fixture
def ask(server: LocalServer) -> Generator[Questions]:
    with Questions(server) as questions:
        yield questions


@pytest.fixture
def opens(home: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Opens]:
    """Opens a page: `opens("overview", user="ana")` is `/overview?user=ana`; the period is 30 days."""
    monkeypatch.setenv("CALANGO_HOME", str(store))
    monkeypatch.setenv("CALANGO_MODEL", "offline")
    st.cache_resource.clear()
    st.cache_data.clear()

    def opens(page: str, **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30)
        app._page_hash = calc_hash(page)
        for name, value in ({"since": "30d"} | query).items():
            app.query_params[name] = value
        return app.run()

    yield opens
    bundled.module("ui", "service").chat().close()
    st.cache_resource.clear()
    close_all()


def shown(app: AppTest) -> dict[str, str]:
    """The figures of the page by their labels."""
    assert not app.exception
    return {metric.label: metric.value.replace("\\", "") for metric in app.metric}


def table(app: AppTest, name: str) -> Any:
    """The table of that name, as a frame."""
    return next(found.value for found in app.dataframe if found.key.startswith(f"table-{name}-"))


def links(app: AppTest) -> list[str]:
    """Where the links to other pages lead, as "page?query"."""
    found = [element.proto for element in app.main if element.type == "page_link"]
    return [f"{proto.page}?{proto.query_string}" for proto in found]


def texts(locale: str = "pt_BR") -> Any:
    return bundled.module("ui", "i18n").Texts(locale)


def test_the_overview_shows_the_figures_that_the_server_answers(opens: Opens, ask: Questions) -> None:
    right = ask.overview(ABOUT)
    figures = shown(opens("overview"))
    assert figures["Turnos"] == texts().number(right.total.turns)
    assert figures["Usuários"] == texts().number(right.total.users)
    assert figures["Sucesso"] == texts().percent(right.total.success_rate)
    assert figures["Satisfação"] == texts().percent(right.satisfaction.share)
    assert figures["Latência p95"] == texts().duration(right.total.latency_ms_p95)
    assert figures["Custo"].startswith("US$")


def test_what_has_no_price_is_named_beside_the_cost_and_is_no_zero_in_the_table(opens: Opens, ask: Questions) -> None:
    app = opens("overview")
    total = ask.overview(ABOUT).total
    assert total.unpriced_calls
    assert f"Sem contar {texts().number(total.unpriced_calls)} chamadas" in said(app)
    rows = table(app, "model").set_index("key")
    assert rows.loc["qwen3:8b", "cost"] != 0
    assert rows.loc["qwen3:8b"].isna()["cost"]


def test_each_figure_leads_to_the_turns_behind_it_with_period_and_filters(opens: Opens) -> None:
    found = links(opens("overview", model="gpt-4o"))
    for query in ("order=dearest", "outcome=error", "scored=down", "order=slowest"):
        assert [link for link in found if query in link and "since=30d" in link and "model=gpt-4o" in link]


def test_a_filter_in_the_address_filters_every_figure(opens: Opens, ask: Questions) -> None:
    user = ask.breakdown(ABOUT, "user", limit=1)[0]
    app = opens("overview", user=user.key)
    assert shown(app)["Turnos"] == texts().number(user.measures.turns)
    assert app.button(key="unfilter-user").label.startswith("Usuário")


def test_taking_a_filter_away_changes_the_address_and_the_figures(opens: Opens, ask: Questions) -> None:
    app = opens("overview", model="gpt-4o")
    app = app.button(key="unfilter-model").click().run()
    assert "model" not in app.query_params
    assert shown(app)["Turnos"] == texts().number(ask.overview(ABOUT).total.turns)


def test_another_period_is_kept_in_the_address(opens: Opens) -> None:
    app = opens("overview").selectbox(key="period").set_value("90d").run()
    assert app.query_params["since"] == ["90d"] or app.query_params["since"] == "90d"
    assert not app.exception


@pytest.mark.parametrize("page", ["overview", "traces", "conversations", "users", "errors"])
def test_an_empty_period_says_what_to_do(opens: Opens, page: str) -> None:
    app = opens(page, since="2020-01-01", until="2020-01-02")
    assert not app.exception
    assert "Nenhum turno neste período." in app.info[0].value
    assert "calango seed" in said(app)


@pytest.mark.parametrize("page", ["overview", "traces", "users", "errors"])
def test_a_value_that_does_not_exist_is_named_and_there_is_a_way_back(opens: Opens, page: str) -> None:
    app = opens(page, user="nobody")
    assert "There is no user" in said(app)
    app = app.button(key="start-over").click().run()
    assert not app.exception
    assert "user" not in app.query_params
    assert not app.error


@pytest.mark.parametrize("page", ["overview", "traces", "conversations", "users", "errors"])
def test_a_period_that_is_none_is_refused_in_words(opens: Opens, page: str) -> None:
    app = opens(page, since="when I was young")
    assert not app.exception
    assert "is no time range" in said(app)


@pytest.fixture
def remote(home: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a remote Langfuse, in the environment, too."""
    for name, value in (("PUBLIC_KEY", "pk-lf-test"), ("SECRET_KEY", "sk-lf-test"), ("BASE_URL", "http://127.0.0.1:9")):
        monkeypatch.setenv(f"LANGFUSE_{name}", value)
    monkeypatch.setenv("CALANGO_HOME", str(store))
    return Settings.load()


@pytest.mark.parametrize("page", ["overview", "traces", "conversations", "users", "errors"])
def test_a_remote_langfuse_that_was_never_copied_is_explained(opens: Opens, remote: Settings, page: str) -> None:
    app = opens(page)
    assert not app.exception
    assert "calango sync" in said(app)


def test_pages_of_a_remote_langfuse_read_its_copy_and_not_the_local_project(
    opens: Opens, remote: Settings, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_copy, "state_name", lambda *_: local.KEYS)  # a file that is there
    with client_of(server) as http:
        assert http.post("/api/calango/projects", json={"name": mirror_copy.name_of(remote)}).is_success
    app = opens("overview")
    assert not app.exception
    assert "Nenhum turno neste período." in app.info[0].value


def test_the_pages_speak_english_too(opens: Opens) -> None:
    assert "Success" in shown(opens("overview", lang="en"))


def test_the_list_of_turns_shows_what_the_address_asks_for(opens: Opens, ask: Questions) -> None:
    right = ask.turns(ABOUT, order="dearest", limit=25)
    rows = table(opens("traces", order="dearest"), "turns")
    assert list(rows["cost"]) == [turn.cost_usd for turn in right.turns]


def test_a_search_and_a_page_of_the_list_are_in_the_address(opens: Opens, ask: Questions) -> None:
    total = ask.turns(ABOUT, text="pedido").total
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


def test_a_trace_shows_question_answer_and_steps(opens: Opens, ask: Questions) -> None:
    turn = ask.turns(Range("30d", None, ZONE, (("outcome", "ok"),)), limit=1).turns[0]
    app = opens("traces", trace=turn.trace_id)
    page = said(app)
    assert turn.input in page
    assert turn.output in page
    assert len(app.selectbox(key="observation").options) >= 3
    assert [chart for chart in app.main if chart.type == "vega_lite_chart"]


def test_a_failed_trace_opens_at_what_failed(opens: Opens, ask: Questions) -> None:
    turn = ask.turns(Range("30d", None, ZONE, (("outcome", "error"),)), limit=1).turns[0]
    app = opens("traces", trace=turn.trace_id)
    assert not app.exception
    assert app.error


@pytest.mark.parametrize("trace", ["0" * 31 + "1", "no-trace"])
def test_a_trace_that_is_not_there_is_refused_in_words(opens: Opens, trace: str) -> None:
    app = opens("traces", trace=trace)
    assert not app.exception
    assert app.error


def test_a_trace_is_rated_from_its_page(opens: Opens, ask: Questions, server: LocalServer) -> None:
    trace = ask.turns(ABOUT, scored="unrated", limit=1).turns[0].trace_id
    app = opens("traces", trace=trace).feedback[0].set_value(1).run()
    assert [toast.value for toast in app.toast] == ["Obrigado pelo feedback!"]
    with client_of(server) as http:
        assert eventually(lambda: http.get("/api/public/v2/scores", params={"traceId": trace}).json()["data"])


def test_a_comment_is_added_and_shown(opens: Opens, ask: Questions) -> None:
    trace = ask.turns(ABOUT, limit=1).turns[0].trace_id
    app = opens("traces", trace=trace)
    app.text_area(key="remark").set_value("O pedido estava errado.")
    app = app.button(key="add-remark").click().run()
    assert not app.exception
    assert "O pedido estava errado" in said(app)
    assert app.text_area(key="remark").value == ""


def test_a_turn_becomes_an_item_of_a_new_dataset(opens: Opens, ask: Questions, server: LocalServer) -> None:
    turn = ask.turns(Range("30d", None, ZONE, (("outcome", "ok"),)), limit=1).turns[0]
    opens("traces", trace=turn.trace_id)
    chat = bundled.module("ui", "service").chat()
    with open_annotations(chat.settings, chat.tracing) as notes:
        for _ in range(2):
            notes.add_to_dataset("regressões", turn.trace_id, turn.input, turn.output)
        assert notes.dataset_names() == ["regressões"]
    with client_of(server) as http:
        items = http.get("/api/public/dataset-items", params={"datasetName": "regressões"}).json()["data"]
    assert [(item["input"], item["expectedOutput"], item["sourceTraceId"]) for item in items] == [
        (turn.input, turn.output, turn.trace_id)
    ]


def test_following_live_shows_the_list_and_refuses_in_words_too(opens: Opens) -> None:
    assert len(opens("traces", live="1").dataframe) == 1
    app = opens("traces", live="1", user="nobody")
    assert not app.exception
    assert "There is no user" in said(app)


def test_replaying_a_conversation_shows_its_messages_in_order(opens: Opens, ask: Questions) -> None:
    found = next(one for one in ask.conversations(ABOUT).latest if one.turns >= 2)
    turns = ask.turns(Range("30d", None, ZONE, (("session", found.session_id),))).turns
    app = opens("conversations", session=found.session_id)
    asked = [box.markdown[0].value for box in app.chat_message if box.name == "user"]
    assert asked == [turn.input for turn in reversed(turns)]


def test_the_list_of_conversations_shows_how_they_end(opens: Opens, ask: Questions) -> None:
    right = ask.conversations(ABOUT, limit=25)
    app = opens("conversations")
    assert shown(app)["Conversas"] == texts().number(right.count)
    assert list(table(app, "conversations")["turns"]) == [one.turns for one in right.latest]


def test_the_table_of_users_has_one_row_each_with_their_figures(opens: Opens, ask: Questions) -> None:
    right = {group.key: group for group in ask.breakdown(ABOUT, "user")}
    rows = table(opens("users"), "users").set_index("user")
    assert set(rows.index) == set(right)
    for user, group in right.items():
        assert rows.loc[user, "turns"] == group.measures.turns
        assert rows.loc[user, "errors"] == group.measures.error


def test_errors_show_their_cause_in_the_language_of_the_page_and_lead_to_examples(opens: Opens, ask: Questions) -> None:
    patterns = ask.errors(ABOUT)
    app = opens("errors")
    assert [code.value for code in app.code] == [pattern.pattern for pattern in patterns]
    known = next(pattern for pattern in patterns if pattern.cause)
    assert texts().explained(known.cause) in said(app)
    assert [link for link in links(app) if f"trace={known.example_traces[0]}" in link]


def test_health_shows_what_the_server_holds(opens: Opens) -> None:
    figures = shown(opens("health"))
    assert figures["Traces"] == "300"
    assert figures["Banco de dados"].endswith("MB")


def test_a_server_that_does_not_answer_is_said_in_words(
    opens: Opens, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(*_: object, **__: object) -> LocalServer:
        return LocalServer("http://127.0.0.1:9", "pk", "sk", "project", 1, "0")

    opens("health")
    monkeypatch.setattr(local, "ensure", fails)
    app = opens("overview")
    assert not app.exception
    assert "does not answer" in said(app)
