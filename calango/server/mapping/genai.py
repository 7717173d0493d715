"""OpenTelemetry's GenAI conventions (`gen_ai.*`)."""

from __future__ import annotations

from typing import Any

import orjson

from calango.server.mapping.usage import set_usage
from calango.server.shapes import as_text
from calango.store import ObservationRow

_TYPES = {
    "chat": "GENERATION",
    "text_completion": "GENERATION",
    "generate_content": "GENERATION",
    "embeddings": "EMBEDDING",
    "execute_tool": "TOOL",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
    "invoke_workflow": "CHAIN",
}
_USAGE = {
    "gen_ai.usage.input_tokens": "input",
    "gen_ai.usage.prompt_tokens": "input",
    "gen_ai.usage.output_tokens": "output",
    "gen_ai.usage.completion_tokens": "output",
}
_PARAMETERS = ("temperature", "max_tokens", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed")
_INPUTS = ("gen_ai.input.messages", "gen_ai.prompt", "gen_ai.tool.call.arguments")
_OUTPUTS = ("gen_ai.output.messages", "gen_ai.completion", "gen_ai.tool.call.result")


def apply(row: ObservationRow, attributes: dict[str, Any], kind: str | None) -> str | None:
    """Fill what is still empty in `row`; return the type, found here or before."""
    get = attributes.get
    row.model = row.model or as_text(get("gen_ai.request.model") or get("gen_ai.response.model"))
    row.session_id = row.session_id or as_text(get("gen_ai.conversation.id"))
    row.input = row.input or _first(attributes, _INPUTS)
    row.output = row.output or _first(attributes, _OUTPUTS)
    if row.usage_json is None:
        set_usage(row, {name: get(key) for key, name in _USAGE.items() if key in attributes})
    parameters = {name: value for name in _PARAMETERS if (value := get(f"gen_ai.request.{name}")) is not None}
    if parameters and row.model_parameters_json is None:
        row.model_parameters_json = orjson.dumps(parameters).decode()
    return kind or _TYPES.get(str(get("gen_ai.operation.name"))) or ("GENERATION" if row.model else None)


def _first(attributes: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((as_text(attributes[key]) for key in keys if attributes.get(key) is not None), None)
