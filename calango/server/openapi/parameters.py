"""Parameters that routes take in their query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calango.server.openapi import schemas as s
from calango.server.openapi.schemas import Schema, one_of

Parameter = dict[str, Any]


def query(name: str, schema: Schema, *, required: bool = False) -> Parameter:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def texts(*names: str) -> list[Parameter]:
    return [query(name, s.SOME_TEXT) for name in names]


def times(*names: str) -> list[Parameter]:
    return [query(name, s.TIME) for name in names]


def document(name: str, schema: Schema, *, required: bool = False) -> Parameter:
    return {"name": name, "in": "query", "required": required, "content": {"application/json": {"schema": schema}}}


def whole(name: str, low: int, high: int) -> Parameter:
    return query(name, {"type": "integer", "minimum": low, "maximum": high})


FROM_TO = times("fromTimestamp", "toTimestamp")
LATEST = [whole("limit", 1, 1000)]
PAGED = [whole("page", 1, 10**9), whole("limit", 1, 100)]
FILTER = document("filter", {"type": "array", "items": s.FILTER, "maxItems": 100})
OBSERVATIONS = [
    *texts("traceId", "name", "userId", "sessionId", "type", "level", "version", "environment"),
    query("parentObservationId", s.TEXT),
    query("isRootObservation", s.FLAG),
    *times("fromStartTime", "toStartTime"),
    FILTER,
]
SCORES = [
    *texts("userId", "traceTags", "name", "source", "dataType", "configId", "queueId", "traceId", "sessionId"),
    *texts("datasetRunId", "scoreIds", "observationId", "environment"),
    *FROM_TO,
    query("operator", one_of("<", ">", "<=", ">=", "!=", "=")),
    query("value", s.NUMBER),
    *PAGED,
]
SCORES_V3 = [
    *texts("id", "name", "environment", "configId", "queueId", "authorUserId", "traceId", "sessionId"),
    *texts("observationId", "experimentId", "source", "dataType", "value", "cursor"),
    query("fields", one_of("core", "details", "subject", "annotation")),
    query("valueMin", s.NUMBER),
    query("valueMax", s.NUMBER),
    *FROM_TO,
    whole("limit", 1, 100),
]
EXPERIMENTS = [
    query("fromStartTime", s.TIME, required=True),
    *times("toStartTime"),
    *texts("datasetId", "cursor"),
    FILTER,
    whole("limit", 1, 100),
    whole("scoreLimit", 1, 50),
]
PROMPT = [query("version", {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}), *texts("label")]
METRICS = [document("query", s.METRICS, required=True)]
SIGNED = [query("expires", s.TEXT), query("signature", s.TEXT)]
PROJECT = texts("project")
FORMAT = query("format", one_of("parquet", "jsonl"))
TRACE_FIELDS = query("fields", one_of("core", "io", "scores", "observations", "metrics"))
_WHEN: Schema = {
    "anyOf": [
        one_of("today", "yesterday"),
        {"type": "string", "pattern": "^[0-9]{1,5}[mhdw]$"},
        {"type": "string", "format": "date"},
        s.TIME,
    ]
}
INSIGHTS = [
    *PROJECT,
    query("since", _WHEN),
    query("until", {"anyOf": [{"type": "string", "format": "date"}, s.TIME]}),
    query("zone", one_of("UTC", "America/Sao_Paulo", "Pacific/Apia")),
    *texts("user", "session", "tag", "environment", "release", "name", "model", "tool", "prompt"),
    query("outcome", one_of("ok", "error", "cancelled", "interrupted")),
]
_LIMIT, _OFFSET = whole("limit", 0, 1000), whole("offset", 0, 10_000)
QUESTIONS: Mapping[str, list[dict[str, Any]]] = {
    "breakdown": [*texts("by", "order"), _LIMIT, query("people", s.FLAG)],
    "errors": [_LIMIT],
    "satisfaction": [_LIMIT],
    "conversations": [_LIMIT, _OFFSET],
    "turns": [
        *texts("order", "text", "scored"),
        _LIMIT,
        _OFFSET,
        query("min_cost_usd", s.NUMBER),
        query("min_latency_ms", s.NUMBER),
    ],
    "values": texts("fields"),
}
"""What a question takes besides INSIGHTS."""
