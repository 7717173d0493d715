"""What is spent of budgets: one question for all, so that its figures are of one moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from calango.budgets.rules import EVERY_TURN
from calango.budgets.wire import Asked, Question, Spent, Told
from calango.insights.period import Period
from calango.insights.scope import Scope, checked

_LATELY = timedelta(days=30)
_KEYS = {
    None: "NULL",
    "user": "user_id",
    "session": "session_id",
    "tag": f"unnest(list_filter(list_distinct(tags), lambda tag: tag <> '{EVERY_TURN}'))",
}
_SPENT = """
    SELECT key, coalesce(sum(cost_usd), 0) AS usd, count(*) AS turns,
        count(*) FILTER (unpriced_calls > 0) AS unpriced
    FROM (SELECT {key} AS key, cost_usd, unpriced_calls FROM asked) {where}
    GROUP BY key ORDER BY usd DESC, key LIMIT $limit
"""
_PER_TURN = "SELECT CAST(coalesce(avg(coalesce(cost_usd, 0)), 0) AS DECIMAL(24, 12)) AS usd FROM asked"
_TRACES = """
    SELECT trace_id, coalesce(cost_usd, 0) FROM turns
    WHERE project_id = $project AND trace_id IN (SELECT unnest($traces))
"""


def told(db: duckdb.DuckDBPyConnection, project_id: str, question: Question, now: datetime) -> Told:
    """Raises InputError for a filter that does not exist."""
    traces: dict[str, Decimal] = {}
    if question.traces:
        found = db.execute(_TRACES, {"project": project_id, "traces": question.traces}).fetchall()
        traces = {str(trace_id): cost for trace_id, cost in found}
    return Told(
        [spent(db, project_id, one) for one in question.budgets],
        [_per_turn(db, project_id, one, now) for one in question.budgets],
        traces,
    )


def spent(db: duckdb.DuckDBPyConnection, project_id: str, asked: Asked) -> list[Spent]:
    """The dearest key first. Raises InputError for a filter that does not exist."""
    scope = Scope(project_id, Period(_moment(asked.start_ns), _moment(asked.end_ns)), checked(dict(asked.filters)))
    where = "" if asked.each is None else "WHERE key IS NOT NULL"
    given: dict[str, Any] = {"limit": asked.limit}
    if asked.each is not None and asked.keys is not None:
        where += " AND key IN (SELECT unnest($keys))"
        given["keys"] = asked.keys
    rows = scope.rows(db, _SPENT.format(key=_KEYS[asked.each], where=where), **given)
    found = [Spent(row["key"], row["usd"], row["turns"], row["unpriced"]) for row in rows]
    return found or ([Spent(None, Decimal(0))] if asked.each is None else [])


def _per_turn(db: duckdb.DuckDBPyConnection, project_id: str, asked: Asked, now: datetime) -> Decimal:
    scope = Scope(project_id, Period(now - _LATELY, now + timedelta(days=1)), checked(dict(asked.filters)))
    return scope.rows(db, _PER_TURN)[0]["usd"]


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC)
