# ruff: noqa: S608 - names of tables and columns come from this package; values are always parameters
"""Turns in a list: the slowest, the dearest, the latest, or those in which a text occurs."""

from __future__ import annotations

from typing import Any

import duckdb

from calango.errors import InputError
from calango.insights.answers import Facts, Turn, TurnPage
from calango.insights.scope import FILTERS, STARS, THUMBS, Scope
from calango.insights.times import iso

ORDERS = {
    "latest": "start_ns DESC, trace_id",
    "slowest": "latency_ms DESC, trace_id",
    "dearest": "cost_usd DESC NULLS LAST, trace_id",
    "tokens": "tokens_total DESC, trace_id",
    "worst": "votes_up - votes, start_ns DESC, trace_id",
}
TEXT = 600
_LIST = f"""
    , votes AS (
        SELECT trace_id, count(*) AS votes, count(*) FILTER (value >= 0.5) AS votes_up FROM scores
        WHERE project_id = $project AND name = '{THUMBS}' AND trace_id IS NOT NULL GROUP BY 1
    ), chosen AS (
        SELECT t.*, coalesce(v.votes, 0) AS votes, coalesce(v.votes_up, 0) AS votes_up
        FROM asked AS t LEFT JOIN votes AS v USING (trace_id) WHERE true{{conditions}}
    )
    SELECT * REPLACE (left(question, {TEXT}) AS question, left(answer, {TEXT}) AS answer, left(error, {TEXT}) AS error),
        (SELECT count(*) FROM chosen) AS total
    FROM chosen ORDER BY {{order}} LIMIT $limit OFFSET $offset
"""
_SEARCH = " AND (contains(lower(question), lower($text)) OR contains(lower(answer), lower($text)))"
_SCORED = {
    "up": " AND coalesce(votes_up, 0) > 0",
    "down": " AND coalesce(votes, 0) > coalesce(votes_up, 0)",
    "rated": f" AND trace_id IN (SELECT trace_id FROM scores WHERE project_id = $project AND name IN ('{THUMBS}', '{STARS}'))",  # noqa: E501
    "unrated": " AND coalesce(votes, 0) = 0",
}
_VALUES = {
    "user": "user_id", "session": "session_id", "tag": "unnest(tags)", "environment": "environment",
    "release": "release", "name": "name", "outcome": "outcome", "model": "unnest(models)",
    "tool": "unnest(tools)", "prompt": "unnest(prompts)",
}  # fmt: skip
MANY = 200


def turns(
    db: duckdb.DuckDBPyConnection,
    scope: Scope,
    *,
    order: str = "latest",
    limit: int = 50,
    offset: int = 0,
    text: str | None = None,
    scored: str | None = None,
    min_cost_usd: float | None = None,
    min_latency_ms: float | None = None,
) -> TurnPage:
    """One page. `text` is searched in the first 4,000 characters of questions and answers, upper or lower case.

    `scored`: up, down, rated, unrated. Raises InputError.
    """
    if order not in ORDERS:
        raise InputError(f"There is no order {order[:40]}.", f"There are {', '.join(ORDERS)}.").because(
            "no_choice", value=order[:40]
        )
    if scored and scored not in _SCORED:
        raise InputError(f"Turns can't be scored {scored[:40]}.", f"There are {', '.join(_SCORED)}.").because(
            "no_choice", value=scored[:40]
        )
    conditions = (_SEARCH if text else "") + (_SCORED[scored] if scored else "")
    values: dict[str, Any] = {"limit": limit, "offset": offset, "text": text}
    if min_cost_usd is not None:
        conditions += " AND cost_usd >= $min_cost"
        values["min_cost"] = min_cost_usd
    if min_latency_ms is not None:
        conditions += " AND latency_ms >= $min_latency"
        values["min_latency"] = min_latency_ms
    rows = scope.rows(db, _LIST.format(conditions=conditions, order=ORDERS[order]), **values)
    return TurnPage([_turn(row) for row in rows], rows[0]["total"] if rows else 0)


def _turn(row: dict[str, Any]) -> Turn:
    cost = row["cost_usd"]
    return Turn(
        trace_id=row["trace_id"],
        started_at=iso(row["start_ns"]),
        name=row["name"],
        user_id=row["user_id"],
        session_id=row["session_id"],
        tags=row["tags"],
        environment=row["environment"],
        release=row["release"],
        outcome=row["outcome"],
        latency_ms=row["latency_ms"],
        first_token_ms=row["first_token_ms"],
        cost_usd=None if cost is None else float(cost),
        tokens_total=row["tokens_total"],
        model=next(iter(sorted(row["models"])), None),
        votes=row["votes"],
        votes_up=row["votes_up"],
        input=row["question"],
        output=row["answer"],
        error=row["error"],
        cost_estimated=bool(row["estimated_models"]),
    )


def values(db: duckdb.DuckDBPyConnection, scope: Scope, fields: tuple[str, ...] = FILTERS) -> Facts:
    """What there is to filter by in the period, with the number of turns; at most MANY of each."""
    found: dict[str, dict[str, int]] = {}
    for name in fields:
        sql = f"""
            SELECT value, count(*) AS turns FROM (SELECT {_VALUES[name]} AS value FROM asked)
            WHERE value IS NOT NULL GROUP BY 1 ORDER BY turns DESC, value LIMIT {MANY}
        """
        found[name] = {row["value"]: row["turns"] for row in scope.rows(db, sql)}
    return Facts(found)


def check_exists(db: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Raises InputError that says what exists, when a filter names what is in no turn of the project at all."""
    for name, value in scope.filters:
        column = _VALUES[name]
        sql = f"SELECT 1 FROM (SELECT {column} AS value FROM turns WHERE project_id = ?) WHERE value = ? LIMIT 1"
        if name == "outcome" or db.execute(sql, [scope.project_id, value]).fetchone():
            continue
        sql = f"""
            SELECT value FROM (SELECT {column} AS value FROM turns WHERE project_id = ?)
            WHERE value IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, value LIMIT 10
        """
        known = [str(row[0]) for row in db.execute(sql, [scope.project_id]).fetchall()]
        there = (
            f"There are {', '.join(known)}{' and more' if len(known) == 10 else ''}." if known else "There are none."
        )
        raise InputError(f"There is no {name} '{value[:80]}'.", there).because(
            "no_value", filter=name, value=value[:80], known=", ".join(known)
        )
