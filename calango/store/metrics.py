# ruff: noqa: S608 - names of columns come from the tables below; values are always parameters
"""Metrics: group, aggregate, order. A view says which dimensions and measures there are, as SQL over one source.

The source of scores joins the trace by its physical root and the observation by its id, as Langfuse does:
a score whose trace has no span without a parent has no trace name there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from calango.store.clickhouse import cell, histogram
from calango.store.filters import MS_FIRST_TOKEN, MS_LATENCY, OBSERVATION_COLUMNS
from calango.store.query import Where

GRANULARITIES = ("minute", "hour", "day", "week", "month")
_LENGTHS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000}
_AUTO_BUCKETS = 50


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
    "countScores": "(SELECT count(*) FROM scores AS s WHERE s.observation_id = o.id AND s.trace_id = o.trace_id)",
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


@dataclass(frozen=True, slots=True)
class MetricsQuery:
    """A checked query. `where` holds project, time range and filters; `order` pairs of field and direction."""

    view: View
    where: Where
    from_ns: int
    to_ns: int
    dimensions: tuple[str, ...] = ()
    metrics: tuple[tuple[str, str], ...] = ()
    granularity: str | None = None
    order: tuple[tuple[str, str], ...] = ()
    limit: int = 100
    bins: int = 10

    def columns(self) -> list[str]:
        """The names of the answer's columns, in order."""
        timed = ["time_dimension"] if self.granularity else []
        return [*self.dimensions, *timed, *(f"{how}_{what}" for what, how in self.metrics or ())] or ["count"]


def granularity_for(from_ns: int, to_ns: int) -> str:
    """The finest one that makes about fifty buckets at most."""
    seconds = (to_ns - from_ns) / 1e9
    return next((name for name in GRANULARITIES if seconds / _LENGTHS[name] <= _AUTO_BUCKETS), "month")


def run(db: duckdb.DuckDBPyConnection, asked: MetricsQuery) -> list[dict[str, Any]]:
    view = asked.view
    select = [f"{view.dimensions[name]} AS k{index}" for index, name in enumerate(asked.dimensions)]
    groups = [f"k{index}" for index in range(len(select))]
    if asked.granularity:
        select.append(f"date_trunc('{asked.granularity}', make_timestamp({view.time} // 1000)) AS bucket")
        groups.append("bucket")
    select += [_aggregate(view, what, how) for what, how in asked.metrics] or ["count(*)"]
    sql = f"SELECT {', '.join(select)} FROM {view.source} WHERE {asked.where.sql}"
    if groups:
        sql += f" GROUP BY {', '.join(groups)}"
    rows = [list(row) for row in db.execute(sql, asked.where.params).fetchall()]
    named = asked.columns() if asked.metrics else [*_keys(asked), "count"]
    answer = [_answered(asked, dict(zip(named, row, strict=True))) for row in _ordered(asked, rows, named)]
    return answer[: asked.limit]


def _keys(asked: MetricsQuery) -> list[str]:
    return [*asked.dimensions, *(["time_dimension"] if asked.granularity else [])]


def _aggregate(view: View, what: str, how: str) -> str:
    column = view.measures[what]
    if what in view.distinct and how in {"count", "uniq", "sum"}:
        return f"count(DISTINCT {column})"
    return AGGREGATIONS[how].format(column)


def _ordered(asked: MetricsQuery, rows: list[list[Any]], named: list[str]) -> list[list[Any]]:
    """By what was asked for; else by time, else by the first metric from high to low. Equal rows as in ClickHouse."""
    width = len(_keys(asked))
    if not width:
        return rows
    if asked.granularity:
        rows = rows + _missing(asked, {row[len(asked.dimensions)] for row in rows}, len(named) - width)
    rows.sort(key=lambda row: cell([_comparable(key) for key in row[:width]]))
    order = asked.order or ((("time_dimension", "asc"),) if asked.granularity else ((named[width], "desc"),))
    for name, direction in reversed(order):
        if name in named and not name.startswith("histogram_"):
            at = named.index(name)
            rows.sort(key=lambda row, at=at: _sortable(row[at]), reverse=direction == "desc")
    return rows


