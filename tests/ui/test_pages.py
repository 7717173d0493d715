"""The pages beside the chat, over made-up turns whose right answers `Questions` knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from calango import local
from calango.local import LocalServer
from calango.mirror import copy as mirror_copy
from calango.questions import Questions
from calango.settings import Settings
from tests.support.servers import client_of
from tests.ui.conftest import ABOUT, Opens, links, said, shown, table, texts

pytestmark = pytest.mark.xdist_group("pages")


def test_the_overview_shows_the_figures_that_the_server_answers(opens: Opens, questions: Questions) -> None:
    right = questions.overview(ABOUT)
    figures = shown(opens("overview"))
    assert figures["Turnos"] == texts().number(right.total.turns)
    assert figures["Usuários"] == texts().number(right.total.users)
    assert figures["Sucesso"] == texts().percent(right.total.success_rate)
    assert figures["Satisfação"] == texts().percent(right.satisfaction.share)
    assert figures["Latência p95"] == texts().duration(right.total.latency_ms_p95)
    assert figures["Custo"].startswith("US$")


def test_what_has_no_price_is_named_beside_the_cost_and_is_no_zero_in_the_table(
    opens: Opens, questions: Questions
) -> None:
    app = opens("overview")
    total = questions.overview(ABOUT).total
    assert total.unpriced_calls
    assert f"Sem contar {texts().number(total.unpriced_calls)} chamadas" in said(app)
    rows = table(app, "model").set_index("key")
    assert rows.loc["qwen3:8b", "cost"] != 0
    assert rows.loc["qwen3:8b"].isna()["cost"]


def test_each_figure_leads_to_the_turns_behind_it_with_period_and_filters(opens: Opens) -> None:
    found = links(opens("overview", model="gpt-4o"))
    for query in ("order=dearest", "outcome=error", "scored=down", "order=slowest"):
        assert [link for link in found if query in link and "since=30d" in link and "model=gpt-4o" in link]


def test_a_filter_in_the_address_filters_every_figure(opens: Opens, questions: Questions) -> None:
    user = questions.breakdown(ABOUT, "user", limit=1)[0]
    app = opens("overview", user=user.key)
    assert shown(app)["Turnos"] == texts().number(user.measures.turns)
    assert app.button(key="unfilter-user").label.startswith("Usuário")


def test_taking_a_filter_away_changes_the_address_and_the_figures(opens: Opens, questions: Questions) -> None:
    app = opens("overview", model="gpt-4o")
    app = app.button(key="unfilter-model").click().run()
    assert "model" not in app.query_params
    assert shown(app)["Turnos"] == texts().number(questions.overview(ABOUT).total.turns)


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
    assert "Nenhum turno tem “nobody” como: Usuário." in said(app)
    app = app.button(key="start-over").click().run()
    assert not app.exception
    assert "user" not in app.query_params
    assert not app.error


@pytest.mark.parametrize("page", ["overview", "traces", "conversations", "users", "errors"])
def test_a_period_that_is_none_is_refused_in_words(opens: Opens, page: str) -> None:
    app = opens(page, since="when I was young")
    assert not app.exception
    assert "não é um período" in said(app)


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
    opens: Opens, remote: Settings, filled: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_copy, "state_name", lambda *_: local.KEYS)  # a file that is there
    with client_of(filled) as http:
        assert http.post("/api/calango/projects", json={"name": mirror_copy.name_of(remote)}).is_success
    app = opens("overview")
    assert not app.exception
    assert "Nenhum turno neste período." in app.info[0].value


def test_the_pages_speak_english_too(opens: Opens) -> None:
    assert "Success" in shown(opens("overview", lang="en"))


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
    assert "O servidor local não responde" in said(app)
