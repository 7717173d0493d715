"""The attributes that Langfuse's SDKs set (`langfuse.*`, `user.id`, `session.id`)."""

from __future__ import annotations

from typing import Any

import orjson

from calango.server.mapping.usage import set_cost, set_usage
from calango.server.shapes import as_dict, as_list, as_text, parsed, parsed_dict
from calango.server.times import parse_iso
from calango.store import ObservationRow

TYPES = frozenset(
    {
        "SPAN",
        "GENERATION",
        "EVENT",
        "AGENT",
        "TOOL",
        "CHAIN",
        "RETRIEVER",
        "EVALUATOR",
        "EMBEDDING",
        "GUARDRAIL",
    }
)
LEVELS = frozenset({"DEBUG", "DEFAULT", "WARNING", "ERROR"})
_METADATA = "langfuse.observation.metadata"
_TRACE_METADATA = "langfuse.trace.metadata"
_EXPERIMENT = "langfuse.experiment."

# attribute -> column; the first attribute that is given wins
_TEXTS = {
    "langfuse.observation.input": "input",
    "langfuse.observation.output": "output",
    "langfuse.trace.input": "trace_input",
    "langfuse.trace.output": "trace_output",
    "langfuse.trace.name": "trace_name",
    "langfuse.environment": "environment",
    "langfuse.release": "release",
    "langfuse.version": "version",
    "langfuse.observation.status_message": "status_message",
    "langfuse.observation.model.name": "model",
    "langfuse.observation.model.parameters": "model_parameters_json",
    "langfuse.observation.prompt.name": "prompt_name",
    "langfuse.experiment.id": "experiment_id",
    "langfuse.experiment.name": "experiment_name",
    "langfuse.experiment.dataset.id": "experiment_dataset_id",
    "langfuse.experiment.item.id": "experiment_item_id",
    "langfuse.user.id": "user_id",
    "langfuse.session.id": "session_id",
    "user.id": "user_id",
    "session.id": "session_id",
}
_SPECIAL = frozenset(
    {
        "langfuse.observation.level",
        "langfuse.internal.is_app_root",
        "langfuse.internal.as_root",
        "langfuse.trace.public",
        "langfuse.trace.tags",
        "langfuse.observation.prompt.version",
        "langfuse.observation.completion_start_time",
        "langfuse.observation.usage_details",
        "langfuse.observation.cost_details",
    }
)


def apply(row: ObservationRow, attributes: dict[str, Any]) -> str | None:
    """Fill `row`; return the observation's type when the attributes name one."""
    metadata: dict[str, str | None] = {}
    trace_metadata: dict[str, str | None] = {}
    experiment: dict[str, str | None] = {}
    for key, value in attributes.items():
        if key in _SPECIAL:
            continue
        column = _TEXTS.get(key)
        if column is not None and value is not None and value != "":
            setattr(row, column, as_text(value))
        if not key.startswith("langfuse."):
            continue
        if key.startswith(_METADATA):
            _collect(metadata, key[len(_METADATA) :], value)
        elif key.startswith(_TRACE_METADATA):
            _collect(trace_metadata, key[len(_TRACE_METADATA) :], value)
        elif key.startswith(_EXPERIMENT):
            experiment[key[len(_EXPERIMENT) :]] = as_text(value)
    row.metadata_json = _dumped(metadata)
    row.trace_metadata_json = _dumped(trace_metadata)
    row.experiment_json = _dumped(experiment)
    if not _SPECIAL.isdisjoint(attributes):
        _apply_special(row, attributes)
    kind = str(attributes.get("langfuse.observation.type", "")).upper()
    return kind if kind in TYPES else None


def _collect(into: dict[str, str | None], rest: str, value: Any) -> None:
    """`prefix.key` holds one value; the bare prefix holds a JSON object of them."""
    if rest.startswith("."):
        into[rest[1:]] = as_text(value)
    elif not rest:
        whole = as_dict(parsed(value) if isinstance(value, str) else value)
        if whole is None:
            into["metadata"] = as_text(value)
        else:
            into.update({key: as_text(item) for key, item in whole.items()})


def _dumped(texts: dict[str, str | None]) -> str | None:
    return orjson.dumps(texts).decode() if texts else None


def _apply_special(row: ObservationRow, attributes: dict[str, Any]) -> None:
    get = attributes.get
    level = str(get("langfuse.observation.level", "")).upper()
    if level in LEVELS:
        row.level = level
    row.is_root = row.is_root or _true(get("langfuse.internal.is_app_root")) or _true(get("langfuse.internal.as_root"))
    row.public = _true(get("langfuse.trace.public"))
    if (tags := get("langfuse.trace.tags")) is not None:
        row.tags = tags_of(tags)
    version = get("langfuse.observation.prompt.version")
    if isinstance(version, int) or (isinstance(version, str) and version.isdecimal()):
        row.prompt_version = int(version)
    if started := get("langfuse.observation.completion_start_time"):
        row.completion_start_ns = _moment(started)
    if usage := get("langfuse.observation.usage_details"):
        set_usage(row, parsed_dict(as_text(usage)))
    if cost := get("langfuse.observation.cost_details"):
        set_cost(row, parsed_dict(as_text(cost)))


def _true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def tags_of(value: Any) -> list[str] | None:
    """A list, JSON text of a list, or text with commas; sorted as Langfuse keeps them, each once."""
    decoded = parsed(value) if isinstance(value, str) else value
    items = as_list(decoded)
    if items is None:
        items = decoded.split(",") if isinstance(decoded, str) else []
    return sorted({text for item in items if (text := str(item).strip())}) or None


def _moment(value: Any) -> int | None:
    decoded = parsed(value) if isinstance(value, str) else value
    try:
        return parse_iso(str(decoded))
    except ValueError:
        return None
