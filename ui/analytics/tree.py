"""Observations of a trace as a tree, and as spans of time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calango.records import Observation


@dataclass(frozen=True, slots=True)
class Node:
    """`start_ms` counts from the beginning of the trace. `duration_ms` is None while it runs."""

    observation: Observation
    depth: int
    start_ms: float
    duration_ms: float | None


def nodes(found: Sequence[Observation]) -> list[Node]:
    """Depth first, siblings by start. What has no known parent, or is part of a circle, stands at the top."""
    if not found:
        return []
    begin = min(item.start_ns for item in found)
    known = {item.id for item in found}
    ordered = sorted(found, key=lambda item: (item.start_ns, -(item.end_ns or item.start_ns), item.id))
    children: dict[str | None, list[Observation]] = {}
    for item in ordered:
        children.setdefault(item.parent_id if item.parent_id in known else None, []).append(item)
    made: list[Node] = []
    seen: set[str] = set()
    waiting = [(item, 0) for item in reversed(children.get(None, []))]
    while waiting or len(seen) < len(known):
        if not waiting:
            waiting.append((next(item for item in ordered if item.id not in seen), 0))
        item, depth = waiting.pop()
        if item.id in seen:
            continue
        seen.add(item.id)
        made.append(Node(item, depth, (item.start_ns - begin) / 1e6, item.duration_ms))
        waiting += [(child, depth + 1) for child in reversed(children.get(item.id, []))]
    return made
