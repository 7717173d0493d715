"""What metrics can be asked for: views with their dimensions and measures, as SQL over one source.

The source of scores joins the trace by its physical root and the observation by its id, as Langfuse does:
a score whose trace has no span without a parent has no trace name there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calango.store.filters import MS_FIRST_TOKEN, MS_LATENCY, OBSERVATION_COLUMNS


@dataclass(frozen=True, slots=True)
class View:
    """`dimensions`, `measures` and `filters` map API names to SQL; `nullable` dimensions answer null, others ""."""

    source: str
    time: str
    dimensions: Mapping[str, str]
    measures: Mapping[str, str]
    filters: Mapping[str, str]
    nullable: frozenset[str] = frozenset()
    high: frozenset[str] = frozenset()
    distinct: frozenset[str] = frozenset()


AGGREGATIONS: Mapping[str, str] = {
    "sum": "coalesce(sum({0}), 0)",
    "avg": "avg({0})",
    "count": "count({0})",
    "max": "max({0})",
    "min": "min({0})",
    "p50": "quantile_cont(CAST({0} AS DOUBLE), 0.5)",
    "p75": "quantile_cont(CAST({0} AS DOUBLE), 0.75)",
    "p90": "quantile_cont(CAST({0} AS DOUBLE), 0.9)",
    "p95": "quantile_cont(CAST({0} AS DOUBLE), 0.95)",
    "p99": "quantile_cont(CAST({0} AS DOUBLE), 0.99)",
    "histogram": "histogram(CAST({0} AS DOUBLE))",
    "uniq": "count(DISTINCT {0})",
}


def _month(column: str) -> str:
    return f"strftime(make_timestamp({column} // 1000), '%Y-%m')"


_SECONDS = f"nullif({MS_LATENCY}, 0) * 1000.0"
_OBSERVATION_DIMENSIONS = {
    "id": "id",
    "traceId": "trace_id",
    "environment": "environment",
    "parentObservationId": "parent_id",
    "type": "type",
    "name": "name",
    "level": "level",
    "version": "version",
    "release": "release",
    "tags": "coalesce(tags, [])",
    "userId": "user_id",
    "sessionId": "session_id",
    "traceName": "trace_name",
    "traceRelease": "release",
    "traceVersion": "version",
    "providedModelName": "model",
    "promptName": "prompt_name",
    "promptVersion": "prompt_version",
    "isRootObservation": "is_root",
    "startTimeMonth": _month("start_ns"),
}
_OBSERVATION_MEASURES = {
    "count": "1",
    "traceId": "trace_id",
    "uniqueUserIds": "user_id",
    "uniqueSessionIds": "session_id",
    "latency": MS_LATENCY,
    "streamingLatency": "(end_ns // 1000000 - completion_start_ns // 1000000)",
    "inputTokens": "coalesce(input_tokens, 0)",
    "outputTokens": "coalesce(output_tokens, 0)",
    "totalTokens": "coalesce(total_tokens, 0)",
    "outputTokensPerSecond": f"output_tokens / ({_SECONDS} / 1000000)",
    "tokensPerSecond": f"total_tokens / ({_SECONDS} / 1000000)",
    "inputCost": "coalesce(input_cost, 0)",
    "outputCost": "coalesce(output_cost, 0)",
    "totalCost": "coalesce(total_cost, 0)",
    "timeToFirstToken": MS_FIRST_TOKEN,
    "countScores": (
        "(SELECT count(*) FROM scores AS s"
        " WHERE s.observation_id = o.id AND s.trace_id = o.trace_id AND s.project_id = o.project_id)"
    ),
    "toolDefinitions": "0",
    "toolCalls": "0",
    "costByType": "coalesce(total_cost, 0)",
    "usageByType": "coalesce(total_tokens, 0)",
}
OBSERVATIONS = View(
    source="observations AS o",
    time="start_ns",
    dimensions=_OBSERVATION_DIMENSIONS,
    measures=_OBSERVATION_MEASURES,
    filters={**OBSERVATION_COLUMNS, **_OBSERVATION_DIMENSIONS, "tags": "tags"},
    nullable=frozenset(
        {"providedModelName", "promptName", "promptVersion", "version", "release", "parentObservationId"}
    ),
    high=frozenset({"id", "traceId", "userId", "sessionId", "parentObservationId"}),
    distinct=frozenset({"uniqueUserIds", "uniqueSessionIds", "traceId"}),
)

_SCORES = """(
    SELECT s.*, t.trace_name, t.tags, t.user_id, t.release AS trace_release, t.version AS trace_version,
        coalesce(s.session_id, t.session_id) AS any_session_id, o.name AS observation_name,
        o.model AS observation_model, o.prompt_name AS observation_prompt, o.prompt_version AS observation_version
    FROM scores AS s
    LEFT JOIN observations AS t
        ON t.project_id = s.project_id AND t.trace_id = s.trace_id AND t.parent_id IS NULL
    LEFT JOIN observations AS o
        ON o.project_id = s.project_id AND o.trace_id = s.trace_id AND o.id = s.observation_id
    WHERE s.data_type IN ({types})
)"""
_SCORE_DIMENSIONS = {
    "id": "id",
    "environment": "environment",
    "name": "name",
    "source": "source",
    "dataType": "data_type",
    "configId": "config_id",
    "traceId": "trace_id",
    "observationId": "observation_id",
    "userId": "user_id",
    "sessionId": "any_session_id",
    "traceName": "trace_name",
    "tags": "coalesce(tags, [])",
    "traceRelease": "trace_release",
    "traceVersion": "trace_version",
    "observationName": "observation_name",
    "observationModelName": "observation_model",
    "observationPromptName": "observation_prompt",
    "observationPromptVersion": "observation_version",
    "timestampMonth": _month("timestamp_ns"),
    "timestampDay": "strftime(make_timestamp(timestamp_ns // 1000), '%Y-%m-%d')",
}


def _score_view(types: str, extra: Mapping[str, str], measures: Mapping[str, str]) -> View:
    dimensions = {**_SCORE_DIMENSIONS, **extra}
    return View(
        source=_SCORES.format(types=types),
        time="timestamp_ns",
        dimensions=dimensions,
        measures=measures,
        filters={**dimensions, "tags": "tags", "timestamp": "timestamp_ns"},
        nullable=frozenset(dimensions) - {"name", "environment", "source", "dataType", "stringValue"},
        high=frozenset({"id", "traceId", "userId", "sessionId", "observationId"}),
    )


_VALUE = {"count": "1", "value": "value"}
_TRACES = """(
    SELECT any_value(project_id) AS project_id, trace_id AS id, min(start_ns) AS timestamp_ns,
        coalesce(max(trace_name), arg_min(name, start_ns)) AS name, max(tags) AS tags, max(user_id) AS user_id,
        max(session_id) AS session_id, max(release) AS release, max(version) AS version,
        arg_min(environment, start_ns) AS environment, count(*) AS observations,
        max(coalesce(end_ns, start_ns)) // 1000000 - min(start_ns) // 1000000 AS latency,
        coalesce(sum(total_tokens), 0) AS tokens, coalesce(sum(total_cost), 0) AS cost
    FROM observations GROUP BY project_id, trace_id
    UNION ALL
    SELECT project_id, id, timestamp_ns, name, tags, user_id, session_id, release, version,
        coalesce(environment, 'default'), 0, 0, 0, 0
    FROM traces WHERE NOT EXISTS (
        SELECT 1 FROM observations AS o WHERE o.trace_id = traces.id AND o.project_id = traces.project_id
    )
)"""
_TRACE_DIMENSIONS = {
    "id": "id",
    "name": "name",
    "tags": "coalesce(tags, [])",
    "userId": "user_id",
    "sessionId": "session_id",
    "release": "release",
    "version": "version",
    "environment": "environment",
    "timestampMonth": _month("timestamp_ns"),
}
TRACES = View(
    source=f"{_TRACES} AS t",
    time="timestamp_ns",
    dimensions=_TRACE_DIMENSIONS,
    measures={
        "count": "1",
        "observationsCount": "observations",
        "scoresCount": "(SELECT count(*) FROM scores AS s WHERE s.trace_id = t.id AND s.project_id = t.project_id)",
        "uniqueUserIds": "user_id",
        "uniqueSessionIds": "session_id",
        "latency": "latency",
        "totalTokens": "tokens",
        "totalCost": "cost",
    },
    filters={**_TRACE_DIMENSIONS, "tags": "tags", "timestamp": "timestamp_ns"},
    nullable=frozenset({"userId", "sessionId", "release", "version"}),
    distinct=frozenset({"uniqueUserIds", "uniqueSessionIds"}),
)
NUMERIC = _score_view("'NUMERIC', 'BOOLEAN'", {"value": "value"}, _VALUE)
CATEGORICAL = _score_view("'CATEGORICAL'", {"stringValue": "string_value"}, {"count": "1"})
BOOLEAN = _score_view("'BOOLEAN'", {"booleanValue": "(value = 1)"}, _VALUE)

V2_VIEWS: Mapping[str, View] = {
    "observations": OBSERVATIONS,
    "scores-numeric": NUMERIC,
    "scores-categorical": CATEGORICAL,
    "scores-boolean": BOOLEAN,
}
V1_VIEWS: Mapping[str, View] = {
    "traces": TRACES,
    "observations": OBSERVATIONS,
    "scores-numeric": NUMERIC,
    "scores-categorical": CATEGORICAL,
}
