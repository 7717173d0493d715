"""Answers of Langfuse's API -> rows of the store's tables, as `calango import` takes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import orjson

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCOPED = ("scope.", "resourceAttributes.")  # metadata that Langfuse adds from the span's source
_SUBJECTS = {"trace": "trace_id", "session": "session_id", "experiment": "dataset_run_id"}


def observation(one: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `observations`. Langfuse answers times in ms; costs and usage stay as they were."""
    usage = cast("dict[str, Any]", one.get("usageDetails") or {})
    cost = cast("dict[str, Any]", one.get("costDetails") or {})
    metadata = cast("dict[str, Any]", one.get("metadata") or {})
    kept = {key: _text(value) for key, value in metadata.items() if not key.startswith(_SCOPED)}
    root = one.get("isRootObservation")
    return {
        "trace_id": one["traceId"],
        "id": one["id"],
        "start_ns": _ns(one["startTime"]),
        "type": one.get("type") or "SPAN",
        "name": one.get("name") or "",
        "parent_id": one.get("parentObservationId") or None,
        "end_ns": _ns_or_none(one.get("endTime")),
        "completion_start_ns": _ns_or_none(one.get("completionStartTime")),
        "level": one.get("level") or "DEFAULT",
        "status_message": one.get("statusMessage") or None,
        "environment": one.get("environment") or "default",
        "version": one.get("version") or None,
        "release": one.get("release") or None,
        "trace_name": one.get("traceName") or None,
        "user_id": one.get("userId") or None,
        "session_id": one.get("sessionId") or None,
        "tags": one.get("tags") or None,
        "is_root": bool(root) if root is not None else not one.get("parentObservationId"),
        "public": bool(one.get("public")),
        "direct": True,
        "model": one.get("model") or one.get("providedModelName") or None,
        "model_id": one.get("internalModelId") or None,
        "model_parameters_json": _json_or_none(one.get("modelParameters")),
        "usage_json": _json_or_none(usage),
        "cost_json": _json_or_none(cost),
        "input_tokens": _side(usage, "input"),
        "output_tokens": _side(usage, "output"),
        "total_tokens": usage.get("total"),
        "input_cost": _side(cost, "input"),
        "output_cost": _side(cost, "output"),
        "total_cost": cost.get("total"),
        "prompt_name": one.get("promptName") or None,
        "prompt_version": one.get("promptVersion"),
        "input": one.get("input"),
        "output": one.get("output"),
        "metadata_json": _json_or_none(kept),
        "created_ns": _ns(one.get("createdAt") or one["startTime"]),
        "updated_ns": _ns(one.get("updatedAt") or one["startTime"]),
    }


def score(one: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `scores`, from the answer of `v3/scores` with details and subject."""
    value = one.get("value")
    subject = cast("dict[str, Any]", one.get("subject") or {})
    kind = subject.get("kind")
    row: dict[str, Any] = {
        "id": one["id"],
        "name": one["name"],
        "timestamp_ns": _ns(one["timestamp"]),
        "data_type": one["dataType"],
        "value": float(value) if isinstance(value, bool | int | float) else None,
        "string_value": value if isinstance(value, str) else None,
        "environment": one.get("environment") or "default",
        "source": one.get("source") or "API",
        "comment": one.get("comment"),
        "config_id": one.get("configId"),
        "metadata_json": _json_or_none(one.get("metadata")),
        "writes": 1,
        "created_ns": _ns(one.get("createdAt") or one["timestamp"]),
        "updated_ns": _ns(one.get("updatedAt") or one["timestamp"]),
    }
    if kind == "observation":
        return row | {"observation_id": subject.get("id"), "trace_id": subject.get("traceId")}
    return row | ({_SUBJECTS[kind]: subject.get("id")} if kind in _SUBJECTS else {})


def _side(counts: Mapping[str, Any], side: str) -> Any:
    found = [value for key, value in counts.items() if key.startswith(side)]
    return sum(found) if found else None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()


def _json_or_none(value: Any) -> str | None:
    return orjson.dumps(value).decode() if value else None


def _ns(text: str) -> int:
    since = datetime.fromisoformat(text) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def _ns_or_none(text: str | None) -> int | None:
    return _ns(text) if text else None
