"""Usage and cost as clients send them -> one map of counts per kind, and their sums. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from calango.server.shapes import as_dict
from calango.store import ObservationRow

# OpenAI's names -> Langfuse's
_NAMES = {
    "prompt_tokens": "input",
    "completion_tokens": "output",
    "total_tokens": "total",
    "input_tokens": "input",
    "output_tokens": "output",
}
_DETAILS = {
    "prompt_tokens_details": "input",
    "input_tokens_details": "input",
    "completion_tokens_details": "output",
    "output_tokens_details": "output",
}
MAX_COUNT = 2**53
MAX_SUM = 2**63 - 1  # what the table holds
MAX_MONEY = 10**12 - 1


def set_usage(row: ObservationRow, given: dict[str, Any]) -> None:
    """Counts per kind, with a total. Kinds that start with `input` or `output` add up to those columns.

    Sums that the table can't hold leave the row without usage.
    """
    usage = normalized(given)
    sums = summed(usage, "input"), summed(usage, "output"), usage.get("total", 0)
    if not usage or max(sums) > MAX_SUM:
        return
    row.usage_json = orjson.dumps(usage).decode()
    row.input_tokens, row.output_tokens, row.total_tokens = sums


def normalized(given: dict[str, Any]) -> dict[str, int]:
    """OpenAI's nested details become flat kinds, and are no longer part of the kind that holds them."""
    usage = {_NAMES.get(key, key): int(value) for key, value in given.items() if _is_count(value)}
    for key, side in _DETAILS.items():
        for name, value in (as_dict(given.get(key)) or {}).items():
            if _is_count(value):
                usage[f"{side}_{name}"] = int(value)
                usage[side] = max(0, usage.get(side, 0) - int(value))
    if usage and "total" not in usage:
        usage["total"] = sum(usage.values())
    return usage


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT


def summed(usage: dict[str, int], side: str) -> int:
    return sum(value for key, value in usage.items() if key.startswith(side))


def set_cost(row: ObservationRow, given: dict[str, Any]) -> None:
    """USD per kind, as sent; the total is added when it was left out."""
    cost = {_NAMES.get(key, key): money for key, value in given.items() if (money := _money(value)) is not None}
    if not cost:
        return
    put_cost(row, cost)


def put_cost(row: ObservationRow, cost: dict[str, Decimal]) -> None:
    """Sums that the table can't hold (DECIMAL(24, 12)) leave the row without cost."""
    if "total" not in cost:
        cost = {**cost, "total": sum(cost.values(), Decimal(0))}
    sums = _cost_of(cost, "input"), _cost_of(cost, "output"), cost["total"]
    if max(abs(value or 0) for value in sums) > MAX_MONEY:
        return
    row.cost_json = orjson.dumps({key: float(value) for key, value in cost.items()}).decode()
    row.input_cost, row.output_cost, row.total_cost = sums


def _cost_of(cost: dict[str, Decimal], side: str) -> Decimal | None:
    found = [value for key, value in cost.items() if key.startswith(side)]
    return sum(found, Decimal(0)) if found else None


def _money(value: object) -> Decimal | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        money = Decimal(repr(value))
    except InvalidOperation:
        return None
    return money if money.is_finite() and abs(money) <= MAX_MONEY else None
