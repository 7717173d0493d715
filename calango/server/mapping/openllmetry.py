"""OpenLLMetry (`traceloop.*`, `llm.*`): what Traceloop's SDK and instrumentors send beside `gen_ai.*`.

Names: opentelemetry-semantic-conventions-ai.
"""

from __future__ import annotations

from calango.server.mapping.family import Attributes, Family, count, describe, type_of
from calango.server.shapes import as_text
from calango.store import ObservationRow

_ASSOCIATION = "traceloop.association.properties."
_USERS = ("user_id", "userId", "user.id", "langfuse_user_id")
_SESSIONS = ("session_id", "sessionId", "session.id", "thread_id", "langfuse_session_id")
_TAGS = ("tags", "langfuse_tags")

FAMILY = Family(
    heads=frozenset({"traceloop", "llm"}),
    types={
        "traceloop.span.kind": {"workflow": "CHAIN", "task": "CHAIN", "agent": "AGENT", "tool": "TOOL"},
        "llm.request.type": {
            "chat": "GENERATION",
            "completion": "GENERATION",
            "embedding": "EMBEDDING",
            "rerank": "RETRIEVER",
        },
    },
    columns={
        "input": ("traceloop.entity.input",),
        "output": ("traceloop.entity.output",),
        "model": ("llm.response.model", "llm.request.model"),
        "user_id": tuple(_ASSOCIATION + name for name in _USERS),
        "session_id": tuple(_ASSOCIATION + name for name in _SESSIONS),
        "version": ("traceloop.entity.version",),
        "prompt_name": ("traceloop.prompt.key",),
    },
    usage={
        "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
        "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
        "total": ("llm.usage.total_tokens", "gen_ai.usage.total_tokens"),
        "input_cached_tokens": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
        "input_cache_creation": (
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
        ),
        "output_reasoning_tokens": ("gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens"),
    },
    tags=tuple(_ASSOCIATION + name for name in _TAGS),
    metadata_prefixes=(_ASSOCIATION,),
    metadata_omits=frozenset({*_USERS, *_SESSIONS, *_TAGS}),
)


def apply(row: ObservationRow, attributes: Attributes, kind: str | None) -> str | None:
    """Fill what is still empty in `row`; return the type, found here or before."""
    if name := attributes.get("traceloop.entity.name"):
        row.name = as_text(name) or row.name
    describe(row, FAMILY, attributes)
    count(row, FAMILY, attributes)
    return kind or type_of(FAMILY, attributes)
