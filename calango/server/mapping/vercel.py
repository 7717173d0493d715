"""Vercel's AI SDK up to version 6, and its `LegacyOpenTelemetry` (`ai.*`). From 7 on it sends `gen_ai.*` (genai.py).

`ai.generateText` holds one `ai.generateText.doGenerate` per model call, and repeats the sum of their usage: only the
inner ones count.
"""

from __future__ import annotations

from typing import Any

import orjson

from calango.server.mapping.family import Attributes, Family, count, describe, first, first_token, number
from calango.server.mapping.langfuse import version_of
from calango.server.shapes import as_dict, as_text, parsed, parsed_dict
from calango.store import ObservationRow

_METADATA = "ai.telemetry.metadata."
_CALLS = {
    "ai.generateText.doGenerate": "GENERATION",
    "ai.streamText.doStream": "GENERATION",
    "ai.generateObject.doGenerate": "GENERATION",
    "ai.streamObject.doStream": "GENERATION",
    "ai.embed.doEmbed": "EMBEDDING",
    "ai.embedMany.doEmbed": "EMBEDDING",
    "ai.rerank.doRerank": "RETRIEVER",
}
_TYPES = {**_CALLS, "ai.toolCall": "TOOL"}

FAMILY = Family(
    heads=frozenset({"ai"}),
    columns={
        "input": ("ai.prompt.messages", "ai.prompt", "ai.toolCall.args", "ai.value", "ai.values"),
        "output": (
            "ai.response.text",
            "ai.result.text",
            "ai.toolCall.result",
            "ai.response.object",
            "ai.result.object",
            "ai.response.toolCalls",
            "ai.result.toolCalls",
        ),
        "model": ("gen_ai.response.model", "ai.response.model", "ai.model.id", "gen_ai.request.model"),
        "user_id": (f"{_METADATA}userId",),
        "session_id": (f"{_METADATA}sessionId",),
    },
    usage={
        "input": (
            "gen_ai.usage.prompt_tokens",
            "gen_ai.usage.input_tokens",
            "ai.usage.inputTokens",
            "ai.usage.promptTokens",
            "ai.usage.tokens",
        ),
        "output": (
            "gen_ai.usage.completion_tokens",
            "gen_ai.usage.output_tokens",
            "ai.usage.outputTokens",
            "ai.usage.completionTokens",
        ),
        "total": ("ai.usage.totalTokens",),
        "input_cached_tokens": ("ai.usage.cachedInputTokens", "ai.usage.inputTokenDetails.cacheReadTokens"),
        "input_cache_creation": ("ai.usage.inputTokenDetails.cacheWriteTokens",),
        "output_reasoning_tokens": ("ai.usage.reasoningTokens", "ai.usage.outputTokenDetails.reasoningTokens"),
    },
    tags=(f"{_METADATA}tags",),
    parameter_prefixes=("ai.settings.", "gen_ai.request."),
    metadata_prefixes=(_METADATA,),
    metadata_omits=frozenset({"userId", "sessionId", "tags", "langfusePrompt"}),
)
_FIRST_CHUNK = ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk")
# kind -> where a provider says it, inside `ai.response.providerMetadata`
_PROVIDERS = {
    "input_cached_tokens": (
        ("openai", "cachedPromptTokens"),
        ("anthropic", "usage", "cache_read_input_tokens"),
        ("bedrock", "usage", "cacheReadInputTokens"),
    ),
    "input_cache_creation": (
        ("anthropic", "usage", "cache_creation_input_tokens"),
        ("bedrock", "usage", "cacheWriteInputTokens"),
    ),
    "output_reasoning_tokens": (("openai", "reasoningTokens"),),
}


def apply(row: ObservationRow, attributes: Attributes, kind: str | None) -> str | None:
    """Fill what is still empty in `row`; return the type, found here or before."""
    operation = as_text(attributes.get("ai.operationId")) or _operation(attributes)
    _rename(row, attributes, operation)
    if not row.output:
        row.output = _answer_with_calls(attributes)
    describe(row, FAMILY, attributes)
    if operation in _CALLS:
        count(row, FAMILY, attributes, _provider_counts(attributes))
    _link_prompt(row, attributes)
    if (waited_ms := number(first(attributes, _FIRST_CHUNK))) is not None:
        first_token(row, waited_ms / 1000)
    return kind or _TYPES.get(operation) or ("SPAN" if operation.startswith("ai.") else None)


def _operation(attributes: Attributes) -> str:
    """`operation.name` is the operation, a blank, and the id of the function that calls it."""
    return str(attributes.get("operation.name") or "").partition(" ")[0]


def _rename(row: ObservationRow, attributes: Attributes, operation: str) -> None:
    """As Langfuse names them: a tool's call by its tool, others with the function that asks."""
    if tool := attributes.get("ai.toolCall.name"):
        row.name = as_text(tool) or row.name
    elif operation and (function := attributes.get("ai.telemetry.functionId")):
        row.name = f"{function}:{operation}"


def _answer_with_calls(attributes: Attributes) -> str | None:
    """A message that holds both, when the model said something and asked for tools."""
    text, calls = attributes.get("ai.response.text"), attributes.get("ai.response.toolCalls")
    if not text or not calls:
        return None
    message = {"role": "assistant", "content": text, "tool_calls": parsed(calls) if isinstance(calls, str) else calls}
    return orjson.dumps(message).decode()


def _provider_counts(attributes: Attributes) -> dict[str, Any]:
    said = parsed_dict(as_text(attributes.get("ai.response.providerMetadata")))
    return {
        kind: next((v for path in paths if (v := _at(said, path)) is not None), None)
        for kind, paths in _PROVIDERS.items()
    }


def _at(node: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        node = (as_dict(node) or {}).get(step)
    return node


def _link_prompt(row: ObservationRow, attributes: Attributes) -> None:
    prompt = parsed_dict(as_text(attributes.get(f"{_METADATA}langfusePrompt")))
    version = version_of(prompt.get("version"))
    if row.prompt_name is None and isinstance(prompt.get("name"), str) and version is not None:
        row.prompt_name, row.prompt_version = prompt["name"], version
