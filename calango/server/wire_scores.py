"""Scores: what a request says -> a row, and rows -> the answers of v1, v2 and v3. Pure."""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any
from uuid import uuid4

import orjson

from calango.server.bodies import expected, optional_text
from calango.server.errors import invalid, problem, refused
from calango.server.shapes import as_text, parsed, parsed_dict
from calango.server.times import iso_ms, parse_bound, parse_iso
from calango.store import ScoreRow

TYPES = ("NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT", "CORRECTION")
TEXT_LIMIT = 500
_ENVIRONMENT = re.compile(r"(?!langfuse)[a-z0-9_-]{1,40}")
_TARGETS = ["traceId", "sessionId", "datasetRunId", "observationId"]
_ONE_TARGET = (
    "Provide exactly one of the following: traceId (with optional observationId), sessionId or datasetRunId."
    " ObservationId requires traceId."
)


def score_row(body: dict[str, Any], project_id: str, now_ns: int, timestamp_ns: int | None = None) -> ScoreRow:
    """The score that a request describes; ApiError 400 names every rule that it breaks.

    `timestamp_ns` is the default for a body without `timestamp`; `now_ns` for both.
    """
    name, value = body.get("name"), body.get("value")
    if not isinstance(name, str) or not name:
        raise invalid(expected(["name"], "string", name))
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise invalid(_no_union(value, "value" in body))
    _check_target(body)
    data_type, number, text = _typed(body.get("dataType"), value)
    return ScoreRow(
        project_id=project_id,
        id=optional_text(body, "id") or str(uuid4()),
        name=name,
        timestamp_ns=_timestamp(body.get("timestamp"), timestamp_ns or now_ns),
        data_type=data_type,
        value=number,
        string_value=text,
        trace_id=optional_text(body, "traceId"),
        observation_id=optional_text(body, "observationId"),
        session_id=optional_text(body, "sessionId"),
        dataset_run_id=optional_text(body, "datasetRunId"),
        environment=_environment(body.get("environment")),
        source=_source(body.get("source")),
        comment=optional_text(body, "comment"),
        metadata_json=None if body.get("metadata") is None else as_text(body["metadata"]),
        config_id=optional_text(body, "configId"),
        queue_id=optional_text(body, "queueId"),
        created_ns=now_ns,
        updated_ns=now_ns,
    )


def _no_union(value: object, given: bool) -> dict[str, Any]:
    errors = [[expected([], kind, value, given=given)] for kind in ("string", "number")]
    return problem(["value"], "Invalid input", "invalid_union", errors=errors)


def _check_target(body: dict[str, Any]) -> None:
    given = [name for name in ("traceId", "sessionId", "datasetRunId") if body.get(name)]
    if len(given) != 1 or (body.get("observationId") and given != ["traceId"]):
        raise invalid(problem(list(_TARGETS), _ONE_TARGET))


def _typed(data_type: object, value: str | float) -> tuple[str, float | None, str | None]:
    """Data type, number and text of a value; a value without a type is what it looks like."""
    if data_type is None:
        data_type = "CATEGORICAL" if isinstance(value, str) else "NUMERIC"
    if not isinstance(data_type, str) or data_type not in TYPES:
        options = "|".join(f'"{name}"' for name in TYPES)
        message = f"Invalid option: expected one of {options}"
        raise invalid(problem(["dataType"], message, "invalid_value", values=list(TYPES)))
    if data_type in {"NUMERIC", "BOOLEAN"}:
        if isinstance(value, str):
            raise invalid(expected(["value"], "number", value))
        if data_type == "BOOLEAN" and value not in {0, 1}:
            message = "Value must be a number equal to either 0 or 1 for data type BOOLEAN"
            raise invalid(problem(["value"], message))
        if not math.isfinite(value):
            raise invalid(expected(["value"], "number", None))
        return str(data_type), float(value), ("True" if value else "False") if data_type == "BOOLEAN" else None
    if not isinstance(value, str):
        raise invalid(expected(["value"], "string", value))
    if data_type == "TEXT" and not 1 <= len(value) <= TEXT_LIMIT:
        raise invalid(problem(["value"], f"Text scores have 1 to {TEXT_LIMIT} characters", "too_big"))
    return str(data_type), 0.0 if data_type == "CATEGORICAL" else None, value


