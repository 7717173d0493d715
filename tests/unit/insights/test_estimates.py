"""Costs that are estimates are known as such in every answer."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from calango.insights import conversations, costs, turns
from calango.insights.period import Period
from calango.insights.scope import Scope
from calango.reports.sections import breakdown
from calango.reports.table import shown
from calango.server.trace_page import trace_html
from calango.store import ObservationRow, Store
from calango.store.derive import trace_of

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ABOUT = Scope("p", Period(NOW - timedelta(days=1), NOW + timedelta(days=1)))


def call(trace: str, model: str, metadata: str | None) -> ObservationRow:
    start_ns = int(NOW.timestamp()) * 10**9
    return ObservationRow(
        "p", trace, trace, start_ns, end_ns=start_ns, type="GENERATION", is_root=True, model=model, session_id=trace,
        total_cost=Decimal("0.5"), metadata_json=metadata,
    )  # fmt: skip


ROWS = [
    call("listed", "gpt-4o", '{"note": "cost_estimated is not said"}'),
    call("local", "qwen3:8b", '{"cost_estimated": "true"}'),
]


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    made = Store.open(tmp_path / "calango.duckdb")
    made.insert(ROWS).result(10)
    made.add_up()
    yield made
    made.close()


def test_a_total_with_an_estimate_in_it_is_one(store: Store):
    with store.read() as db:
        assert costs.total(db, ABOUT).cost_estimated is True


@pytest.mark.parametrize("by", ["model", "session"])
def test_only_the_group_with_the_estimate_is_marked(store: Store, by: str):
    with store.read() as db:
        found = {group.key: group.measures.cost_estimated for group in costs.breakdown(db, ABOUT, by)}

    assert sorted(found.items()) == [*{"model": [("gpt-4o", False), ("qwen3:8b", True)],
                                       "session": [("listed", False), ("local", True)]}[by]]  # fmt: skip


def test_turns_and_conversations_say_it_of_themselves(store: Store):
    with store.read() as db:
        listed = {turn.trace_id: turn.cost_estimated for turn in turns.turns(db, ABOUT).turns}
        latest = {one.session_id: one.cost_estimated for one in conversations.conversations(db, ABOUT).latest}

    assert listed == latest == {"listed": False, "local": True}


def test_a_report_marks_the_estimate_and_keeps_the_number(store: Store):
    with store.read() as db:
        table = breakdown(costs.breakdown(db, ABOUT, "model"), "model", whole=False)
    place = [column.name for column in table.columns].index("cost_usd")
    found = {row[0]: row[place] for row in table.rows}

    assert (shown(found["qwen3:8b"], "usd"), found["qwen3:8b"]) == ("≈ US$ 0.5000", 0.5)
    assert shown(found["gpt-4o"], "usd") == "US$ 0.5000"


@pytest.mark.parametrize(("row", "text"), [(ROWS[0], "· US$ 0.5 ·"), (ROWS[1], "· ≈ US$ 0.5 ·")])
def test_the_page_of_a_trace_marks_the_estimate(row: ObservationRow, text: str):
    trace = trace_of(row.trace_id, [row])
    assert trace is not None

    assert text in trace_html(trace, [])
