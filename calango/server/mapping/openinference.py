"""OpenInference (`openinference.span.kind`, `input.value`, `llm.*`): what Phoenix's instrumentors send.

Names: openinference-semantic-conventions.
"""

from __future__ import annotations

from calango.server.mapping.family import Attributes, Family, count, describe, type_of
from calango.server.shapes import as_text, parsed_dict
from calango.store import ObservationRow

FAMILY = Family(
    heads=frozenset({"openinference", "input", "output", "llm", "embedding"}),
    types={
        "openinference.span.kind": {
            "llm": "GENERATION",
            "agent": "AGENT",
            "tool": "TOOL",
            "chain": "CHAIN",
            "retriever": "RETRIEVER",
            "reranker": "RETRIEVER",
            "embedding": "EMBEDDING",
            "evaluator": "EVALUATOR",
            "guardrail": "GUARDRAIL",
        }
    },
    columns={
        "input": ("input.value",),
        "output": ("output.value",),
        "model": ("llm.model_name", "embedding.model_name", "reranker.model_name"),
    },
    messages={"input": "llm.input_messages", "output": "llm.output_messages"},
    usage={
        "input": ("llm.token_count.prompt",),
        "output": ("llm.token_count.completion",),
        "total": ("llm.token_count.total",),
        "input_cached_tokens": ("llm.token_count.prompt_details.cache_read",),
        "input_cache_creation": ("llm.token_count.prompt_details.cache_write",),
        "input_audio_tokens": ("llm.token_count.prompt_details.audio",),
        "output_reasoning_tokens": (
            "llm.token_count.completion_details.reasoning",
            "llm.token_count.reasoning_tokens",
        ),
        "output_audio_tokens": ("llm.token_count.completion_details.audio",),
    },
    cost={
        "input": ("llm.cost.prompt",),
        "output": ("llm.cost.completion",),
        "total": ("llm.cost.total",),
    },
    tags=("tag.tags",),
    parameter_objects=("llm.invocation_parameters", "embedding.invocation_parameters"),
    parameter_prefixes=("llm.invocation_parameters.",),
    metadata_objects=("metadata",),
)


def apply(row: ObservationRow, attributes: Attributes, kind: str | None) -> str | None:
    """Fill what is still empty in `row`; return the type, found here or before."""
    describe(row, FAMILY, attributes)
    if row.model is None:  # a call that failed names its model only here
        row.model = as_text(parsed_dict(as_text(attributes.get("llm.invocation_parameters"))).get("model"))
    count(row, FAMILY, attributes)
    return kind or type_of(FAMILY, attributes)
