"""Names and values of span attributes, as Langfuse reads them over OTLP. Pure.

Source: Langfuse's OpenTelemetry property mapping (the names) and its SDK 5 (metadata values are JSON).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from opentelemetry.util.types import AttributeValue

from calango.ids import ID_LIMIT, check_id
from calango.pricing import Cost
from calango.records import COST_ESTIMATED, Level
from calango.tracing.encoding import to_json

TYPE = "langfuse.observation.type"
LEVEL = "langfuse.observation.level"
STATUS_MESSAGE = "langfuse.observation.status_message"
INPUT = "langfuse.observation.input"
OUTPUT = "langfuse.observation.output"
METADATA = "langfuse.observation.metadata"
MODEL = "langfuse.observation.model.name"
MODEL_PARAMETERS = "langfuse.observation.model.parameters"
USAGE = "langfuse.observation.usage_details"
PROMPT_NAME = "langfuse.observation.prompt.name"
PROMPT_VERSION = "langfuse.observation.prompt.version"
COST = "langfuse.observation.cost_details"
FIRST_TOKEN_AT = "langfuse.observation.completion_start_time"  # noqa: S105
SESSION = "session.id"
USER = "user.id"
TRACE_NAME = "langfuse.trace.name"
TRACE_TAGS = "langfuse.trace.tags"
TRACE_METADATA = "langfuse.trace.metadata"
ENVIRONMENT = "langfuse.environment"
RELEASE = "langfuse.release"

DEFAULT_TRACE_NAME = "calango-turn"
TAG_LIMIT = 50
STATUS_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class TraceAttributes:
    """What every span of a trace carries. Langfuse groups by what stands on the span, so it stands on each."""

    name: str = DEFAULT_TRACE_NAME
    session_id: str | None = None
    user_id: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    environment: str | None = None
    release: str | None = None

    def __post_init__(self) -> None:
        for kind, value in (("trace name", self.name), ("session_id", self.session_id), ("user_id", self.user_id)):
            if value is not None:
                check_id(kind, value)
        check_tags(self.tags)

    def as_span_attributes(self) -> dict[str, AttributeValue]:
        found: dict[str, AttributeValue] = {TRACE_NAME: self.name}
        optional: tuple[tuple[str, str | None], ...] = (
            (SESSION, self.session_id),
            (USER, self.user_id),
            (ENVIRONMENT, self.environment),
            (RELEASE, self.release),
        )
        found |= {key: value for key, value in optional if value}
        if self.tags:
            found[TRACE_TAGS] = self.tags
        return found | flattened(TRACE_METADATA, self.metadata)


def check_tags(tags: Sequence[object]) -> tuple[str, ...]:
    """Tags as a tuple; InputError when one is no text of 1 to 200 printable characters, or there are too many."""
    if isinstance(tags, str):
        return (check_id("tag", tags),)
    if len(tags) > TAG_LIMIT:
        check_id(f"one of {len(tags)} tags (at most {TAG_LIMIT})", "")
    return tuple(dict.fromkeys(check_id("tag", tag) for tag in tags))


def flattened(prefix: str, metadata: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """One attribute per key, its value as JSON."""
    return {
        f"{prefix}.{str(key)[:ID_LIMIT]}": to_json(value).decode()
        for key, value in metadata.items()
        if value is not None
    }


def usage_json(details: Mapping[str, int]) -> str:
    return to_json(dict(details)).decode()


def cost_attributes(cost: Cost) -> dict[str, AttributeValue]:
    """The cost; metadata says when it is an estimate (`records.COST_ESTIMATED`)."""
    values = {"input": float(cost.input - cost.cache_read - cost.cache_write), "output": float(cost.output)}
    cached = {"input_cache_read": cost.cache_read, "input_cache_creation": cost.cache_write}
    values |= {kind: float(usd) for kind, usd in cached.items() if usd}
    values["total"] = float(cost.total)
    found: dict[str, AttributeValue] = {COST: to_json(values).decode()}
    return found | flattened(METADATA, {COST_ESTIMATED: True}) if cost.estimated else found


def time_json(ns: int) -> str:
    moment = datetime.fromtimestamp(ns // 10**9, UTC).replace(microsecond=ns % 10**9 // 1000)
    return f'"{moment.isoformat(timespec="microseconds").replace("+00:00", "Z")}"'


def level_attributes(level: Level, message: str | None) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {LEVEL: level}
    if message:
        found[STATUS_MESSAGE] = message[:STATUS_LIMIT]
    return found
