# ruff: noqa: S608 - names of tables and columns come from this package; values are always parameters
"""What it cost, how fast it was, how it ended: in total, over time, and by anything that turns have."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from calango.errors import InputError
from calango.insights.answers import Group, Measures, Overview, Trend
from calango.insights.period import GRAINS
from calango.insights.scope import STARS, THUMBS, Scope
from calango.insights.statistics import NOTABLE, Sample, counts_differ, means_differ, shares_differ, wilson
from calango.insights.times import iso
from calango.store.turns import SPENT

# what turns can be grouped by -> the key, as SQL
_BY_TURN = {
    "user": "user_id",
    "session": "session_id",
    "tag": "unnest(CASE WHEN len(tags) = 0 THEN [NULL] ELSE tags END)",
    "environment": "environment",
    "release": "release",
    "name": "name",
    "outcome": "outcome",
    **{
        grain: f"strftime(date_trunc('{grain}', timezone($zone, make_timestamptz(start_ns // 1000))), '%Y-%m-%dT%H:%M')"
        for grain in GRAINS
    },
}
# what calls can be grouped by -> the key, and which observations count
_BY_CALL = {
    "model": ("o.model", "type = 'GENERATION' OR type = 'EMBEDDING'"),
    "prompt": ("concat(prompt_name, ' v', prompt_version)", "prompt_name IS NOT NULL"),
    "tool": ("o.name", "type = 'TOOL'"),
}
BY = (*_BY_TURN, *_BY_CALL)


_PEOPLE = "count(DISTINCT user_id) AS users, count(DISTINCT session_id) AS sessions"
_NOBODY = "NULL AS users, NULL AS sessions"
_SPEED = """
    avg({0}) AS latency_ms_mean, quantile_cont({0}, [0.5, 0.95, 0.99]) AS latencies_ms,
    quantile_cont({1}, [0.5, 0.95]) AS first_tokens_ms
"""
_VOTES = f"""
    SELECT trace_id, count(*) FILTER (name = '{THUMBS}') AS votes,
        count(*) FILTER (name = '{THUMBS}' AND value >= 0.5) AS votes_up, 1 AS rated
    FROM scores WHERE project_id = $project AND trace_id IS NOT NULL AND name IN ('{THUMBS}', '{STARS}') GROUP BY 1
"""
_OF_TURNS = f"""
    , votes AS ({_VOTES}), keyed AS (
        SELECT {{key}} AS key, t.*, v.* EXCLUDE (trace_id) FROM asked AS t LEFT JOIN votes AS v USING (trace_id)
    )
    SELECT key, count(*) AS turns, {{people}}, max(start_ns) AS last_ns,
        {", ".join(f"sum({name}) AS {name}" for name in SPENT)},
        {_SPEED.format("latency_ms", "first_token_ms")},
        count(*) FILTER (outcome = 'ok') AS ok, count(*) FILTER (outcome = 'error') AS error,
        count(*) FILTER (outcome = 'cancelled') AS cancelled, count(*) FILTER (outcome = 'interrupted') AS interrupted,
        coalesce(sum(votes), 0) AS votes, coalesce(sum(votes_up), 0) AS votes_up,
        coalesce(sum(rated), 0) AS rated_turns, coalesce(bool_or(len(estimated_models) > 0), false) AS cost_estimated
        {{samples}}
    FROM keyed GROUP BY key ORDER BY {{order}} LIMIT {{limit}}
"""
# for comparing two periods
_SAMPLES = """,
    avg(ln(greatest(latency_ms, 0.001))) AS log_mean, stddev_samp(ln(greatest(latency_ms, 0.001))) AS log_deviation,
    avg(cost_usd) AS turn_usd, stddev_samp(CAST(cost_usd AS DOUBLE)) AS turn_deviation, count(cost_usd) AS priced_turns
"""
_OF_CALLS = f"""
    , chosen AS (
        SELECT {{key}} AS key, o.* EXCLUDE (key, user_id, session_id), t.user_id, t.session_id, t.estimated_models
        FROM (SELECT * FROM observations WHERE project_id = $project AND start_ns >= $start AND ({{which}})) AS o
        JOIN asked AS t USING (trace_id)
    )
    SELECT key, count(DISTINCT trace_id) AS turns, {{people}}, max(start_ns) AS last_ns,
        {", ".join(f"{what} AS {name}" for name, what in (SPENT | {"calls": "count(*)"}).items())},
        {_SPEED.format("((end_ns - start_ns) / 1e6)", "((completion_start_ns - start_ns) / 1e6)")},
        count(*) FILTER (level <> 'ERROR' AND status_message IS DISTINCT FROM 'cancelled') AS ok,
        count(*) FILTER (level = 'ERROR') AS error,
        count(*) FILTER (level <> 'ERROR' AND status_message = 'cancelled') AS cancelled, 0 AS interrupted,
        coalesce(bool_or(list_contains(estimated_models, coalesce(model, ''))), false) AS cost_estimated
    FROM chosen GROUP BY key ORDER BY {{order}} LIMIT {{limit}}
