from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from calango.alerts.charts import ticks
from calango.alerts.incidents import Incident, News
from calango.alerts.rules import METRICS, Rule
from calango.alerts.texts import Locale, metric_name, text, trial, value

OPENED_NS = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()) * 10**9
RULE = Rule("lentidão", "latency_ms_p95", "above", 8000, severity="critical", filters=(("environment", "production"),))
INCIDENT = Incident("lentidão", OPENED_NS, 9_400, 12_345, closed_ns=OPENED_NS + 5_400 * 10**9)


@pytest.mark.parametrize(
    ("news", "title"),
    [("opened", "Crítico: lentidão"), ("reminder", "Continua: lentidão"), ("recovered", "Resolvido: lentidão")],
)
def test_the_title_says_in_portuguese_what_happened(news: News, title: str):
    assert text(RULE, INCIDENT, news, "pt_BR", None).title == title


def test_the_message_says_in_portuguese_what_the_value_is_and_where_to_look():
    assert text(RULE, INCIDENT, "opened", "pt_BR", "http://ui/traces").body.split("\n") == [
        "Latência (p95): 9,40 s (limite: no máximo 8,00 s), nos últimos 1 h",
        "environment: production",
        "Traces: http://ui/traces",
    ]


def test_the_end_says_in_portuguese_how_bad_it_was_and_how_long():
    assert text(RULE, INCIDENT, "recovered", "pt_BR", None).body.split("\n")[1:3] == [
        "Pior valor: 12,35 s",
        "Durou 1 h 30 min",
    ]


def test_a_jump_names_what_is_usual_and_the_dearest_user():
    rule = Rule("caro", "cost_usd_per_user", "jump", 3, window=timedelta(days=1))
    incident = Incident("caro", OPENED_NS, 1.5, 1.5, subject="ana", usual=0.25)

    assert text(rule, incident, "opened", "pt_BR", None).body.split("\n") == [
        "Custo do usuário mais caro: US$ 1,50 (o normal neste horário é US$ 0,2500), nos últimos 1 d",
        "Usuário: ana",
    ]


@pytest.mark.parametrize("locale", ["pt_BR", "en"])
def test_every_metric_has_a_name_and_a_test_its_words(locale: Locale):
    assert all(metric_name(metric, locale) for metric in METRICS)
    assert trial(locale).body


def test_a_message_says_nothing_of_an_end_that_has_not_come():
    assert "Durou" not in text(RULE, replace(INCIDENT, closed_ns=None), "opened", "pt_BR", None).body


def test_values_carry_their_unit_and_decimal_sign():
    shown = [value("satisfaction", 0.625, "pt_BR"), value("cost_usd", 0.005, "pt_BR"), value("turns", 3, "en")]
    assert shown == ["62,5 %", "US$ 0,0050", "3"]


@pytest.mark.parametrize(
    ("highest", "whole", "expected"),
    [
        (10_000, False, [0, 2500, 5000, 7500, 10_000]),
        (0.3, False, [0, 0.1, 0.2, 0.3]),
        (3, True, [0, 1, 2, 3]),
        (0, False, [0, 2.5e-10]),
    ],
)
def test_the_axis_has_round_values_up_to_the_highest(highest: float, whole: bool, expected: list[float]):
    assert ticks(highest, whole=whole) == pytest.approx(expected)
