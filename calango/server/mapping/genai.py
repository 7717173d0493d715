"""OpenTelemetry's GenAI conventions (`gen_ai.*`), the present ones and those they replaced.

An agent's span repeats the usage of the model calls inside it (`invoke_agent`): only those count, as in Langfuse.
"""

from __future__ import annotations

from typing import Any

import orjson

from calango.server.mapping.family import Attributes, Family, count, describe, first, first_token, number, type_of
from calango.server.shapes import as_dict, as_list, as_text, parsed
from calango.store import ObservationRow

FAMILY = Family(
    heads=frozenset({"gen_ai"}),
    types={
        "gen_ai.operation.name": {
            "chat": "GENERATION",
            "completion": "GENERATION",
            "text_completion": "GENERATION",
            "generate_content": "GENERATION",
            "generate": "GENERATION",
            "embeddings": "EMBEDDING",
            "retrieval": "RETRIEVER",
            "execute_tool": "TOOL",
            "invoke_agent": "AGENT",
            "create_agent": "AGENT",
            "invoke_workflow": "CHAIN",
        }
    },
    columns={
        "input": ("gen_ai.input.messages", "gen_ai.prompt", "gen_ai.tool.call.arguments"),
        "output": ("gen_ai.output.messages", "gen_ai.completion", "gen_ai.tool.call.result"),
        "model": ("gen_ai.response.model", "gen_ai.request.model"),
        "session_id": ("gen_ai.conversation.id",),
    },
    messages={"input": "gen_ai.prompt", "output": "gen_ai.completion"},
    usage={
        "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "total": ("gen_ai.usage.total_tokens",),
        "input_cached_tokens": (
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cache_read_tokens",
            "gen_ai.usage.input_tokens.cached",
            "gen_ai.usage.details.cache_read_input_tokens",
            "gen_ai.usage.details.cached_tokens",
        ),
        "input_cache_creation": (
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.cache_write_input_tokens",
            "gen_ai.usage.cache_write_tokens",
            "gen_ai.usage.details.cache_creation_input_tokens",
        ),
        "output_reasoning_tokens": (
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.thoughts_tokens",
            "gen_ai.usage.details.reasoning_tokens",
        ),
    },
    cost={
        "input": ("gen_ai.cost.input_cost", "gen_ai.usage.input_cost"),
        "output": ("gen_ai.cost.output_cost", "gen_ai.usage.output_cost"),
        "total": ("gen_ai.usage.cost", "gen_ai.cost.total_cost", "gen_ai.usage.total_cost", "operation.cost"),
    },
    parameter_prefixes=("gen_ai.request.",),
)
_AROUND = frozenset({"invoke_agent", "agent_step", "create_agent", "invoke_workflow"})
_TOOL = ("gen_ai.tool.name", "gen_ai.tool.call.id")
_MODEL = ("gen_ai.request.model", "gen_ai.response.model")


def apply(row: ObservationRow, attributes: Attributes, kind: str | None) -> str | None:
    """Fill what is still empty in `row`; return the type, found here or before."""
    around = str(attributes.get("gen_ai.operation.name")) in _AROUND
    given, model = row.input, row.model
    describe(row, FAMILY, attributes)
    if around:
        row.model = model
    else:
        count(row, FAMILY, attributes)
    if not given and (instructions := attributes.get("gen_ai.system_instructions")):
        row.input = with_instructions(row.input, instructions)
    if tool := attributes.get("gen_ai.tool.name"):
        row.name = as_text(tool) or row.name
    first_token(row, number(attributes.get("gen_ai.response.time_to_first_chunk")))
    return kind or type_of(FAMILY, attributes) or _guessed(attributes)


def _guessed(attributes: Attributes) -> str | None:
    if first(attributes, _TOOL) is not None:
        return "TOOL"
    return "GENERATION" if first(attributes, _MODEL) is not None else None


def with_instructions(messages: str | None, instructions: Any) -> str | None:
    """`messages` (JSON text of a list) after the system's; unchanged when they hold one, or are no list."""
    found = as_list(parsed(messages)) if messages else []
    if found is None or any((as_dict(message) or {}).get("role") == "system" for message in found):
        return messages
    system = _system_messages(parsed(instructions) if isinstance(instructions, str) else instructions)
    return orjson.dumps([*system, *found]).decode() if system else messages


def _system_messages(said: Any) -> list[dict[str, Any]]:
    """Whole messages stay; texts become one message."""
    many = as_list(said)
    parts: list[Any] = [said] if many is None else many
    whole = [message for part in parts if "parts" in (message := as_dict(part) or {})]
    if whole and len(whole) == len(parts):
        return [{"role": "system", **message} for message in whole]
    text = "\n".join(filter(None, map(_text_of, parts)))
    return [{"role": "system", "content": text}] if text else []


def _text_of(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    said = as_dict(part) or {}
    inner = as_list(said.get("parts"))
    if inner is not None:
        return "\n".join(filter(None, map(_text_of, inner)))
    text = said.get("content", said.get("text"))
    return text if isinstance(text, str) else None
