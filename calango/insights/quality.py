# ruff: noqa: S608 - names of tables and columns come from this package; values are always parameters
"""How well it works: tools, and what people said."""

from __future__ import annotations

from typing import Any

import duckdb

from calango.insights.answers import Comment, Satisfaction, ToolUse
from calango.insights.scope import STARS, THUMBS, Scope
from calango.insights.statistics import wilson
from calango.insights.times import iso

_TOOLS = """
    SELECT name, count(*) AS calls, count(*) FILTER (level = 'ERROR') AS failures, count(DISTINCT trace_id) AS turns,
        avg(ms) AS mean, quantile_cont(ms, 0.5) AS p50, quantile_cont(ms, 0.95) AS p95, coalesce(sum(ms), 0) AS total
    FROM (
        SELECT o.name, o.level, o.trace_id, (o.end_ns - o.start_ns) / 1e6 AS ms
        FROM observations AS o JOIN asked USING (trace_id) WHERE o.project_id = $project AND o.type = 'TOOL'
    ) GROUP BY name ORDER BY calls DESC, name
"""
_VOTES = f"""
    , votes AS (
        SELECT s.trace_id, s.name, s.value, s.comment, s.timestamp_ns, t.user_id
        FROM scores AS s JOIN asked AS t USING (trace_id)
        WHERE s.project_id = $project AND s.name IN ('{THUMBS}', '{STARS}')
    )
"""
_COUNTS = f"""
    {_VOTES}
    SELECT count(*) FILTER (name = '{THUMBS}') AS thumbs, count(*) FILTER (name = '{THUMBS}' AND value >= 0.5) AS up,
        avg(value) FILTER (name = '{STARS}') AS stars, count(DISTINCT trace_id) AS rated,
        (SELECT count(*) FROM asked) AS turns
    FROM votes
"""
_STARS = f"{_VOTES} SELECT CAST(value AS BIGINT) AS star, count(*) AS count FROM votes WHERE name = '{STARS}' GROUP BY 1 ORDER BY 1"  # noqa: E501
_COMMENTS = f"""
    {_VOTES} SELECT * FROM votes WHERE comment IS NOT NULL AND comment <> '' ORDER BY timestamp_ns DESC, trace_id
    LIMIT $limit
"""


def tools(db: duckdb.DuckDBPyConnection, scope: Scope) -> list[ToolUse]:
    """Each tool, the most used first; times in ms."""
    return [
        ToolUse(
            name=row["name"],
            calls=row["calls"],
            failures=row["failures"],
            failure_rate=row["failures"] / row["calls"],
            turns=row["turns"],
            latency_ms_mean=row["mean"],
            latency_ms_p50=row["p50"],
            latency_ms_p95=row["p95"],
            total_ms=row["total"],
        )
        for row in scope.rows(db, _TOOLS)
    ]


def satisfaction(db: duckdb.DuckDBPyConnection, scope: Scope, *, comments: int = 50) -> Satisfaction:
    """Thumbs, stars and the latest comments on the turns of the period, whenever they were given."""
    counts: dict[str, Any] = scope.rows(db, _COUNTS)[0]
    return Satisfaction(
        thumbs=wilson(counts["up"], counts["thumbs"]),
        stars_mean=counts["stars"],
        stars={str(row["star"]): row["count"] for row in scope.rows(db, _STARS)},
        rated=wilson(counts["rated"], counts["turns"]),
        comments=[
            Comment(
                row["trace_id"], row["user_id"], row["comment"], row["name"], row["value"], iso(row["timestamp_ns"])
            )
            for row in scope.rows(db, _COMMENTS, limit=comments)
        ],
    )