def _timestamp(value: object, default: int) -> int:
    if value is None:
        return default
    try:
        return parse_iso(str(value))
    except ValueError:
        raise invalid(problem(["timestamp"], "Invalid ISO datetime", "invalid_format", format="datetime")) from None


def _environment(value: object) -> str:
    if value is None:
        return "default"
    if isinstance(value, str) and _ENVIRONMENT.fullmatch(value):
        return value
    message = "Only lowercase letters, digits, hyphens and underscores, at most 40, not starting with 'langfuse'"
    raise invalid(problem(["environment"], message, "invalid_format"))


def _source(value: object) -> str:
    if value is None:
        return "API"
    if isinstance(value, str) and value in {"API", "ANNOTATION", "EVAL"}:
        return str(value)
    raise invalid(problem(["source"], 'Invalid option: expected one of "API"|"ANNOTATION"', "invalid_value"))


def score_v1(score: ScoreRow) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "id": score.id,
        "projectId": score.project_id,
        "environment": score.environment,
        "name": score.name,
        "source": score.source,
        "authorUserId": score.author_user_id,
        "comment": score.comment,
        "metadata": parsed(score.metadata_json) if score.metadata_json else {},
        "configId": score.config_id,
        "queueId": score.queue_id,
        "executionTraceId": None,
        "createdAt": iso_ms(score.created_ns),
        "updatedAt": iso_ms(score.updated_ns),
        "timestamp": iso_ms(score.timestamp_ns),
        "traceId": score.trace_id,
        "observationId": score.observation_id,
        "stringValue": score.string_value,
        "dataType": score.data_type,
    }
    if score.value is not None:
        answer["value"] = score.value
    return answer


def score_v2(score: ScoreRow) -> dict[str, Any]:
    return score_v1(score) | {"sessionId": score.session_id, "datasetRunId": score.dataset_run_id}


def score_v3(score: ScoreRow, groups: frozenset[str]) -> dict[str, Any]:
    """One `value` of the type that `dataType` says."""
    value: bool | float | str | None = score.value
    if score.data_type == "BOOLEAN":
        value = bool(score.value)
    elif score.data_type != "NUMERIC":
        value = score.string_value
    answer: dict[str, Any] = {
        "id": score.id,
        "projectId": score.project_id,
        "name": score.name,
        "value": value,
        "dataType": score.data_type,
        "source": score.source,
        "timestamp": iso_ms(score.timestamp_ns),
        "environment": score.environment,
        "createdAt": iso_ms(score.created_ns),
        "updatedAt": iso_ms(score.updated_ns),
    }
    if "details" in groups:
        metadata = parsed_dict(score.metadata_json)
        answer |= {"comment": score.comment, "configId": score.config_id, "metadata": metadata}
    if "subject" in groups:
        answer["subject"] = _subject(score)
    if "annotation" in groups:
        answer |= {"authorUserId": score.author_user_id, "queueId": score.queue_id}
    return answer


def _subject(score: ScoreRow) -> dict[str, Any]:
    if score.observation_id:
        return {"kind": "observation", "id": score.observation_id, "traceId": score.trace_id}
    if score.trace_id:
        return {"kind": "trace", "id": score.trace_id}
    if score.session_id:
        return {"kind": "session", "id": score.session_id}
    return {"kind": "experiment", "id": score.dataset_run_id}


def cursor_after(score: ScoreRow) -> str:
    position = {"v": 1, "lastTimestamp": iso_ms(score.timestamp_ns), "lastId": score.id}
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def cursor_position(cursor: str) -> tuple[int, str]:
    """Timestamp (ns) and id of the last score that was answered; 400 when it is none of ours."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = orjson.loads(base64.urlsafe_b64decode(padded))
        return parse_bound(position["lastTimestamp"]), str(position["lastId"])
    except (binascii.Error, orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        raise refused("Invalid cursor format") from None
