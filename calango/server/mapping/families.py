"""The families of attribute names beside Langfuse's own, in the order in which they fill a row."""

from __future__ import annotations

from calango.server.mapping import genai, openinference, openllmetry, others, vercel
from calango.server.mapping.family import Attributes
from calango.store import ObservationRow

_FAMILIES = (vercel, others, openllmetry, openinference, genai)
_HEADS = frozenset[str]().union(*(family.FAMILY.heads for family in _FAMILIES))

# Attributes that are an input or an output already: they are not kept a second time among the attributes.
_CONTENT = frozenset(
    name for family in _FAMILIES for column in ("input", "output") for name in family.FAMILY.columns.get(column, ())
) | {
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
}
_CONTENT_PREFIXES = ("gen_ai.prompt", "gen_ai.completion", "llm.input_messages", "llm.output_messages")


def apply(row: ObservationRow, attributes: Attributes, kind: str | None, heads: set[str]) -> str | None:
    """Fill what is still empty in `row`; return the type, found here or before. `heads`: first words of the names."""
    if not _HEADS.isdisjoint(heads):
        for family in _FAMILIES:
            if not family.FAMILY.heads.isdisjoint(heads):
                kind = family.apply(row, attributes, kind)
    return kind


def beside_content(attributes: Attributes) -> Attributes:
    return {
        key: value for key, value in attributes.items() if key not in _CONTENT and not key.startswith(_CONTENT_PREFIXES)
    }
