# ruff: noqa: S608 - names of tables and columns come from this package; values are always parameters
"""Rows for files: every trace, cost or score that a question is about, the oldest first, page by page.

A page goes on behind the last row of the one before (its time and id), so that nothing but a page is in memory and
writes go on meanwhile. Times are ISO 8601 in UTC, latencies ms, money USD; what is not known is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb

from calango.errors import InputError
from calango.insights.scope import THUMBS, Scope
from calango.insights.times import iso

PAGE = 500
_FIRST = (-1, "")


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is given to ask for the next page; None when this is the last."""

    rows: list[dict[str, Any]]
    after: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class _Kind:
    """`source` selects from `asked`; `time` and `id` are the columns that order its rows and tell them apart."""

    columns: tuple[str, ...]
    select: str
    source: str
    time: str
    id: str


_USED = "tokens_input, tokens_output, tokens_cache, tokens_total"
_KINDS: Mapping[str, _Kind] = {
    "traces": _Kind(
        (
            "trace_id", "started_at", "ended_at", "name", "user_id", "session_id", "tags", "environment", "release",
            "outcome", "latency_ms", "first_token_ms", "models", "prompts", "tools", "intent", "calls", "cost_usd",
            "cost_input_usd", "cost_output_usd", "cost_cache_usd", "unpriced_calls", "tokens_input", "tokens_output",
            "tokens_cache", "tokens_total", "votes", "votes_up", "input", "output", "error",
        ),
        f"""trace_id, start_ns, end_ns, name, user_id, session_id, tags, environment, release, outcome, latency_ms,
            first_token_ms, models, prompts, tools, intent, calls, cost_usd,
            all_input_usd - coalesce(cost_cache_usd, 0) AS cost_input_usd, cost_output_usd, cost_cache_usd,
            unpriced_calls, {_USED}""",
        "asked", "start_ns", "trace_id",
    ),
    "costs": _Kind(
        (
            "observation_id", "trace_id", "started_at", "ended_at", "name", "type", "model", "prompt", "user_id",
            "session_id", "tags", "environment", "release", "cost_usd", "cost_input_usd", "cost_output_usd",
            "cost_cache_usd", "tokens_input", "tokens_output", "tokens_cache", "tokens_total",
        ),
        """o.id AS observation_id, o.trace_id, o.start_ns, o.end_ns, o.name, o.type, o.model,
            CASE WHEN o.prompt_name IS NOT NULL THEN concat(o.prompt_name, ' v', o.prompt_version) END AS prompt,
            t.user_id, t.session_id, t.tags, t.environment, t.release, o.total_cost AS cost_usd,
            o.input_cost - coalesce(o.cache_cost, 0) AS cost_input_usd, o.output_cost AS cost_output_usd,
            o.cache_cost AS cost_cache_usd, o.input_tokens AS tokens_input, o.output_tokens AS tokens_output,
            o.cache_tokens AS tokens_cache, o.total_tokens AS tokens_total""",
        """observations AS o JOIN asked AS t USING (trace_id) WHERE o.project_id = $project
            AND (o.type IN ('GENERATION', 'EMBEDDING') OR o.total_cost IS NOT NULL)""",
        "o.start_ns", "o.id",
    ),
    "scores": _Kind(
        (
            "score_id", "started_at", "name", "data_type", "value", "string_value", "comment", "source", "trace_id",
            "observation_id", "session_id", "user_id", "environment",
        ),
        """s.id AS score_id, s.timestamp_ns AS start_ns, s.name, s.data_type, s.value, s.string_value, s.comment,
            s.source, s.trace_id, s.observation_id, coalesce(s.session_id, t.session_id) AS session_id, t.user_id,
            s.environment""",
        """scores AS s LEFT JOIN asked AS t USING (trace_id) WHERE s.project_id = $project AND (
            t.trace_id IS NOT NULL OR s.trace_id IS NULL AND s.session_id IN (SELECT session_id FROM asked))""",
        "s.timestamp_ns", "s.id",
    ),
}  # fmt: skip
_LISTS = frozenset({"tags", "models", "prompts", "tools"})
_FRACTIONS = ("_usd", "_ms", "value")
_COUNTS = ("calls", "votes", "votes_up", "tokens_input", "tokens_output", "tokens_cache", "tokens_total")


