import re
from datetime import time, timedelta
from decimal import Decimal

import pytest

from calango.alerts.rules import METRICS, data_of, parse, rule_of
from calango.budgets.rules import Budget
from calango.errors import ConfigError

TEAM = Budget("team", Decimal(50))
SHARE = '[[rules]]\nname = "dear"\nmetric = "budget_share"\nabove = 0.8\n'
RULE = '[[rules]]\nname = "slow"\nmetric = "latency_ms_p95"\nabove = 8000\n'


def test_a_rule_has_defaults_that_make_sense():
    (rule,) = parse(RULE, {}).rules

    assert (rule.window, rule.min_turns, rule.severity) == (timedelta(hours=1), 10, "warning")


def test_every_part_of_a_rule_is_read():
    text = """
        [targets]
        team = "json://${HOOK}/x"
        [[rules]]
        name = "dear users"
        metric = "cost_usd_per_user"
        jump = 3
        window = "7d"
        min_turns = 5
        severity = "critical"
        filters = { environment = "production" }
        quiet = "22:00-07:30"
        remind = "never"
        to = ["team"]
    """
    rules = parse(text, {"HOOK": "example.org"})

    (rule,) = rules.rules
    assert (rule.kind, rule.threshold, rule.window, rule.remind) == ("jump", 3.0, timedelta(days=7), None)
    assert (rule.filters, rule.quiet) == ((("environment", "production"),), (time(22), time(7, 30)))
    assert dict(rules.targets) == {"team": "json://example.org/x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "no TOML"),
        ("[other]\n", "unknown table 'other'"),
        (RULE + "colour = 1\n", "unknown key 'colour'"),
        (RULE.replace("latency_ms_p95", "beauty"), "no known metric"),
        (RULE + "below = 1\n", "one of above, below and jump"),
        (RULE.replace("above = 8000", "above = -1"), "0 or more"),
        (RULE.replace("above = 8000", "above = nan"), "0 or more"),
        (RULE.replace("above = 8000", "jump = 1"), "jump of 1"),
        (RULE + 'window = "soon"\n', "window must be a time"),
        (RULE + 'severity = "loud"\n', "unknown severity"),
        (RULE + 'quiet = "at night"\n', "quiet must be hours"),
        (RULE + 'quiet = "22:00+03:00-07:00"\n', "quiet must be hours"),
        (RULE.replace("latency_ms_p95", "error_rate"), "share from 0 to 1"),
        (RULE + "enabled = 1\n", "enabled must be"),
        (RULE + "to = [[]]\n", "unknown target"),
        (RULE + 'filters = { mood = "bad" }\n', "unknown filter 'mood'"),
        (RULE + 'to = ["nobody"]\n', "unknown target"),
        (RULE + RULE, "Two alert rules are named 'slow'"),
        ('[targets]\nteam = "json://${HOOK}"\n', "needs HOOK"),
    ],
)
def test_a_mistake_is_named(text: str, said: str):
    with pytest.raises(ConfigError, match=said):
        parse(text, {})


def test_an_address_is_in_no_message():
    with pytest.raises(ConfigError) as caught:
        parse('[targets]\nteam = "slack://secret"\n' + RULE + 'to = ["x"]\n', {})

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("clock", "quiet"), [("21:59", False), ("22:00", True), ("03:00", True), ("07:00", False)])
def test_quiet_hours_may_span_midnight(clock: str, quiet: bool):
    (rule,) = parse(RULE + 'quiet = "22:00-07:00"\n', {}).rules

    assert rule.is_quiet(time.fromisoformat(clock)) is quiet


@pytest.mark.parametrize(
    ("limit", "value", "usual", "exceeded"),
    [
        ("above = 8000", 8000.1, None, True),
        ("above = 8000", 8000, None, False),
        ("below = 1", 0, None, True),
        ("jump = 3", 31, 10, True),
        ("jump = 3", 30, 10, False),
        ("jump = 3", 1000, None, False),
        ("jump = 0.5", 4, 10, True),
    ],
)
def test_a_threshold_is_exceeded_beyond_it(limit: str, value: float, usual: float | None, exceeded: bool):
    (rule,) = parse(RULE.replace("above = 8000", limit), {}).rules

    assert rule.is_exceeded(value, usual) is exceeded


def test_every_metric_can_be_used():
    for metric in METRICS.keys() - {"budget_share"}:
        assert parse(RULE.replace("latency_ms_p95", metric).replace("8000", "0.5"), {}).rules[0].metric == metric


@pytest.mark.parametrize("more", ["", 'quiet = "22:00-07:30"\nremind = "never"\nwindow = "36h"\nenabled = false\n'])
def test_what_a_rule_is_written_as_is_read_as_the_same_rule(more: str):
    (rule,) = parse(RULE + more, {}).rules

    assert rule_of(data_of(rule), []) == rule


def test_a_rule_on_a_budget_is_written_with_it():
    (rule,) = parse(SHARE + 'budget = "team"\n', {}, [TEAM]).rules

    assert rule_of(data_of(rule), [], [TEAM]) == rule


def test_a_rule_on_a_budget_knows_it():
    (rule,) = parse(SHARE + 'budget = "team"\n', {}, [TEAM]).rules

    assert (rule.budget, rule.min_turns) == (TEAM, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SHARE, "needs the name of a budget. There are team."),
        (SHARE + 'budget = "other"\n', "needs the name of a budget. There are team."),
        (SHARE + 'budget = "team"\nwindow = "1h"\n', "budget_share takes no window"),
        (RULE + 'budget = "team"\n', "has a budget. Only the metric budget_share"),
    ],
)
def test_a_mistake_about_a_budget_is_named(text, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        parse(text, {}, [TEAM])
