"""Stored observations -> spans with the attributes of Langfuse's SDKs: what the server understood, said again. Pure.

Sources: the attribute names are those of `langfuse._client.attributes` (SDK 4 and 5); `as_root` marks a span that is a
root although it has a parent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import orjson
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode

from calango.tracing.attributes import time_json

Row = Mapping[str, Any]
_TRACE_ID, _SPAN_ID = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{16}")
_O = "langfuse.observation."
# column -> attribute
_TEXTS = {
    "input": f"{_O}input",
    "output": f"{_O}output",
    "trace_input": "langfuse.trace.input",
    "trace_output": "langfuse.trace.output",
    "trace_name": "langfuse.trace.name",
    "environment": "langfuse.environment",
    "release": "langfuse.release",
    "version": "langfuse.version",
    "status_message": f"{_O}status_message",
    "level": f"{_O}level",
    "model": f"{_O}model.name",
    "model_parameters_json": f"{_O}model.parameters",
    "usage_json": f"{_O}usage_details",
    "cost_json": f"{_O}cost_details",
    "prompt_name": f"{_O}prompt.name",
    "prompt_version": f"{_O}prompt.version",
    "user_id": "user.id",
    "session_id": "session.id",
    "tags": "langfuse.trace.tags",
}
# column that holds an object of texts -> what stands before each of its keys
_GROUPS = {
    "attributes_json": "",
    "metadata_json": f"{_O}metadata.",
    "trace_metadata_json": "langfuse.trace.metadata.",
    "experiment_json": "langfuse.experiment.",
}


def is_span(row: Row) -> bool:
    """Whether it can travel as one: ids of the protocol's length, and an end."""
    ids = (row["trace_id"], _TRACE_ID), (row["id"], _SPAN_ID), (row["parent_id"] or row["id"], _SPAN_ID)
    return row["end_ns"] is not None and all(pattern.fullmatch(id_) for id_, pattern in ids)


def span(row: Row) -> ReadableSpan:
    """A row of `observations` for which `is_span`."""
    resource, scope = _source(row["source_json"] or "{}")
    trace_id, parent = int(row["trace_id"], 16), row["parent_id"]
    return ReadableSpan(
        name=row["name"],
        context=SpanContext(trace_id, int(row["id"], 16), is_remote=False),
        parent=SpanContext(trace_id, int(parent, 16), is_remote=False) if parent else None,
        resource=resource,
        attributes=_attributes(row),
        status=Status(StatusCode.ERROR, row["status_message"]) if row["level"] == "ERROR" else Status(),
        start_time=row["start_ns"],
        end_time=row["end_ns"],
        instrumentation_scope=scope,
    )


def _attributes(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column, before in _GROUPS.items():
        if row[column]:
            texts = cast("dict[str, Any]", orjson.loads(row[column]))
            found |= {f"{before}{key}": text for key, text in texts.items() if text is not None}
    found |= {name: row[column] for column, name in _TEXTS.items() if row[column] is not None}
    found[f"{_O}type"] = row["type"].lower()
    if row["completion_start_ns"] is not None:
        found[f"{_O}completion_start_time"] = time_json(row["completion_start_ns"])
    if row["is_root"] and row["parent_id"]:
        found["langfuse.internal.as_root"] = True
    if row["public"]:
        found["langfuse.trace.public"] = True
    return found


@lru_cache(maxsize=256)
def _source(text: str) -> tuple[Resource, InstrumentationScope]:
    """One object for one text: spans travel together by resource and scope. The key that sent them stays here."""
    source = cast("dict[str, Any]", orjson.loads(text))
    scope = cast("dict[str, Any]", source.get("scope") or {})
    attributes = cast("dict[str, Any]", scope.get("attributes") or {})
    kept = {key: value for key, value in attributes.items() if key != "public_key"}
    return (
        Resource(source.get("resourceAttributes") or {}),
        InstrumentationScope(scope.get("name") or "langfuse-sdk", scope.get("version") or "", attributes=kept),
    )
