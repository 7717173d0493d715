"""The attributes that Langfuse's SDKs set (`langfuse.*`, `user.id`, `session.id`)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from calango.server.mapping.usage import set_cost, set_usage
from calango.server.shapes import as_dict, as_list, as_text, parsed, parsed_dict
from calango.server.times import MAX_NS, parse_iso
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
_DIGITS = 20
_METADATA = "langfuse.observation.metadata"
_TRACE_METADATA = "langfuse.trace.metadata"
_PLAIN_METADATA = "langfuse.metadata"
_EXPERIMENT = "langfuse.experiment"

# attribute -> column
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
    "langfuse.user.id": "user_id",
    "langfuse.session.id": "session_id",
}
# names that count when Langfuse's own are absent
_SHARED = {"user.id": "user_id", "session.id": "session_id"}
_EXPERIMENT_COLUMNS = {
    "id": "experiment_id",
    "name": "experiment_name",
    "dataset.id": "experiment_dataset_id",
    "item.id": "experiment_item_id",
}
# keys of metadata that LangChain's and OpenAI's integrations use for what belongs to the trace
_IN_METADATA = {
    f"{prefix}.{key}": column
    for prefix in (_METADATA, _TRACE_METADATA)
    for key, column in (("langfuse_user_id", "user_id"), ("langfuse_session_id", "session_id"))
}
_TAGS = (
    "langfuse.trace.tags",
    "langfuse.tags",
    f"{_METADATA}.langfuse_tags",
    f"{_TRACE_METADATA}.langfuse_tags",
)
_SPECIAL = frozenset(
    {
        "langfuse.observation.level",
        "langfuse.internal.is_app_root",
        "langfuse.internal.as_root",
        "langfuse.trace.public",
        "langfuse.public",
        "langfuse.prompt.name",
        "langfuse.observation.prompt.version",
        "langfuse.prompt.version",
        "langfuse.observation.completion_start_time",
        "langfuse.observation.usage_details",
        "langfuse.observation.cost_details",
        *_IN_METADATA,
        *_TAGS,
    }
)


_GROUPS = (_METADATA, _TRACE_METADATA, _EXPERIMENT, _PLAIN_METADATA)


@lru_cache(maxsize=8192)
def _place(key: str) -> tuple[str, str]:
    """Where an attribute goes: a kind of place, and a column or what is left of the name.

    Names come again with every span; looking a name up is much faster than taking it apart.
    """
    if not key.startswith("langfuse."):
        return ("shared", _SHARED[key]) if key in _SHARED else ("foreign", key.partition(".")[0])
    if key in _SPECIAL:
        return "special", ""
    if key in _TEXTS:
        return "text", _TEXTS[key]
    for prefix in _GROUPS:
        if key.startswith(f"{prefix}."):
            return prefix, key[len(prefix) + 1 :]
        if key == prefix:
            return "whole", prefix
    return "none", ""


def apply(row: ObservationRow, attributes: dict[str, Any]) -> tuple[str | None, set[str]]:
    """Fill `row`; return the observation's type when the attributes name one, and the first words of foreign names."""
    metadata: dict[str, str | None] = {}
    trace_metadata: dict[str, str | None] = {}
    experiment: dict[str, str | None] = {}
    groups = {
        _METADATA: metadata,
        _TRACE_METADATA: trace_metadata,
        _EXPERIMENT: experiment,
        _PLAIN_METADATA: metadata,
    }
    foreign: set[str] = set()
    special = False
    for key, value in attributes.items():
        place, name = _place(key)
        if place in groups:
            groups[place][name] = value if type(value) is str else as_text(value)
        elif place == "text":
            if value is not None and value != "":
                setattr(row, name, value if type(value) is str else as_text(value))
        elif place == "special":
            special = True
        elif place == "foreign":
            foreign.add(name)
        elif place == "whole":
            _collect(groups[name], value)
        elif place == "shared" and not getattr(row, name):
            setattr(row, name, as_text(value))
    row.metadata_json = _dumped(metadata)
    row.trace_metadata_json = _dumped(trace_metadata)
    _apply_experiment(row, experiment)
    if special:
        _apply_special(row, attributes)
    return _type(attributes), foreign


def _type(attributes: dict[str, Any]) -> str | None:
    kind = str(attributes.get("langfuse.observation.type", "")).upper()
    return kind if kind in TYPES else None


def _apply_experiment(row: ObservationRow, experiment: dict[str, str | None]) -> None:
    if not experiment:
        return
    for key, column in _EXPERIMENT_COLUMNS.items():
        if value := experiment.get(key):
            setattr(row, column, value)
    row.experiment_json = _dumped(experiment)


def _collect(into: dict[str, str | None], value: Any) -> None:
    """An attribute that holds a JSON object of all values."""
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
    row.public = _true(get("langfuse.trace.public", get("langfuse.public")))
    for name in _TAGS:
        if row.tags is None and name in attributes:
            row.tags = tags_of(attributes[name])
    for name, column in _IN_METADATA.items():
        if name in attributes and not getattr(row, column):
            setattr(row, column, as_text(attributes[name]))
    row.prompt_name = row.prompt_name or as_text(get("langfuse.prompt.name"))
    version = get("langfuse.observation.prompt.version", get("langfuse.prompt.version"))
    row.prompt_version = version_of(version)
    if started := get("langfuse.observation.completion_start_time"):
        row.completion_start_ns = _moment(started)
    if usage := get("langfuse.observation.usage_details"):
        set_usage(row, parsed_dict(as_text(usage)))
    if cost := get("langfuse.observation.cost_details"):
        set_cost(row, parsed_dict(as_text(cost)))


def version_of(value: Any) -> int | None:
    """The number of a prompt's version; None when it says none that there can be."""
    number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) < _DIGITS else value
    return number if isinstance(number, int) and abs(number) <= MAX_NS else None


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
