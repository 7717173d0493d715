"""Schemas of the answers about turns, made from their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from calango.insights import answers
from calango.server.openapi.schemas import Schema

_KINDS: Mapping[str, tuple[str, Any]] = {
    "overview": ("What all turns add up to, against the period before", answers.Overview),
    "breakdown": ("The same measures for each model, user, day …", list[answers.Group]),
    "errors": ("Error messages that are the same but for ids and numbers", list[answers.ErrorPattern]),
    "tools": ("Each tool: calls, failures, time", list[answers.ToolUse]),
    "satisfaction": ("Votes and stars, with intervals, and the latest comments", answers.Satisfaction),
    "conversations": ("How conversations go, and the latest", answers.Conversations),
    "turns": ("A page of turns", answers.TurnPage),
    "values": ("What there is to filter by", answers.Facts),
}
SUMMARIES: Mapping[str, str] = {name: summary for name, (summary, _) in _KINDS.items()}


def _schemas() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """One for each question, and the named ones in them."""
    found, named = TypeAdapter[Any].json_schemas(
        [(name, "serialization", TypeAdapter[Any](kind)) for name, (_, kind) in _KINDS.items()],
        ref_template="#/components/schemas/{model}",
    )
    return {name: dict(schema) for (name, _), schema in found.items()}, named["$defs"]


ANSWERS, COMPONENTS = _schemas()
