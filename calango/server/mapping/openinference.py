"""OpenInference (`openinference.span.kind`, `input.value`, `llm.*`): what Phoenix's instrumentors send."""

from __future__ import annotations

from typing import Any

import orjson

from calango.server.mapping.usage import set_usage
from calango.server.shapes import as_dict, as_text, parsed
from calango.store import ObservationRow

_TYPES = {
    "LLM": "GENERATION",
    "AGENT": "AGENT",
    "TOOL": "TOOL",
    "CHAIN": "CHAIN",
    "RETRIEVER": "RETRIEVER",
    "RERANKER": "RETRIEVER",
    "EMBEDDING": "EMBEDDING",
    "EVALUATOR": "EVALUATOR",
    "GUARDRAIL": "GUARDRAIL",
}
_COUNTS = {"prompt": "input", "completion": "output", "total": "total"}


def apply(row: ObservationRow, attributes: dict[str, Any], kind: str | None) -> str | None:
    """Fill what is still empty in `row`; return the type, found here or before."""
    get = attributes.get
    named = get("openinference.span.kind")
    if named is None:
        return kind
    row.input = row.input or as_text(get("input.value"))
    row.output = row.output or as_text(get("output.value"))
    row.model = row.model or as_text(get("llm.model_name") or get("embedding.model_name"))
    row.model_parameters_json = row.model_parameters_json or as_text(get("llm.invocation_parameters"))
    metadata = as_dict(parsed(as_text(get("metadata"))))
    if metadata and row.metadata_json is None:
        row.metadata_json = orjson.dumps({key: as_text(value) for key, value in metadata.items()}).decode()
    counts = {name: get(f"llm.token_count.{key}") for key, name in _COUNTS.items()}
    if row.usage_json is None:
        set_usage(row, {name: value for name, value in counts.items() if value is not None})
    return kind or _TYPES.get(str(named).upper())
