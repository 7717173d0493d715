"""Events of the legacy ingestion (`POST /api/public/ingestion`) -> rows and patches. Pure.

SDK 4 sends its scores this way; older SDKs and other languages send everything this way.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import orjson

from calango.server.errors import ApiError, invalid, problem
from calango.server.mapping.langfuse import LEVELS, TYPES, tags_of, version_of
from calango.server.mapping.usage import set_cost, set_usage
from calango.server.shapes import as_dict, as_text
from calango.server.times import parse_iso
from calango.server.wire_scores import score_row
from calango.store import ObservationRow, ScoreRow
from calango.store.write import Patch

log = logging.getLogger(__name__)

_VERBS = ("create", "update")
_KINDS = {f"{kind.lower()}-{verb}": kind for kind in TYPES for verb in _VERBS}
_OTHERS = frozenset({"trace-create", "score-create", "observation-create", "observation-update"})
_TEXTS = {
    "name": "name",
    "traceId": "trace_id",
    "parentObservationId": "parent_id",
    "statusMessage": "status_message",
    "environment": "environment",
    "version": "version",
    "model": "model",
    "promptName": "prompt_name",
    "input": "input",
    "output": "output",
}
_TRACE_TEXTS = {
    "name": "name",
    "environment": "environment",
    "userId": "user_id",
    "sessionId": "session_id",
    "release": "release",
    "version": "version",
    "input": "input",
    "output": "output",
}
_USAGE_COLUMNS = ("usage_json", "input_tokens", "output_tokens", "total_tokens")
_COST_COLUMNS = ("cost_json", "input_cost", "output_cost", "total_cost")
_COSTS = {"inputCost": "input", "outputCost": "output", "totalCost": "total"}
_COUNTS = {"promptTokens": "input", "completionTokens": "output", "totalTokens": "total"}


@dataclass(slots=True)
class Batch:
    """What a batch asks to write."""

    traces: list[Patch] = field(default_factory=list[Patch])
    observations: list[Patch] = field(default_factory=list[Patch])
    scores: list[ScoreRow] = field(default_factory=list[ScoreRow])


def add_event(batch: Batch, event: dict[str, Any], project_id: str, now_ns: int) -> None:
    """Put what `event` says into `batch`; ApiError 400 when it can't be understood."""
    kind, body = event.get("type"), as_dict(event.get("body"))
    if kind == "sdk-log":
        return
    if not isinstance(kind, str) or (kind not in _OTHERS and kind not in _KINDS):
        note: dict[str, Any] = {"errors": [], "note": "No matching discriminator", "discriminator": "type"}
        raise invalid(problem(["type"], "Invalid input", "invalid_union", **note))
    if body is None:
        raise invalid(problem(["body"], "Invalid input: expected object", "invalid_type", expected="object"))
    if not body.get("id"):
        log.warning("a %s without a body id was acknowledged but not stored, as Langfuse does", kind)
        return
    at = _moment(event.get("timestamp"), "timestamp") or now_ns
    if kind == "score-create":
        batch.scores.append(score_row(body, project_id, now_ns, at))
    elif kind == "trace-create":
        batch.traces.append(_trace(body, project_id, at, now_ns))
    else:
        named = str(body.get("type", "")).upper()
        type_ = _KINDS.get(kind) or (named if named in TYPES else "SPAN")
        batch.observations.append(_observation(body, type_, project_id, at, now_ns))


def _moment(value: object, name: str) -> int | None:
    if value is None:
        return None
    try:
        return parse_iso(str(value))
    except ValueError:
        raise invalid(problem([name], "Invalid ISO datetime", "invalid_format", format="datetime")) from None


def _id(body: dict[str, Any]) -> str:
    value = body.get("id")
    if not isinstance(value, str) or not value:
        raise invalid(problem(["body", "id"], "Invalid input: expected string", "invalid_type", expected="string"))
    return value


def _texts(body: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
    return {column: as_text(body[key]) for key, column in columns.items() if body.get(key) is not None}


def _trace(body: dict[str, Any], project_id: str, at: int, now_ns: int) -> Patch:
    values = _texts(body, _TRACE_TEXTS)
    timestamp = _moment(body.get("timestamp"), "timestamp")
    if timestamp is not None:
        values["timestamp_ns"] = timestamp
    if body.get("tags") is not None:
        values["tags"] = tags_of(body["tags"])
    if isinstance(body.get("public"), bool):
        values["public"] = body["public"]
    if body.get("metadata") is not None:
        whole = as_dict(body["metadata"])
        values["metadata_json"] = as_text({"metadata": body["metadata"]} if whole is None else whole)
    return Patch(project_id, _id(body), values, at, now_ns)


def _observation(body: dict[str, Any], kind: str, project_id: str, at: int, now_ns: int) -> Patch:
    observation_id = _id(body)
    values = _texts(body, _TEXTS)
    for key, column in (
        ("startTime", "start_ns"),
        ("endTime", "end_ns"),
        ("completionStartTime", "completion_start_ns"),
    ):
        if (moment := _moment(body.get(key), key)) is not None:
            values[column] = moment
    level = str(body.get("level", "")).upper()
    if level in LEVELS:
        values["level"] = level
    if (version := version_of(body.get("promptVersion"))) is not None:
        values["prompt_version"] = version
    if (parameters := as_dict(body.get("modelParameters"))) is not None:
        values["model_parameters_json"] = as_text(parameters)
    if body.get("metadata") is not None:
        values["metadata_json"] = _metadata(body["metadata"])
    values |= _money(body)
    values |= {"type": kind, "is_root": "parent_id" not in values, "direct": False}
    return Patch(project_id, observation_id, values, at, now_ns)


def _metadata(value: Any) -> str:
    """Each value as JSON text, so that text which looks like a number stays text."""
    whole = as_dict(value)
    pairs = {"metadata": value} if whole is None else whole
    return orjson.dumps({key: orjson.dumps(item).decode() for key, item in pairs.items()}).decode()


def _money(body: dict[str, Any]) -> dict[str, Any]:
    """Usage and cost in the old shape (`usage`, prices in it) or the new one (`usageDetails`, `costDetails`)."""
    scratch = ObservationRow("", "", "", 0)
    old = as_dict(body.get("usage")) or {}
    counts = {_COUNTS.get(key, key): value for key, value in old.items() if key not in _COSTS}
    set_usage(scratch, as_dict(body.get("usageDetails")) or counts)
    costs = {name: old[key] for key, name in _COSTS.items() if old.get(key) is not None}
    set_cost(scratch, as_dict(body.get("costDetails")) or costs)
    given = (*(_USAGE_COLUMNS if scratch.usage_json else ()), *(_COST_COLUMNS if scratch.cost_json else ()))
    return {name: getattr(scratch, name) for name in given}


def refusal(event_id: str, error: ApiError) -> dict[str, Any]:
    """The entry of a refused event in the answer; the problems are JSON text inside JSON, as Langfuse gives them."""
    details = error.error
    text = details if isinstance(details, str) else orjson.dumps(details, option=orjson.OPT_INDENT_2).decode()
    return {"id": event_id, "status": error.status, "message": error.message, "error": text}
