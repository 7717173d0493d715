from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from calango.alerts.incidents import Incident, News, Reading, step
from calango.alerts.rules import Rule

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RULE = Rule("slow", "latency_ms_p95", "above", 8000, remind=timedelta(hours=6))
BAD, GOOD, UNKNOWN = Reading(9000, 50), Reading(100, 50), Reading(9000, 3)


def play(
    *steps: tuple[float, Reading], rule: Rule = RULE, muted: tuple[float, ...] = (), acknowledged: bool = False
) -> tuple[list[News | None], Incident | None]:
    """Evaluate at each hour; what was told, and the incident at the end."""
    incident: Incident | None = None
    told: list[News | None] = []
    for hour, reading in steps:
        now = START + timedelta(hours=hour)
        incident, news = step(rule, reading, incident, now, muted=hour in muted)
        if incident is not None and incident.is_settled:
            incident = None
        elif acknowledged and incident is not None and incident.acknowledged_ns is None:
            incident = replace(incident, acknowledged_ns=1)
        told.append(news)
    return told, incident


def test_an_incident_is_told_once_when_it_opens():
    assert play((0, BAD), (0.2, BAD), (0.4, BAD))[0] == ["opened", None, None]


def test_its_end_is_told_once():
    assert play((0, BAD), (1, GOOD), (2, GOOD))[0] == ["opened", "recovered", None]


def test_people_are_reminded_after_the_set_time():
    assert play((0, BAD), (5.9, BAD), (6, BAD), (11, BAD), (12, BAD))[0] == [
        "opened",
        None,
        "reminder",
        None,
        "reminder",
    ]


def test_a_rule_without_reminders_stays_silent():
    rule = Rule("slow", "latency_ms_p95", "above", 8000, remind=None)

    assert play((0, BAD), (100, BAD), rule=rule)[0] == ["opened", None]


def test_too_few_turns_neither_open_nor_end_an_incident():
    assert play((0, UNKNOWN))[0] == [None]
    assert play((0, BAD), (1, UNKNOWN))[1] is not None


def test_no_traffic_is_noticed_by_its_absence():
    rule = Rule("silence", "turns", "below", 1, min_turns=10)

    assert play((0, Reading(0.0, 0)), rule=rule)[0] == ["opened"]


def test_an_acknowledged_incident_reminds_nobody_and_tells_its_end():
    assert play((0, BAD), (7, BAD), (8, GOOD), acknowledged=True)[0] == ["opened", None, "recovered"]


def test_quiet_hours_hold_the_message_back_until_they_end():
    rule = Rule("slow", "latency_ms_p95", "above", 8000, quiet=(time(12), time(14)))

    assert play((0, BAD), (1, BAD), (2, BAD), rule=rule)[0] == [None, None, "opened"]


def test_what_came_and_went_in_quiet_hours_is_not_told():
    rule = Rule("slow", "latency_ms_p95", "above", 8000, quiet=(time(12), time(14)))

    assert play((0, BAD), (1, GOOD), (3, GOOD), rule=rule)[0] == [None, None, None]


def test_an_end_in_quiet_hours_is_told_afterwards():
    rule = Rule("slow", "latency_ms_p95", "above", 8000, quiet=(time(13), time(15)))

    assert play((0, BAD), (1, GOOD), (2, GOOD), (3, GOOD), rule=rule)[0] == ["opened", None, None, "recovered"]


def test_critical_ones_do_not_wait():
    rule = Rule("slow", "latency_ms_p95", "above", 8000, quiet=(time(12), time(14)), severity="critical")

    assert play((0, BAD), rule=rule)[0] == ["opened"]


def test_a_muted_rule_is_silent_until_the_mute_ends():
    assert play((0, BAD), (1, BAD), (2, BAD), muted=(0, 1))[0] == [None, None, "opened"]


@pytest.mark.parametrize(
    ("kind", "values", "worst"), [("above", (9000, 12000, 10000), 12000), ("below", (0.4, 0.1, 0.3), 0.1)]
)
def test_the_worst_value_is_kept(kind: str, values: tuple[float, ...], worst: float):
    rule = Rule("x", "satisfaction", kind, 8000 if kind == "above" else 0.5)  # type: ignore[arg-type]
    _, incident = play(*((float(hour), Reading(value, 50)) for hour, value in enumerate(values)), rule=rule)

    assert incident is not None
    assert incident.worst == worst
