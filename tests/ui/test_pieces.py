"""What the pages are made of, without a page: addresses, points of charts, trees."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calango import bundled
from calango.errors import InputError
from calango.insights.answers import Group, Measures
from calango.insights.known_errors import KNOWN
from calango.insights.period import period
from calango.insights.scope import FILTERS
from calango.records import Observation

address = bundled.module("ui", "analytics.address")
series = bundled.module("ui", "analytics.series")
tree = bundled.module("ui", "analytics.tree")
i18n = bundled.module("ui", "i18n")
ZONE = "America/Sao_Paulo"
NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)


def at(**given: str) -> Any:
    return address.Address(given, ZONE)


def test_the_address_knows_every_filter_of_the_server() -> None:
    assert set(address.FILTERS) == set(FILTERS)


def test_a_link_carries_period_filters_and_language_and_nothing_else() -> None:
    here = at(since="30d", model="gpt-4o", lang="en", page="3", trace="x", order="dearest")
    assert here.query(outcome="error") == {"since": "30d", "model": "gpt-4o", "lang": "en", "outcome": "error"}
    assert here.query(model=None) == {"since": "30d", "lang": "en"}


def test_numbers_in_an_address_that_are_none_are_as_if_absent() -> None:
    here = at(page="-2", min_cost="many", min_latency="nan")
    assert (here.number("page"), here.amount("min_cost"), here.amount("min_latency")) == (1, None, None)
    assert at(page="9" * 30).number("page") == 1


def test_a_period_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="no time range"):
        at(since="soon").period()


def test_days_without_turns_count_zero_and_have_no_rates() -> None:
    about = period("2026-03-01", "2026-03-03", ZONE, NOW)
    turns = Measures(turns=4, ok=3, error=1, success_rate=0.75, cost_usd=0.5)
    points = series.points([Group("2026-03-02T00:00:00-03:00", turns)], about, "day")
    assert [point["at"].day for point in points] == [1, 2, 3]
    assert [point["turns"] for point in points] == [0, 4, 0]
    assert [point["success"] for point in points] == [None, 0.75, None]
    assert [point["cost"] for point in points] == [None, 0.5, None]


@pytest.mark.parametrize(("grain", "count"), [("hour", 48), ("day", 2), ("week", 1), ("month", 1)])
def test_a_chart_has_a_place_for_every_bucket_of_the_period(grain: str, count: int) -> None:
    about = period("2026-03-03", "2026-03-04", ZONE, NOW)
    assert len(series.points([], about, grain)) == count
    first, last = (datetime.fromisoformat(text) for text in series.domain(about, grain))
    assert first < about.start.replace(tzinfo=None)
    assert last > about.start.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)


def observed(id_: str, parent: str | None, start: int, end: int | None = 100) -> Observation:
    return Observation(id_, "trace", "SPAN", id_, start, end, parent)


def test_a_tree_is_depth_first_with_siblings_by_start() -> None:
    found = [observed("late", "root", 60), observed("deep", "early", 20), observed("early", "root", 10),
             observed("root", None, 0)]  # fmt: skip
    assert [(node.observation.id, node.depth) for node in tree.nodes(found)] == [
        ("root", 0), ("early", 1), ("deep", 2), ("late", 1),
    ]  # fmt: skip


def test_observations_without_a_parent_or_in_a_circle_are_shown_once() -> None:
    found = [observed("orphan", "gone", 5), observed("a", "b", 1), observed("b", "a", 2)]
    assert sorted(node.observation.id for node in tree.nodes(found)) == ["a", "b", "orphan"]


def test_what_still_runs_has_no_duration() -> None:
    assert tree.nodes([observed("root", None, 0, None)])[0].duration_ms is None


@pytest.mark.parametrize("locale", i18n.LANGUAGES)
def test_causes_and_fixes_of_known_errors_are_translated(locale: str) -> None:
    sentences = {sentence for _, cause, fix in KNOWN for sentence in (cause, fix)}
    assert set(i18n.catalog(locale, "errors")) == sentences


def test_sums_shares_and_spans_follow_the_language() -> None:
    from decimal import Decimal

    from calango.currency import Money

    pt, en = i18n.Texts("pt_BR"), i18n.Texts("en")
    assert (pt.sum(Money(Decimal("1234.5"))), en.sum(Money(Decimal("1234.5")))) == ("US$\xa01.234,50", "$1,234.50")
    assert pt.sum(Money(Decimal("0.0123"))) == "US$\xa00,0123"
    assert pt.sum(Money(Decimal("0.0000123"))) == "US$\xa00,000012"
    assert (pt.percent(0.9653), en.percent(0.9653), pt.percent(None)) == ("96,5%", "96.5%", "–")
    assert (pt.span(38.2), pt.span(240), pt.span(7500)) == ("38,2\xa0s", "4\xa0min", "2\xa0h\xa05\xa0min")


@pytest.mark.parametrize("kind", ["bar", "line"])
@pytest.mark.parametrize("grain", ["hour", "day", "week", "month"])
def test_a_chart_keeps_to_the_schema_of_vega_lite(kind: str, grain: str) -> None:
    charts = bundled.module("ui", "analytics.charts")
    rows = [{"at": datetime(2026, 11, day, tzinfo=UTC).replace(tzinfo=None), "a": day, "b": None} for day in (1, 2)]
    chart = charts.over_time(
        rows, {"a": "A", "b": "B"}, unit="turns", kind=kind, grain=grain, language="pt_BR", colors=["red", "blue"],
        domain=("2026-11-01T00:00:00", "2026-11-03T00:00:00"),
    )  # fmt: skip

    assert chart.properties(height=200).configure(locale=charts.locale("pt_BR")).to_dict()["height"] == 200
