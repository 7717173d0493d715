# ruff: noqa: S608 - names of columns come from this file; values are always parameters
"""One row per trace, for questions about turns: what its observations add up to.

A million observations take a second to add up, a hundred thousand rows a few milliseconds. Every write of observations
or traces notes the traces that it touched, in its own transaction; `refresh_some` adds those up again. A turn is what
observations say together; what is said of a trace by itself (legacy clients) wins. Its outcome is that of its last
root: the one that Calango's engine notes, else what the level of the root tells. Its latency is the time of its roots,
without that in which it waited for a person.
"""

from __future__ import annotations

import duckdb

from calango.records import COST_ESTIMATED

_CALL = "type = 'GENERATION' OR type = 'EMBEDDING'"
_ROOT = "is_root OR name = 'calango-resume'"
_ESTIMATED = f"""CASE WHEN contains(metadata_json, '{COST_ESTIMATED}')
    THEN lower(trim(json_extract_string(metadata_json, '{COST_ESTIMATED}'), '"')) = 'true' ELSE false END"""
_STREAMED = "end_ns > completion_start_ns AND output_tokens > 0"


def _whole(value: str, which: str = "true") -> str:
    return f"CAST(coalesce(sum({value}) FILTER ({which}), 0) AS BIGINT)"


SPENT = {
    "calls": f"count(*) FILTER ({_CALL})",
    "cost_usd": "sum(total_cost)",
    "all_input_usd": "sum(input_cost)",
    "cost_output_usd": "sum(output_cost)",
    "cost_cache_usd": "sum(cache_cost)",
    "unpriced_calls": "count(*) FILTER (total_cost IS NULL AND total_tokens > 0)",
    "unpriced_tokens": _whole("total_tokens", "total_cost IS NULL"),
    "tokens_input": _whole("input_tokens"),
    "tokens_output": _whole("output_tokens"),
    "tokens_cache": _whole("cache_tokens"),
    "tokens_total": _whole("total_tokens"),
    "streamed_tokens": _whole("output_tokens", _STREAMED),
    "streamed_ns": _whole("end_ns - completion_start_ns", _STREAMED),
}
"""What observations add up to, whatever they are grouped by: column -> aggregate."""

TEXT = 4000  # characters of question, answer and error that a turn keeps, to be listed and searched
BATCH = 10_000  # traces that are added up at once: their texts are in memory meanwhile

ESTIMATES = """
    ALTER TABLE turns ADD COLUMN estimated_models VARCHAR[];
    INSERT INTO touched SELECT project_id, trace_id FROM turns WHERE cost_usd IS NOT NULL;
"""
"""Since step 9: the models whose calls have an estimated cost. The turns that may have some are added up again."""

