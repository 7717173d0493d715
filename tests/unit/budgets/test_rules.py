from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from calango.budgets import rules
from calango.budgets.rules import Budget, parse
from calango.budgets.setup import budgets_of
from calango.errors import ConfigError
from calango.insights import scope
from tests.support.servers import settings_for

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
ABOUT = {"user": ("ana",), "session": ("s",), "tag": ("calango", "batch", "night"), "environment": ("production",)}


def test_a_file_becomes_budgets_and_what_it_leaves_out_has_a_default():
    text = """
        [[budgets]]
        name = "team"
        usd = 50

        [[budgets]]
        name = "each a day"
        usd = 0.30
        per = "day"
        each = "user"
        filters = { tag = "batch", environment = "production" }
        then = "stop"
        warn_at = 0.5
    """

    assert parse(text, "f") == (
        Budget("team", Decimal(50), "month", None, (), "warn", Decimal("0.8")),
        Budget(
            "each a day", Decimal("0.30"), "day", "user",
            (("environment", "production"), ("tag", "batch")), "stop", Decimal("0.5"),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("usd = 1", "b.toml, budget 1: it needs a name"),
        ('name = "a"', "budget 'a': usd must be a number above 0"),
        ('name = "a"\nusd = 0', "usd must be a number above 0"),
        ('name = "a"\nusd = nan', "usd must be a number above 0"),
        ('name = "a"\nusd = "1"', "usd must be a number above 0"),
        ('name = "a"\nusd = true', "usd must be a number above 0"),
        ('name = "a"\nusd = 1\nwarn_at = 80', "warn_at must be a share above 0, at most 1"),
        ('name = "a"\nusd = 1\nper = "week"', "per must be one of day, month, all"),
        ('name = "a"\nusd = 1\neach = "model"', "each must be one of user, session, tag"),
        ('name = "a"\nusd = 1\nthen = "die"', "then must be one of warn, stop"),
        ('name = "a"\nusd = 1\nlimit = 2', "'limit' is unknown; it may have name, usd"),
        ('name = "a"\nusd = 1\nfilters = { team = "x" }', "there is no filter 'team'; there are user, session"),
        ('name = "a"\nusd = 1\nfilters = { tag = 5 }', "the filter tag must be text in quotes"),
        ('name = "a"\nusd = 1\nfilters = "x"', "filters must be a table"),
        ('name = "a"\nusd = 1\nthen = "stop"\nfilters = { model = "x" }', "can't stop turns by their model"),
        ('name = "a"\nusd = 1\n[[budgets]]\nname = "a"\nusd = 2', "two budgets are named 'a'"),
        ('name = "a"\nusd = ', "is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_budget_and_key(entry, told):
    with pytest.raises(ConfigError) as error:
        parse(f"[[budgets]]\n{entry}", "b.toml")

    assert told in str(error.value)


def test_an_unknown_table_is_named():
    with pytest.raises(ConfigError, match="'budget' is unknown"):
        parse("[[budget]]\nname = 'a'", "b.toml")


def test_a_file_that_is_named_must_be_there(home):
    assert budgets_of(settings_for(home)) == ()
    with pytest.raises(ConfigError, match="can't be read"):
        budgets_of(settings_for(home, budgets=home / "none.toml"))


def test_filters_are_those_of_every_other_question():
    assert set(rules.FILTERS) == set(scope.FILTERS)


@pytest.mark.parametrize(
    ("now", "per", "start", "end"),
    [
        ("2026-11-20T23:59:59", "day", "2026-11-20T00:00:00-03:00", "2026-11-21T00:00:00-03:00"),
        ("2026-11-21T00:00:00", "day", "2026-11-21T00:00:00-03:00", "2026-11-22T00:00:00-03:00"),
        ("2026-12-31T23:00:00", "month", "2026-12-01T00:00:00-03:00", "2027-01-01T00:00:00-03:00"),
        ("2018-11-04T12:00:00", "day", "2018-11-04T00:00:00-03:00", "2018-11-05T00:00:00-02:00"),
    ],
)
def test_days_and_months_are_those_of_the_local_calendar(now, per, start, end):
    found = Budget("b", Decimal(1), per).period(datetime.fromisoformat(now).replace(tzinfo=SAO_PAULO))

    assert found.start is not None
    assert found.end is not None
    assert (found.start.isoformat(), found.end.isoformat()) == (start, end)


def test_a_budget_of_all_time_has_no_bounds():
    found = Budget("b", Decimal(1), "all").period(datetime.now(SAO_PAULO))

    assert (found.start, found.end) == (None, None)


@pytest.mark.parametrize(
    ("each", "filters", "keys"),
    [
        (None, (), [None]),
        ("user", (), ["ana"]),
        ("tag", (), ["batch", "night"]),  # not the tag that every turn has
        (None, (("tag", "night"),), [None]),
        (None, (("tag", "day"),), []),
        ("user", (("user", "bob"),), []),
        (None, (("release", "1"),), []),
        (None, (("model", "gpt-5"),), []),
    ],
)
def test_a_turn_takes_the_parts_of_its_user_session_and_tags(each, filters, keys):
    assert Budget("b", Decimal(1), each=each, filters=filters).keys(ABOUT) == keys
