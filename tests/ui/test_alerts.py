"""The Alerts page, before a server with one rule of the file that is exceeded, and rules that are made here."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from calango import bundled
from calango.alerts import rules
from calango.local import LocalServer
from calango.questions import Questions
from calango.server.wire_alerts import TROUBLES
from tests.support.servers import client_of
from tests.ui.conftest import ABOUT, Opens, button, links, said, texts

pytestmark = pytest.mark.xdist_group("pages")
PATH = "/api/calango/alerts"
MINE = {"name": "caro", "metric": "cost_usd", "above": 1000, "window": "1d", "filters": {"environment": "production"}}


@pytest.fixture
def desk(filled: LocalServer) -> Generator[httpx.Client]:
    """The server with no own rules and no mute, afterwards, too."""
    with client_of(filled) as client:
        yield client
        for rule in client.get(PATH).json()["rules"]:
            client.put(f"{PATH}/mutes", json={"rule": rule["name"], "seconds": 0})
            client.delete(f"{PATH}/rules/{quote(rule['name'])}")


def own(desk: httpx.Client) -> list[dict[str, Any]]:
    return [rule["data"] for rule in desk.get(PATH).json()["rules"] if rule["source"] == "own"]


def field(app: AppTest, kind: str, name: str) -> Any:
    return getattr(app, kind)(key=f"alert-field-{name}")


def test_with_no_rules_the_page_says_how_to_begin(page: Opens) -> None:
    app = page()
    app._page_hash = calc_hash("alerts")
    app.run()
    assert not app.exception
    assert "Ninguém vigia ainda" in app.info[0].value
    assert "Nenhuma" not in [box.value for box in app.success]
    assert "[targets]" in app.code[0].value


def test_an_open_incident_shows_its_value_its_limit_and_leads_to_its_turns(
    opens: Opens, desk: httpx.Client, questions: Questions
) -> None:
    desk.post(f"{PATH}/check")
    app = opens("alerts")
    right = texts().number(questions.overview(ABOUT).total.turns)
    assert f"Turnos: **{right}** · no máximo 10" in said(app)
    (link,) = [link for link in links(app) if link.startswith("traces?") and "since=20" in link]
    assert "user=" not in link


def test_an_incident_is_acknowledged(opens: Opens, desk: httpx.Client) -> None:
    desk.post(f"{PATH}/check")
    incident = next(one["id"] for one in desk.get(PATH).json()["incidents"] if one["acknowledgedAt"] is None)
    app = opens("alerts").button(key=f"alert-ack-{incident}").click().run()
    assert [toast.value for toast in app.toast] == ["Reconhecido."]
    assert f"alert-ack-{incident}" not in [one.key for one in app.button]


def test_check_now_evaluates_and_says_so(opens: Opens, desk: httpx.Client) -> None:
    desk.post(f"{PATH}/rules", json=MINE)
    app = button(opens("alerts"), "Verificar agora").click().run()
    assert [toast.value for toast in app.toast] == ["Todas as regras foram avaliadas."]
    assert desk.get(PATH).json()["rules"][1]["reading"] is not None


def test_a_muted_rule_can_be_heard_again(opens: Opens, desk: httpx.Client) -> None:
    desk.put(f"{PATH}/mutes", json={"rule": "muitos turnos", "seconds": 3600})
    app = opens("alerts").button(key="alert-unmute-rule-muitos turnos").click().run()
    assert not app.exception
    assert desk.get(PATH).json()["rules"][0]["mutedUntil"] is None


def test_a_rule_is_made_with_what_its_metric_needs(opens: Opens, desk: httpx.Client) -> None:
    app = opens("alerts", rule="*")
    app = field(app, "selectbox", "metric").set_value("satisfaction").run()
    field(app, "text_input", "name").set_value("insatisfeitos")
    field(app, "number_input", "limit").set_value(65.0)
    app = button(app, "Salvar").click().run()
    assert not app.exception
    (data,) = own(desk)
    assert (data["metric"], data["below"], data["min_turns"]) == ("satisfaction", 0.65, 20)
    assert "to" not in data  # all of them
    assert "rule" not in app.query_params


def test_no_traffic_needs_no_least_number_of_turns(opens: Opens) -> None:
    app = field(opens("alerts", rule="*"), "selectbox", "metric").set_value("turns").run()
    assert field(app, "selectbox", "kind").value == "below"
    assert "alert-field-min" not in [one.key for one in app.number_input]


def test_a_rule_is_changed_and_keeps_what_was_not_touched(opens: Opens, desk: httpx.Client) -> None:
    desk.post(f"{PATH}/rules", json=MINE)
    app = opens("alerts", rule="caro")
    field(app, "number_input", "limit").set_value(5.0)
    app = button(app, "Salvar").click().run()
    assert not app.exception
    (data,) = own(desk)
    assert (data["above"], data["filters"], data["window"]) == (
        5.0,
        {"environment": "production"},
        "1d",
    )


def test_what_the_server_refuses_is_shown_and_the_form_stays(opens: Opens, desk: httpx.Client) -> None:
    app = opens("alerts", rule="*")
    field(app, "text_input", "name").set_value("muitos turnos")
    app = button(app, "Salvar").click().run()
    assert "Já existe uma regra chamada “muitos turnos”." in said(app).replace("\\", "")
    assert field(app, "text_input", "name").value == "muitos turnos"
    assert own(desk) == []


def test_a_preview_says_what_the_rule_would_say_and_keeps_nothing(opens: Opens, desk: httpx.Client) -> None:
    app = field(opens("alerts", rule="*"), "selectbox", "window").set_value("7d").run()
    field(app, "number_input", "limit").set_value(0.1)
    app = button(app, "O que diria agora?").click().run()
    assert "Agora seria um alerta." in app.error[0].value
    assert [chart for chart in app.main if chart.type == "vega_lite_chart"]
    assert own(desk) == []


def test_a_rule_is_switched_off_and_can_be_switched_on_again(opens: Opens, desk: httpx.Client) -> None:
    desk.post(f"{PATH}/rules", json=MINE)
    app = opens("alerts").button(key="alert-switch-caro").click().run()
    assert own(desk)[0]["enabled"] is False
    assert app.button(key="alert-switch-caro").label == "Ligar"


def test_a_rule_of_the_file_can_not_be_changed_here(opens: Opens) -> None:
    app = opens("alerts")
    assert "alert-switch-muitos turnos" not in [one.key for one in app.button]
    assert "Não há regra com esse nome" in opens("alerts", rule="muitos turnos").info[0].value


def test_a_trial_message_says_whether_it_was_taken(opens: Opens) -> None:
    app = button(opens("alerts"), "Enviar mensagem de teste").click().run()
    assert "rede privada" in said(app)


def test_messages_show_their_tries_and_why_they_did_not_arrive(opens: Opens, desk: httpx.Client) -> None:
    desk.post(f"{PATH}/check")
    rows = opens("alerts").dataframe[-1].value
    assert list(rows["tries"]) == [1]
    assert "rede privada" in rows["error"][0]
    assert rows["state"][0].startswith("… próxima tentativa")


def test_the_address_of_a_target_is_not_on_the_page(opens: Opens) -> None:
    assert "hush" not in said(opens("alerts"))


def test_every_metric_and_every_trouble_has_its_words() -> None:
    words = bundled.module("ui", "analytics.alert_words")
    assert set(words.metrics(texts())) == set(rules.METRICS)
    assert set(words.troubles(texts())) == set(TROUBLES.values())
