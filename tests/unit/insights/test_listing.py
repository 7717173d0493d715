"""Rows behind the answers, page by page."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from calango.errors import InputError
from calango.insights.costs import breakdown
from calango.insights.listing import COLUMNS, count, page
from calango.insights.period import period
from calango.insights.scope import Scope
from calango.store import ObservationRow, ScoreRow, Store
from calango.store.write import put_scores

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
START_NS = 1_795_100_000_000_000_000
ALL = Scope("p", period("7d", None, "UTC", NOW))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Generator[Store]:
    """Five turns of two model calls each; two begin in the same nanosecond."""
    opened = Store.open(tmp_path_factory.mktemp("listing") / "calango.duckdb")
    starts = [START_NS + offset for offset in (0, 1_000_000, 1_000_000, 2_000_000, 3_000_000)]
    for number, start_ns in enumerate(starts):
        opened.insert([
            ObservationRow(
                project_id="p", trace_id=f"t{number}", id=f"{number}{place}", start_ns=start_ns + place,
                end_ns=start_ns + 500 + place, is_root=place == 0, type="SPAN" if place == 0 else "GENERATION",
                input=f"question {number}", output=f"answer {number}", user_id=f"u{number % 2}", name="x",
            )
            for place in range(3)
        ]).result(10)  # fmt: skip
    vote = ScoreRow("p", "vote", "user-feedback", START_NS + 9, "BOOLEAN", value=1.0, trace_id="t1", comment="=1+1")
    opened.write(lambda db: put_scores(db, [vote])).result(10)
    opened.add_up()
    yield opened
    opened.close()


def listed(store: Store, what: str, scope: Scope = ALL, limit: int = 2) -> list[dict[str, object]]:
    found, after = [], None
    with store.read() as db:
        while True:
            got = page(db, scope, what, after, limit)
            found += got.rows
            if (after := got.after) is None:
                return found


@pytest.mark.parametrize(("what", "rows"), [("traces", 5), ("costs", 10), ("scores", 1)])
def test_pages_together_hold_every_row_once(store: Store, what: str, rows: int):
    found = [str(row) for row in listed(store, what)]

    assert (len(found), len(set(found))) == (rows, rows)


@pytest.mark.parametrize("what", COLUMNS)
def test_as_many_rows_are_announced_as_come(store: Store, what: str):
    with store.read() as db:
        assert count(db, ALL, what) == len(listed(store, what))


@pytest.mark.parametrize("what", COLUMNS)
def test_every_row_has_the_columns_that_are_promised(store: Store, what: str):
    assert {tuple(row) for row in listed(store, what)} == {tuple(COLUMNS[what])}


def test_the_oldest_come_first(store: Store):
    assert [row["trace_id"] for row in listed(store, "traces")] == ["t0", "t1", "t2", "t3", "t4"]


def test_a_turn_has_its_words_and_votes(store: Store):
    row = listed(store, "traces")[1]

    assert (row["input"], row["output"], row["votes"], row["votes_up"]) == ("question 1", "answer 1", 1, 1)


@pytest.mark.parametrize(("what", "rows"), [("traces", 2), ("costs", 4), ("scores", 1)])
def test_filters_choose_rows(store: Store, what: str, rows: int):
    assert len(listed(store, what, Scope("p", ALL.period, (("user", "u1"),)))) == rows


def test_another_project_has_none(store: Store):
    assert listed(store, "traces", Scope("q", ALL.period)) == []


def test_what_can_not_be_listed_is_named_with_what_can(store: Store):
    with pytest.raises(InputError, match="no list of moods"):
        listed(store, "moods")


@pytest.mark.parametrize("by", ["user", "model"])
def test_a_breakdown_without_people_differs_in_nothing_else(store: Store, by: str):
    with store.read() as db:
        whole, brief = breakdown(db, ALL, by), breakdown(db, ALL, by, people=False)

    assert [replace(group, measures=replace(group.measures, users=None, sessions=None)) for group in whole] == brief
