"""What a family of attribute names says, as data, and how that data fills a row. Pure.

A family fills only what is still empty: Langfuse's own attributes were read before, and win. Which attribute wins
over which follows Langfuse's OtelIngestionProcessor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from calango.server.mapping.langfuse import tags_of
from calango.server.mapping.usage import set_cost, set_usage
from calango.server.shapes import as_dict, as_text, parsed, parsed_dict
from calango.store import ObservationRow

Attributes = dict[str, Any]
Names = tuple[str, ...]
_DEPTH, _DIGITS = 12, 10  # of numbered messages: names come from outside
_PATIENCE_S = 86_400


def _no_names() -> dict[str, Names]:
    return {}


@dataclass(frozen=True, slots=True)
class Family:
    """A mapping from what is filled leads to the attributes to ask; the first that says something wins.

    `heads` are the first words (before the dot) of the family's attributes: a span that has none of them is not of it.
    `types` leads from an attribute to its values (in lower case) and the types they mean. `messages` are prefixes of
    numbered messages (`prefix.0.role`). Parts of usage (`input_cached_tokens`) were counted in their side already.
    """

    heads: frozenset[str]
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    columns: Mapping[str, Names] = field(default_factory=_no_names)
    messages: Mapping[str, str] = field(default_factory=dict[str, str])
    usage: Mapping[str, Names] = field(default_factory=_no_names)
    cost: Mapping[str, Names] = field(default_factory=_no_names)
    tags: Names = ()
    parameter_objects: Names = ()
    parameter_prefixes: Names = ()
    metadata_objects: Names = ()
    metadata_prefixes: Names = ()
    metadata_omits: frozenset[str] = frozenset()


def first(attributes: Attributes, names: Names) -> Any:
    """The first value that says something; None when none does."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value not in ("", []):
            return value
    return None


def type_of(family: Family, attributes: Attributes) -> str | None:
    for name, types in family.types.items():
        if (value := attributes.get(name)) and (kind := types.get(str(value).lower())):
            return kind
    return None


def describe(row: ObservationRow, family: Family, attributes: Attributes) -> None:
    """Fill texts, messages, tags, parameters and metadata."""
    for column, names in family.columns.items():
        if not getattr(row, column) and (value := first(attributes, names)) is not None:
            setattr(row, column, as_text(value))
    for column, prefix in family.messages.items():
        if not getattr(row, column) and (whole := nested(attributes, prefix)) is not None:
            setattr(row, column, as_text(whole))
    if row.tags is None and (tags := first(attributes, family.tags)) is not None:
        row.tags = tags_of(tags)
    if row.model_parameters_json is None and (parameters := _parameters(family, attributes)):
        row.model_parameters_json = orjson.dumps(parameters).decode()
    if metadata := _metadata(family, attributes):
        row.metadata_json = orjson.dumps(metadata | parsed_dict(row.metadata_json)).decode()


def count(row: ObservationRow, family: Family, attributes: Attributes, more: Mapping[str, Any] | None = None) -> None:
    """Fill usage and cost; `more` are counts found elsewhere, for kinds that no attribute gives."""
    if row.usage_json is None:
        found = {kind: number(first(attributes, names)) for kind, names in family.usage.items()}
        for kind, value in (more or {}).items():
            if found.get(kind) is None:
                found[kind] = number(value)
        set_usage(row, _parted({kind: value for kind, value in found.items() if value is not None}))
    if row.cost_json is None:
        cost = {kind: number(first(attributes, names)) for kind, names in family.cost.items()}
        set_cost(row, {kind: value for kind, value in cost.items() if value is not None})


def number(value: Any) -> float | None:
    """Numbers arrive as numbers or as text."""
    found = parsed(value) if isinstance(value, str) else value
    known = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
    return found if known else None


def first_token(row: ObservationRow, waited_s: float | None) -> None:
    """The first token came `waited_s` after the start."""
    if row.completion_start_ns is None and waited_s is not None and 0 < waited_s < _PATIENCE_S:
        row.completion_start_ns = row.start_ns + int(waited_s * 1_000_000_000)


def _parted(usage: dict[str, float]) -> dict[str, float]:
    """Parts leave their side, unless they are more than it: then that emitter never counted them in."""
    whole = {kind: value for kind, value in usage.items() if value or "_" not in kind}
    for side in ("input", "output"):
        parts = sum(value for kind, value in whole.items() if kind.startswith(f"{side}_"))
        if parts and parts <= whole.get(side, 0):
            whole[side] -= parts
    return whole


def _parameters(family: Family, attributes: Attributes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in family.parameter_objects:
        found |= parsed_dict(as_text(attributes.get(name)))
    for prefix in family.parameter_prefixes:
        found |= _under(attributes, prefix)
    found.pop("model", None)
    return {key: value if isinstance(value, str | int | float) else as_text(value) for key, value in found.items()}


def _metadata(family: Family, attributes: Attributes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in family.metadata_objects:
        found |= as_dict(parsed(as_text(attributes.get(name)))) or {}
    for prefix in family.metadata_prefixes:
        found |= _under(attributes, prefix)
    return {key: as_text(value) for key, value in found.items() if key not in family.metadata_omits}


def _under(attributes: Attributes, prefix: str) -> dict[str, Any]:
    return {key[len(prefix) :]: value for key, value in attributes.items() if key.startswith(prefix)}


def nested(attributes: Attributes, prefix: str) -> Any:
    """`prefix.0.role` as a list of objects, `prefix.a.b` as an object; None when no attribute has the prefix."""
    tree: dict[str, Any] = {}
    for key, value in _under(attributes, prefix + ".").items():
        *path, last = key.split(".", _DEPTH)
        node: dict[str, Any] | None = tree
        for step in path:
            node = as_dict(node.setdefault(step, dict[str, Any]()))
            if node is None:
                break
        else:
            node[last] = value
    return _listed(tree) if tree else None


def _listed(node: Any) -> Any:
    branches = as_dict(node)
    if branches is None:
        return node
    if branches and all(key.isdecimal() and len(key) < _DIGITS for key in branches):
        return [_listed(branches[key]) for key in sorted(branches, key=int)]
    return {key: _listed(value) for key, value in branches.items()}