SCHEMA = """
    CREATE TABLE touched (project_id VARCHAR NOT NULL, trace_id VARCHAR NOT NULL);
    CREATE TABLE turns (
        project_id VARCHAR NOT NULL, trace_id VARCHAR NOT NULL, start_ns BIGINT NOT NULL, end_ns BIGINT NOT NULL,
        user_id VARCHAR, session_id VARCHAR, tags VARCHAR[] NOT NULL, release VARCHAR, name VARCHAR,
        environment VARCHAR, outcome VARCHAR NOT NULL, latency_ms DOUBLE NOT NULL, first_token_ms DOUBLE,
        calls BIGINT NOT NULL, cost_usd DECIMAL(24, 12), all_input_usd DECIMAL(24, 12),
        cost_output_usd DECIMAL(24, 12), cost_cache_usd DECIMAL(24, 12), unpriced_calls BIGINT NOT NULL,
        unpriced_tokens BIGINT NOT NULL, tokens_input BIGINT NOT NULL, tokens_output BIGINT NOT NULL,
        tokens_cache BIGINT NOT NULL, tokens_total BIGINT NOT NULL, streamed_tokens BIGINT NOT NULL,
        streamed_ns BIGINT NOT NULL, models VARCHAR[] NOT NULL, prompts VARCHAR[] NOT NULL, tools VARCHAR[] NOT NULL,
        intent VARCHAR, output_chars BIGINT
    );
    INSERT INTO touched
        SELECT project_id, trace_id FROM observations UNION SELECT project_id, id FROM traces;
"""
TEXTS_SCHEMA = """
    ALTER TABLE turns ADD COLUMN question VARCHAR;
    ALTER TABLE turns ADD COLUMN answer VARCHAR;
    ALTER TABLE turns ADD COLUMN error VARCHAR;
    INSERT INTO touched SELECT project_id, trace_id FROM turns;
"""
_COLUMNS = (
    "project_id, trace_id, start_ns, end_ns, user_id, session_id, tags, release, name, environment, outcome,"
    f" latency_ms, first_token_ms, {', '.join(SPENT)}, models, estimated_models, prompts, tools, intent,"
    " output_chars, question, answer, error"
)
_SAME = "{0}.project_id = fresh.project_id AND {0}.trace_id = fresh.trace_id"
_SPENT = ", ".join(f"{aggregate} AS {name}" for name, aggregate in SPENT.items())
_REFRESH = f"""
    INSERT INTO turns ({_COLUMNS})
    WITH facts AS (
        SELECT o.project_id, o.trace_id, min(start_ns) AS start_ns, max(coalesce(end_ns, start_ns)) AS end_ns,
            max(user_id) AS user_id, max(session_id) AS session_id, max(tags) AS tags, max(release) AS release,
            coalesce(max(trace_name), arg_min(name, start_ns) FILTER (is_root), arg_min(name, start_ns)) AS name,
            coalesce(arg_min(environment, start_ns) FILTER (is_root), arg_min(environment, start_ns)) AS environment,
            arg_max(trim(json_extract_string(metadata_json, 'status'), '"'), start_ns)
                FILTER ({_ROOT}) AS said,
            arg_max(level, start_ns) FILTER ({_ROOT}) AS level,
            arg_max(status_message, start_ns) FILTER ({_ROOT}) AS status_message,
            sum(coalesce(end_ns, start_ns) - start_ns) FILTER ({_ROOT}) AS took_ns,
            min(completion_start_ns) AS first_token_ns, {_SPENT},
            coalesce(list(DISTINCT model) FILTER (model IS NOT NULL), []) AS models,
            coalesce(list(DISTINCT coalesce(model, '')) FILTER (total_cost IS NOT NULL AND ({_CALL}) AND {_ESTIMATED}),
                []) AS estimated_models,
            coalesce(list(DISTINCT concat(prompt_name, ' v', prompt_version)) FILTER (prompt_name IS NOT NULL), [])
                AS prompts,
            coalesce(list(DISTINCT name) FILTER (type = 'TOOL'), []) AS tools,
            arg_min(json_extract_string(try_cast(output AS JSON), '$.intent'), start_ns)
                FILTER (name = 'classify_intent') AS intent,
            arg_max(length(output), start_ns) FILTER (({_ROOT}) AND output IS NOT NULL) AS output_chars,
            arg_min(left(input, {TEXT}), start_ns) FILTER (is_root AND input IS NOT NULL) AS question,
            arg_max(left(output, {TEXT}), start_ns) FILTER (({_ROOT}) AND output IS NOT NULL) AS answer,
            arg_max(left(status_message, {TEXT}), start_ns) FILTER (level = 'ERROR') AS error
        FROM observations AS o SEMI JOIN fresh ON {_SAME.format("o")}
        WHERE o.start_ns >= $first AND o.start_ns <= $last
        GROUP BY o.project_id, o.trace_id
    )
    SELECT f.project_id, f.trace_id, f.start_ns, f.end_ns, coalesce(t.user_id, f.user_id),
        coalesce(t.session_id, f.session_id),
        CASE WHEN t.tags IS NULL THEN coalesce(f.tags, [])
            ELSE list_sort(list_distinct(list_concat(t.tags, coalesce(f.tags, [])))) END,
        coalesce(t.release, f.release),
        coalesce(t.name, f.name), coalesce(t.environment, f.environment),
        CASE WHEN f.said IN ('ok', 'error', 'cancelled', 'interrupted') THEN f.said
            WHEN f.level = 'ERROR' THEN 'error'
            WHEN f.status_message IN ('cancelled', 'interrupted') THEN f.status_message
            ELSE 'ok' END,
        coalesce(f.took_ns, f.end_ns - f.start_ns) / 1e6, (f.first_token_ns - f.start_ns) / 1e6,
        {", ".join(f"f.{name}" for name in SPENT)}, f.models, f.estimated_models, f.prompts, f.tools,
        f.intent, f.output_chars, f.question, f.answer, f.error
    FROM facts AS f LEFT JOIN traces AS t ON t.project_id = f.project_id AND t.id = f.trace_id
"""


_BOUNDS = f"SELECT min(start_ns), max(start_ns) FROM observations AS o SEMI JOIN fresh ON {_SAME.format('o')}"


def is_fresh(db: duckdb.DuckDBPyConnection) -> bool:
    """Whether every trace has been added up since it was written."""
    return db.execute("SELECT 1 FROM touched LIMIT 1").fetchone() is None


def refresh_some(db: duckdb.DuckDBPyConnection) -> bool:
    """Add up the next BATCH of touched traces, and forget those that are gone; whether there are more.

    `Store.add_up` does so until there are none. In the order in which they came, so that a batch reads its own part
    of the observations.
    """
    if is_fresh(db):
        return False
    db.execute(f"""
        CREATE OR REPLACE TEMP TABLE fresh AS
        SELECT project_id, trace_id FROM touched GROUP BY project_id, trace_id ORDER BY min(rowid) LIMIT {BATCH}
    """)
    db.execute(f"DELETE FROM turns USING fresh WHERE {_SAME.format('turns')}")
    bounds = db.execute(_BOUNDS).fetchone()
    if bounds and bounds[0] is not None:
        db.execute(_REFRESH, {"first": bounds[0], "last": bounds[1]})
    db.execute(f"DELETE FROM touched USING fresh WHERE {_SAME.format('touched')}; DROP TABLE fresh")
    return not is_fresh(db)
