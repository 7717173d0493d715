"""Stored rows that are no spans -> events of the legacy ingestion, as SDK 2 sends them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

Row = Mapping[str, Any]
Event = dict[str, Any]
_TRACE = {
    "id": "id", "name": "name", "environment": "environment", "user_id": "userId", "session_id": "sessionId",
    "release": "release", "version": "version", "tags": "tags", "public": "public",
}  # fmt: skip
_OBSERVATION = {
    "id": "id", "trace_id": "traceId", "name": "name", "parent_id": "parentObservationId", "level": "level",
    "status_message": "statusMessage", "environment": "environment", "version": "version", "model": "model",
    "prompt_name": "promptName", "prompt_version": "promptVersion",
}  # fmt: skip
_SCORE = {
    "id": "id", "name": "name", "data_type": "dataType", "trace_id": "traceId", "session_id": "sessionId",
    "observation_id": "observationId", "comment": "comment", "environment": "environment",
}  # fmt: skip


def trace(row: Row) -> Event:
    body = _some(row, _TRACE) | {"timestamp": _iso(row["timestamp_ns"])}
    body |= _values(row, {"input": "input", "output": "output", "metadata_json": "metadata"})
    return _event("trace-create", row, body, row["timestamp_ns"])


def observation(row: Row) -> Event:
    times = {"start_ns": "startTime", "end_ns": "endTime", "completion_start_ns": "completionStartTime"}
    body = _some(row, _OBSERVATION)
    body |= {name: _iso(row[column]) for column, name in times.items() if row[column] is not None}
    body |= _values(
        row,
        {
            "input": "input", "output": "output", "model_parameters_json": "modelParameters",
            "usage_json": "usageDetails", "cost_json": "costDetails",
        },
    )  # fmt: skip
    if row["metadata_json"]:
        body["metadata"] = {key: _parsed(text) for key, text in orjson.loads(row["metadata_json"]).items()}
    return _event(f"{row['type'].lower()}-create", row, body, row["start_ns"])


def score(row: Row, run_id: str | None = None) -> Event:
    """`run_id`: the remote id of its dataset run, if it is a score of one."""
    value = row["string_value"] if row["data_type"] not in {"NUMERIC", "BOOLEAN"} else row["value"]
    body = _some(row, _SCORE) | {"value": value} | ({} if run_id is None else {"datasetRunId": run_id})
    body |= _values(row, {"metadata_json": "metadata"})
    return _event("score-create", row, body, row["timestamp_ns"])


def _event(kind: str, row: Row, body: dict[str, Any], at_ns: int) -> Event:
    """The same row in the same state makes the same event."""
    return {"id": f"{row['id']}-{row['updated_ns']}", "type": kind, "timestamp": _iso(at_ns), "body": body}


def _some(row: Row, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: row[column] for column, name in names.items() if row[column] is not None}


def _values(row: Row, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: _parsed(row[column]) for column, name in names.items() if row[column] is not None}


def _parsed(text: Any) -> Any:
    """Objects and lists as such; whatever else stays the text that it is."""
    if not isinstance(text, str) or text[:1] not in {"{", "["}:
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000 / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
