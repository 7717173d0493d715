# ruff: noqa: S608 - names of tables and columns come from this package; values are always parameters
"""Conversations: how long, how fast, how they end, and what people come for."""

from __future__ import annotations

from typing import Any

import duckdb

from calango.insights.answers import Conversation, Conversations
from calango.insights.scope import THUMBS, Scope
from calango.insights.times import iso

ESCALATIONS = ("escalated", "human_handoff", "handoff")  # tags, or names of tools, that hand over to a person
_SEQUENCE = 5  # intents of a conversation that are compared
_JUDGED = f"""
    , votes AS (
        SELECT trace_id, count(*) AS votes, count(*) FILTER (value >= 0.5) AS votes_up FROM scores
        WHERE project_id = $project AND name = '{THUMBS}' AND trace_id IS NOT NULL GROUP BY 1
    ), sessions AS (
        SELECT session_id, max(user_id) AS user_id, min(start_ns) AS start_ns, max(end_ns) AS end_ns,
            count(*) AS turns, avg(latency_ms) AS response_ms, sum(cost_usd) AS cost_usd,
            coalesce(bool_or(len(estimated_models) > 0), false) AS cost_estimated,
            arg_max(outcome, start_ns) AS last_outcome,
            bool_or(list_has_any(tags, $escalations) OR list_has_any(tools, $escalations)) AS escalated,
            coalesce(sum(votes), 0) AS votes, coalesce(sum(votes_up), 0) AS votes_up,
            arg_max(votes, start_ns) AS last_votes, arg_max(votes_up, start_ns) AS last_up,
            arg_min(trace_id, start_ns) AS first_trace, sum(output_chars) AS characters,
            count(output_chars) AS answers,
            coalesce(list(intent ORDER BY start_ns) FILTER (intent IS NOT NULL), []) AS all_intents
        FROM asked LEFT JOIN votes USING (trace_id) WHERE session_id IS NOT NULL GROUP BY 1
    ), judged AS MATERIALIZED (
        SELECT *, list_filter(all_intents, lambda x, i: i = 1 OR x <> all_intents[i - 1])[:{_SEQUENCE}] AS intents,
            CASE WHEN escalated THEN 'escalated'
            WHEN last_outcome <> 'ok' THEN 'abandoned'
            WHEN last_up > 0 THEN 'resolved'
            WHEN last_votes > 0 THEN 'unresolved'
            ELSE 'open' END AS outcome
        FROM sessions
    )
"""
_ALL = """
    , page AS (SELECT * FROM judged ORDER BY end_ns DESC, session_id LIMIT $limit OFFSET $offset), first AS (
        SELECT trace_id, left(question, 300) AS input FROM asked SEMI JOIN page ON trace_id = first_trace
    )
    SELECT
        (SELECT {
            count: count(*), turns_mean: avg(turns), turns_p50: quantile_cont(turns, 0.5),
            duration_s_p50: quantile_cont((end_ns - start_ns) / 1e9, 0.5),
            response_ms_p50: quantile_cont(response_ms, 0.5), characters_mean: sum(characters) / sum(answers)
        } FROM judged) AS totals,
        (SELECT list({outcome: outcome, count: n} ORDER BY n DESC, outcome) FROM (
            SELECT outcome, count(*) AS n FROM judged GROUP BY 1
        )) AS outcomes,
        (SELECT list({turns: turns, count: n} ORDER BY turns) FROM (
            SELECT turns, count(*) AS n FROM judged WHERE outcome IN ('abandoned', 'unresolved')
            GROUP BY 1 ORDER BY 1 LIMIT 50
        )) AS dropoffs,
        (SELECT list({intents: intents, count: n} ORDER BY n DESC, intents) FROM (
            SELECT intents, count(*) AS n FROM judged WHERE len(intents) > 0 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10
        )) AS intents,
        (SELECT list({
            session_id: session_id, user_id: user_id, start_ns: start_ns, end_ns: end_ns, turns: turns,
            response_ms: response_ms, cost_usd: cost_usd, cost_estimated: cost_estimated, outcome: outcome,
            votes: votes, votes_up: votes_up, first_input: input
        } ORDER BY end_ns DESC, session_id) FROM page LEFT JOIN first ON trace_id = first_trace) AS latest
"""


def conversations(db: duckdb.DuckDBPyConnection, scope: Scope, *, limit: int = 50, offset: int = 0) -> Conversations:
    """Of the period's turns that belong to a session.

    A conversation is escalated when a turn has a tag or a tool of ESCALATIONS, abandoned when its last turn did not
    end well, resolved or unresolved by the vote on its last turn, else open.
    """

    given = {"escalations": list(ESCALATIONS), "limit": limit, "offset": offset}
    (found,) = scope.rows(db, _JUDGED + _ALL, **given)
    totals = found["totals"]
    return Conversations(
        count=totals["count"],
        turns_mean=totals["turns_mean"],
        turns_p50=totals["turns_p50"],
        duration_s_p50=totals["duration_s_p50"],
        response_ms_p50=totals["response_ms_p50"],
        characters_mean=totals["characters_mean"],
        outcomes={row["outcome"]: row["count"] for row in found["outcomes"] or ()},
        dropoffs={str(row["turns"]): row["count"] for row in found["dropoffs"] or ()},
        intents=[(row["intents"], row["count"]) for row in found["intents"] or ()],
        latest=[_conversation(row) for row in found["latest"] or ()],
    )


def _conversation(row: dict[str, Any]) -> Conversation:
    cost = row["cost_usd"]
    return Conversation(
        session_id=row["session_id"],
        user_id=row["user_id"],
        started_at=iso(row["start_ns"]),
        ended_at=iso(row["end_ns"]),
        turns=row["turns"],
        duration_s=(row["end_ns"] - row["start_ns"]) / 1e9,
        response_ms_mean=row["response_ms"],
        cost_usd=None if cost is None else float(cost),
        outcome=row["outcome"],
        votes=row["votes"],
        votes_up=row["votes_up"],
        first_input=row["first_input"],
        cost_estimated=row["cost_estimated"],
    )