def _comparable(key: object) -> object:
    return int(key.replace(tzinfo=UTC).timestamp()) if isinstance(key, datetime) else key


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, 0 if value is None else value)


def _missing(asked: MetricsQuery, seen: set[datetime], metrics: int) -> list[list[Any]]:
    """A row of zeros for every bucket of the range (its end excluded) in which nothing happened."""
    granularity = asked.granularity or "day"
    at, end = _bucket(asked.from_ns, granularity), _bucket(asked.to_ns, granularity)
    rows: list[list[Any]] = []
    while at < end and len(rows) < 10_000:
        if at not in seen:
            rows.append([*(_empty(asked, name) for name in asked.dimensions), at, *([0] * metrics)])
        at = _bucket_after(at, granularity)
    return rows


def _empty(asked: MetricsQuery, name: str) -> object:
    return None if name in asked.view.nullable else [] if name == "tags" else False if name.startswith("is") else ""


def _bucket(ns: int, granularity: str) -> datetime:
    at = datetime.fromtimestamp(ns // 1_000_000_000, UTC).replace(tzinfo=None)
    if granularity == "minute":
        return at.replace(second=0)
    if granularity == "hour":
        return at.replace(minute=0, second=0)
    day = at.replace(hour=0, minute=0, second=0)
    if granularity == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if granularity == "month" else day


def _bucket_after(at: datetime, granularity: str) -> datetime:
    if granularity == "month":
        return (at.replace(day=1) + timedelta(days=32)).replace(day=1)
    return at + timedelta(seconds=_LENGTHS[granularity])


def _answered(asked: MetricsQuery, row: dict[str, Any]) -> dict[str, Any]:
    for name, value in row.items():
        if isinstance(value, datetime):
            row[name] = f"{value:%Y-%m-%dT%H:%M:%SZ}"
        elif isinstance(value, Decimal):
            row[name] = float(value)
        elif name.startswith("histogram_"):
            row[name] = histogram(value or {}, asked.bins)
        elif value is None and name in asked.dimensions and name not in asked.view.nullable:
            row[name] = ""
    return row


def daily(db: duckdb.DuckDBPyConnection, where: Where, *, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Counts, tokens and cost per UTC day and model, the newest day first; and how many days there are."""
    day = "strftime(make_timestamp(start_ns // 1000), '%Y-%m-%d')"
    found = db.execute(f"SELECT count(DISTINCT {day}) FROM observations WHERE {where.sql}", where.params).fetchone()
    totals = db.execute(
        f"SELECT {day} AS day, count(DISTINCT trace_id), count(*), coalesce(sum(total_cost), 0) FROM observations"
        f" WHERE {where.sql} GROUP BY day ORDER BY day DESC LIMIT ? OFFSET ?",
        [*where.params, limit, offset],
    ).fetchall()
    models = db.execute(
        f"SELECT {day} AS day, model, coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),"
        " coalesce(sum(total_tokens), 0), coalesce(sum(total_cost), 0), count(*), count(DISTINCT trace_id)"
        f" FROM observations WHERE {where.sql} GROUP BY day, model ORDER BY model NULLS LAST",
        where.params,
    ).fetchall()
    names = ("model", "inputUsage", "outputUsage", "totalUsage", "totalCost", "countObservations", "countTraces")
    data = [
        {
            "date": date,
            "countTraces": traces,
            "countObservations": observations,
            "totalCost": cost,
            "usage": [dict(zip(names, row[1:], strict=True)) for row in models if row[0] == date],
        }
        for date, traces, observations, cost in totals
    ]
    return data, int(found[0]) if found else 0