def _type(column: str) -> str:
    if column in _LISTS:
        return "VARCHAR[]"
    if column.endswith("_at"):
        return "TIMESTAMPTZ"
    if column.endswith(_COUNTS):
        return "BIGINT"
    return "DOUBLE" if column.endswith(_FRACTIONS) and column != "string_value" else "VARCHAR"


COLUMNS: Mapping[str, Mapping[str, str]] = {
    name: {column: _type(column) for column in kind.columns} for name, kind in _KINDS.items()
}
"""What there is to list, and the columns of each with their DuckDB types; they are stable."""
_VOTES = f"""
    SELECT trace_id, count(*) AS votes, count(*) FILTER (value >= 0.5) AS votes_up FROM scores
    WHERE project_id = ? AND name = '{THUMBS}' AND trace_id IN (SELECT unnest(?)) GROUP BY 1
"""
_SAID = """
    SELECT trace_id, arg_min(input, start_ns) FILTER (input IS NOT NULL AND is_root) AS input,
        arg_max(output, start_ns) FILTER (output IS NOT NULL AND (is_root OR name = 'calango-resume')) AS output,
        arg_max(status_message, start_ns) FILTER (level = 'ERROR') AS error
    FROM observations WHERE project_id = ? AND start_ns >= ? AND start_ns <= ? AND trace_id IN (SELECT unnest(?))
    GROUP BY 1
"""


def count(db: duckdb.DuckDBPyConnection, scope: Scope, what: str) -> int:
    """How many rows there are. Raises InputError for what can't be listed."""
    return int(scope.rows(db, f"SELECT count(*) AS n FROM {_kind(what).source}")[0]["n"])


def page(
    db: duckdb.DuckDBPyConnection, scope: Scope, what: str, after: tuple[int, str] | None = None, limit: int = PAGE
) -> Page:
    """The next `limit` rows. Raises InputError for what can't be listed."""
    kind = _kind(what)
    behind, id_ = after or _FIRST
    joined = "AND" if "WHERE" in kind.source else "WHERE"
    sql = f"""
        SELECT {kind.select} FROM {kind.source}
        {joined} {kind.time} >= $behind AND ({kind.time} > $behind OR {kind.id} > $id)
        ORDER BY {kind.time}, {kind.id} LIMIT $limit
    """
    found = scope.rows(db, sql, behind=behind, id=id_, limit=limit)
    if what == "traces":
        _add_texts(db, scope.project_id, found)
    last = (int(found[-1]["start_ns"]), str(found[-1][kind.columns[0]])) if len(found) == limit else None
    return Page([_row(kind, one) for one in found], last)


def _kind(what: str) -> _Kind:
    if what not in _KINDS:
        raise InputError(f"There is no list of {what[:40]}.", f"There are {', '.join(_KINDS)}.")
    return _KINDS[what]


def _add_texts(db: duckdb.DuckDBPyConnection, project_id: str, found: list[dict[str, Any]]) -> None:
    """What was said and how it was rated, of these turns only: all texts at once would not fit into memory."""
    if not found:
        return
    ids = [one["trace_id"] for one in found]
    start_ns, end_ns = found[0]["start_ns"], max(one["end_ns"] for one in found)
    said = {row[0]: row[1:] for row in db.execute(_SAID, [project_id, start_ns, end_ns, ids]).fetchall()}
    votes = {row[0]: row[1:] for row in db.execute(_VOTES, [project_id, ids]).fetchall()}
    for one in found:
        one["input"], one["output"], one["error"] = said.get(one["trace_id"], (None, None, None))
        one["votes"], one["votes_up"] = votes.get(one["trace_id"], (0, 0))


def _row(kind: _Kind, found: dict[str, Any]) -> dict[str, Any]:
    end_ns = found.get("end_ns")
    found |= {"started_at": iso(found["start_ns"]), "ended_at": None if end_ns is None else iso(end_ns)}
    return {name: _plain(found[name]) for name in kind.columns}


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
