"""Names that single frameworks use beside or instead of a convention, in the order Langfuse asks them."""

from __future__ import annotations

from calango.server.mapping.family import Attributes, Family, describe, first
from calango.server.mapping.genai import with_instructions
from calango.server.shapes import as_text
from calango.store import ObservationRow

FAMILY = Family(
    heads=frozenset(
        {
            "gcp",
            "lk",
            "mlflow",
            "logfire",
            "pydantic_ai",
            "final_result",
            "prompt",
            "all_messages_events",
            "input",
            "output",
            "tool_arguments",
            "tool_response",
            "model",
            "model_config",
            "tag",
        }
    ),
    columns={
        "input": (
            "gcp.vertex.agent.llm_request",  # Google's Agent Development Kit
            "gcp.vertex.agent.tool_call_args",
            "prompt",  # Logfire
            "lk.input_text",  # LiveKit
            "lk.user_transcript",
            "lk.chat_ctx",
            "mlflow.spanInputs",
            "input",  # Pipecat
            "pydantic_ai.all_messages",
            "tool_arguments",  # Pydantic AI before it used gen_ai.tool.*
        ),
        "output": (
            "gcp.vertex.agent.llm_response",
            "gcp.vertex.agent.tool_response",
            "all_messages_events",
            "lk.function_tool.output",
            "lk.response.text",
            "mlflow.spanOutputs",
            "output",
            "final_result",
            "tool_response",
        ),
        "model": ("model",),
    },
    tags=("tag.tags",),
    parameter_objects=("model_config",),
)
_EMPTY = frozenset({"{}", "[]"})


def apply(row: ObservationRow, attributes: Attributes, kind: str | None) -> str | None:
    """Fill what is still empty in `row`; return the type, found here or before."""
    asked = attributes.get("pydantic_ai.all_messages") if not row.input else None
    described = {key: value for key, value in attributes.items() if not (isinstance(value, str) and value in _EMPTY)}
    describe(row, FAMILY, described)  # Google writes `{}` where a span has another pair
    if asked and row.input == asked and (instructions := attributes.get("gen_ai.system_instructions")):
        row.input = with_instructions(row.input, instructions)
    if message := attributes.get("logfire.msg"):
        row.name = as_text(message) or row.name
    return kind or ("GENERATION" if first(attributes, ("model",)) is not None else None)
