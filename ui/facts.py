"""What an answer took: from the turn itself, or, for turns of the past, from its trace in the background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from calango.chat import ChatService
from calango.records import Observation, TurnResult

from .exchanges import Exchange
from .place import Place

_LOOKED_UP = 20  # newest answers of a conversation whose traces are read
_FRESH_S = 30.0  # a trace that had not arrived is asked for again after that time


@dataclass(frozen=True, slots=True)
class Facts:
    """Tokens, USD and milliseconds; None where it is not known."""

    model: str | None = None
    input: int | None = None
    output: int | None = None
    cost_usd: Decimal | None = None
    latency_ms: float | None = None
    is_estimate: bool = False
    cost_estimated: bool = False


def of_result(result: TurnResult) -> Facts:
    usage = result.usage
    return Facts(
        result.model,
        usage.input if usage else None,
        usage.output if usage else None,
        result.cost_usd,
        result.latency_ms,
        usage.estimated if usage else False,
        result.cost_estimated,
    )


def of_observations(found: Sequence[Observation]) -> Facts | None:
    """None for a trace that has not arrived."""
    if not found:
        return None
    generations = [item for item in found if item.type == "GENERATION"]
    costs = [item.cost_usd for item in generations if item.cost_usd is not None]
    ends = [item.end_ns for item in found if item.end_ns is not None]
    return Facts(
        next((item.model for item in reversed(generations) if item.model), None),
        sum(item.usage.get("input", 0) for item in generations) if generations else None,
        sum(item.usage.get("output", 0) for item in generations) if generations else None,
        sum(costs, Decimal(0)) if costs else None,
        (max(ends) - min(item.start_ns for item in found)) / 1e6 if ends else None,
        cost_estimated=any(item.cost_estimated for item in generations),
    )


def facts_of(place: Place, talk: Sequence[Exchange]) -> dict[str, Facts]:
    """By exchange key, as far as it is known now."""
    known = {item.key: of_result(done.result) for item in talk if (done := place.finished(item.key)) is not None}
    missing = _missing(place, talk)
    if missing and place.chat.tracing is not None:
        known |= place.lookups.get(
            _key(missing), lambda: _read(place.chat, missing[-_LOOKED_UP:]), dict[str, Facts](), fresh_s=_FRESH_S
        )
    for item in talk:
        if item.key not in known and item.last is not None:
            known[item.key] = Facts(item.last.model)
    return known


def is_pending(place: Place, talk: Sequence[Exchange]) -> bool:
    return place.lookups.is_pending(_key(_missing(place, talk)))


def _missing(place: Place, talk: Sequence[Exchange]) -> tuple[str, ...]:
    return tuple(item.trace_id for item in talk if item.trace_id and item.answers and place.finished(item.key) is None)


def _key(trace_ids: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    return ("facts", trace_ids)


def _read(chat: ChatService, trace_ids: Sequence[str]) -> dict[str, Facts]:
    with chat.reader() as reader:
        read = {trace_id: of_observations(reader.observations(trace_id)) for trace_id in trace_ids}
    return {trace_id: facts for trace_id, facts in read.items() if facts is not None}