"""
ORDERS = {
    "cost": "cost_usd DESC NULLS LAST, turns DESC, key",
    "turns": "turns DESC, key",
    "tokens": "tokens_total DESC, key",
    "latency": "latencies_ms[2] DESC NULLS LAST, key",
    "errors": "error DESC, turns DESC, key",
    "key": "key NULLS FIRST",
}


def breakdown(
    db: duckdb.DuckDBPyConnection,
    scope: Scope,
    by: str,
    *,
    order: str | None = None,
    limit: int = 1000,
    people: bool = True,
) -> list[Group]:
    """Measures per value of `by` (see BY), dearest first; periods of time in their order. Not `people`: without
    users and sessions.

    A turn with several tags counts for each. By model, prompt or tool it is calls that are measured, not turns.
    Raises InputError.
    """
    if by not in BY:
        raise InputError(f"Nothing can be grouped by {by[:40]}.", f"There are {', '.join(BY)}.")
    order = order or ("key" if by in GRAINS else "cost")
    if order not in ORDERS:
        raise InputError(f"There is no order {order[:40]}.", f"There are {', '.join(ORDERS)}.")
    rows = _rows(db, scope, by, order, limit, people=people)
    return [Group(_key(scope, by, row["key"]), _measures(row), iso(row["last_ns"])) for row in rows]


def _rows(
    db: duckdb.DuckDBPyConnection,
    scope: Scope,
    by: str | None,
    order: str,
    limit: int = 1,
    samples: str = "",
    *,
    people: bool = True,
) -> list[dict[str, Any]]:
    given = {"order": ORDERS[order], "limit": limit, "people": _PEOPLE if people else _NOBODY}
    if by in _BY_CALL:
        key, which = _BY_CALL[by]
        return scope.rows(db, _OF_CALLS.format(key=key, which=which, **given))
    key = "'all'" if by is None else _BY_TURN[by]
    return scope.rows(db, _OF_TURNS.format(key=key, samples=samples, **given))


def _key(scope: Scope, by: str, key: str | None) -> str | None:
    if by not in GRAINS or key is None:
        return key
    return datetime.fromisoformat(key).replace(tzinfo=ZoneInfo(scope.period.zone)).isoformat()


_FRACTIONS = frozenset(field.name for field in fields(Measures) if "float" in str(field.type))


def _measures(row: dict[str, Any]) -> Measures:
    ok, error = int(row["ok"]), int(row["error"])
    cached, input_ = row["cost_cache_usd"], row["all_input_usd"]
    streamed_s = row["streamed_ns"] / 1e9
    latencies, first_tokens = row["latencies_ms"] or (None,) * 3, row["first_tokens_ms"] or (None,) * 2
    derived = {
        **dict(zip(("latency_ms_p50", "latency_ms_p95", "latency_ms_p99"), latencies, strict=True)),
        **dict(zip(("first_token_ms_p50", "first_token_ms_p95"), first_tokens, strict=True)),
        "cost_input_usd": None if input_ is None else input_ - (cached or 0),
        "output_tokens_per_s": row["streamed_tokens"] / streamed_s if streamed_s else None,
        "success_rate": ok / (ok + error) if ok + error else None,
    }
    names = [field.name for field in fields(Measures)]
    return Measures(**{name: _plain(name, derived.get(name, row.get(name, 0))) for name in names})


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    return float(value) if name in _FRACTIONS else int(value)


def total(db: duckdb.DuckDBPyConnection, scope: Scope) -> Measures:
    """All turns of the period together."""
    row = next(iter(_rows(db, scope, None, "key")), None)
    return _measures(row) if row else Measures()


def overview(db: duckdb.DuckDBPyConnection, scope: Scope) -> Overview:
    """The total, and how it compares with the period before."""
    periods = (scope, scope.at(scope.period.before()))
    now, before = (next(iter(_rows(db, one, None, "key", samples=_SAMPLES)), None) for one in periods)
    total, past = (_measures(row) if row else Measures() for row in (now, before))
    return Overview(total, wilson(total.votes_up, total.votes), _trends(total, past, now or {}, before or {}))


def _trends(total: Measures, past: Measures, now: dict[str, Any], before: dict[str, Any]) -> dict[str, Trend]:
    ended, ended_before = total.ok + total.error, past.ok + past.error
    cost = means_differ(_sample(now, "turn_usd", "turn_deviation", "priced_turns"),
                        _sample(before, "turn_usd", "turn_deviation", "priced_turns"))  # fmt: skip
    speed = means_differ(_sample(now, "log_mean", "log_deviation", "turns"),
                         _sample(before, "log_mean", "log_deviation", "turns"))  # fmt: skip
    thumbs, thumbs_before = wilson(total.votes_up, total.votes), wilson(past.votes_up, past.votes)
    turns = counts_differ(total.turns, past.turns)
    if not past.turns:  # nothing to compare with
        return {}
    return {
        "turns": _trend(total.turns, past.turns, turns),
        "users": _trend(total.users, past.users, counts_differ(total.users or 0, past.users or 0)),
        "cost_usd": _trend(total.cost_usd, past.cost_usd, min(cost, turns)),
        "tokens_total": _trend(total.tokens_total, past.tokens_total, turns),
        "latency_ms_p95": _trend(total.latency_ms_p95, past.latency_ms_p95, speed),
        "success_rate": _trend(total.success_rate, past.success_rate,
                               shares_differ(total.ok, ended, past.ok, ended_before)),
        "satisfaction": _trend(thumbs.share, thumbs_before.share,
                               shares_differ(total.votes_up, total.votes, past.votes_up, past.votes)),
    }  # fmt: skip


def _sample(row: dict[str, Any], mean: str, deviation: str, count: str) -> Sample:
    middle, spread = row.get(mean), row.get(deviation)
    return Sample(
        int(row.get(count) or 0), None if middle is None else float(middle), None if spread is None else float(spread)
    )


def _trend(now: float | None, before: float | None, p_value: float) -> Trend:
    change = None if now is None or not before else now / before - 1
    return Trend(now, before, change, p_value, p_value < NOTABLE)
