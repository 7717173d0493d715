"""What a rule's metric is now, and what is usual at this hour. Reads the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

import duckdb

from calango.alerts.incidents import Reading
from calango.alerts.rules import Rule
from calango.budgets.rules import Budget
from calango.budgets.wire import asked
from calango.insights import costs, quality, spending
from calango.insights.answers import Measures
from calango.insights.period import Period
from calango.insights.scope import Scope

PAST_WEEKS = 4
POINTS = 24
_ENOUGH_WEEKS = 2  # below that nothing is called usual


def read(db: duckdb.DuckDBPyConnection, project_id: str, rule: Rule, now: datetime) -> Reading:
    """`now` knows its time zone: that of the people whose hours are usual."""
    if rule.budget is not None:
        return _of_budget(db, project_id, rule.budget, now, rule.min_turns)
    start = (now.astimezone(UTC) - rule.window).astimezone(now.tzinfo)
    found = _value(db, Scope(project_id, Period(start, now), rule.filters), rule.metric)
    if rule.kind != "jump":
        return found
    return Reading(found.value, found.sample, _usual(db, project_id, rule, now), found.subject)


@dataclass(frozen=True, slots=True)
class Point:
    """The metric of one window, that ended at `end`; None where there was nothing to measure."""

    end: datetime
    value: float | None


def series(db: duckdb.DuckDBPyConnection, project_id: str, rule: Rule, now: datetime) -> list[Point]:
    """The metric of the last windows, one beside the other, the last one up to `now`. Oldest first.

    Empty for a rule on a budget, which has no window.
    """
    if rule.budget is not None:
        return []
    ends = [
        (now.astimezone(UTC) - number * rule.window).astimezone(now.tzinfo) for number in reversed(range(POINTS + 1))
    ]
    return [
        Point(end, _value(db, Scope(project_id, Period(start, end), rule.filters), rule.metric).value)
        for start, end in pairwise(ends)
    ]


def _of_budget(db: duckdb.DuckDBPyConnection, project_id: str, budget: Budget, now: datetime, enough: int) -> Reading:
    """The largest share, and whose it is. Nothing spent is known, too: so a new day or month ends what was."""
    question = asked(budget, budget.period(now), limit=1)
    most = next(iter(spending.spent(db, project_id, question)), None)
    if most is None:
        return Reading(0.0, enough)
    return Reading(float(most.usd / budget.usd), max(most.turns, enough), subject=most.key)


def _usual(db: duckdb.DuckDBPyConnection, project_id: str, rule: Rule, now: datetime) -> float | None:
    """The median of the same hours of past weeks, by the local clock; None when there were too few with turns."""
    values: list[float] = []
    for week in range(1, PAST_WEEKS + 1):
        then = now - timedelta(weeks=week)  # the same clock, also across a change of daylight saving time
        start = (then.astimezone(UTC) - rule.window).astimezone(now.tzinfo)
        found = _value(db, Scope(project_id, Period(start, then), rule.filters), rule.metric)
        if found.value is not None and found.sample > 0:
            values.append(found.value)
    return median(values) if len(values) >= _ENOUGH_WEEKS else None


def _value(db: duckdb.DuckDBPyConnection, scope: Scope, metric: str) -> Reading:
    if metric == "tool_failure_rate":
        tools = quality.tools(db, scope)
        calls = sum(tool.calls for tool in tools)
        return Reading(sum(tool.failures for tool in tools) / calls if calls else None, calls)
    if metric == "cost_usd_per_user":
        dearest = next((one for one in costs.breakdown(db, scope, "user", limit=2) if one.key is not None), None)
        if dearest is None:
            return Reading(None, 0)
        return Reading(dearest.measures.cost_usd, dearest.measures.turns, subject=dearest.key)
    total = costs.total(db, scope)
    return Reading(_of_total(total, metric), total.votes if metric == "satisfaction" else total.turns)


def _of_total(total: Measures, metric: str) -> float | None:
    if metric == "error_rate":
        return None if total.success_rate is None else 1 - total.success_rate
    if metric == "satisfaction":
        return total.votes_up / total.votes if total.votes else None
    if metric == "turns":
        return float(total.turns)
    if metric == "cost_usd":
        return total.cost_usd or 0.0
    return total.latency_ms_p95 if metric == "latency_ms_p95" else total.first_token_ms_p95
