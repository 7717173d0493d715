"""What is asked of the store about budgets, and what it answers: `POST /api/calango/spent`. Pure.

Both sides read and write these with pydantic, so that one definition holds. Money is USD, as text of decimal digits.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from calango.budgets.rules import Budget, Each, Period

MOST_BUDGETS = 1_000
MOST_KEYS = 10_000
MOST_TRACES = 20_000
Text = Annotated[str, Field(max_length=1_000)]


@dataclass(frozen=True)
class Asked:
    """What turns cost that began from `start_ns` until before `end_ns` and fit all filters; per key of `each`.

    `keys` are the wanted ones; None are all, the dearest first, at most `limit`.
    """

    start_ns: Annotated[int, Field(ge=0, lt=2**63)] = 0
    end_ns: Annotated[int, Field(ge=0, lt=2**63)] = 2**63 - 1
    each: Each | None = None
    filters: Annotated[dict[str, Text], Field(max_length=20)] = Field(default_factory=dict[str, str])
    keys: Annotated[list[Text], Field(max_length=MOST_KEYS)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_KEYS)] = 1_000


@dataclass(frozen=True)
class Question:
    """`traces`: those whose own cost is wanted, too, as of the same moment."""

    budgets: Annotated[list[Asked], Field(max_length=MOST_BUDGETS)]
    traces: Annotated[list[Text], Field(max_length=MOST_TRACES)] = Field(default_factory=list[str])


@dataclass(frozen=True)
class Spent:
    """`turns` of which `unpriced` have calls without a known price: they cost more than `usd`."""

    key: str | None
    usd: Decimal
    turns: int = 0
    unpriced: int = 0


@dataclass(frozen=True)
class Told:
    """In the order of the budgets that were asked about.

    `usd_per_turn`: what a turn that fits the filters cost lately, on average. `traces`: what those have cost so far;
    one that the store does not know is not in it.
    """

    spent: list[list[Spent]]
    usd_per_turn: list[Decimal]
    traces: dict[str, Decimal]


def asked(
    budget: Budget,
    period: Period,
    *,
    filters: dict[str, str] | None = None,
    keys: list[str] | None = None,
    limit: int = 1_000,
) -> Asked:
    """The question about a budget; `filters` in place of its own."""
    end = {} if period.end is None else {"end_ns": ns(period.end)}
    return Asked(
        start_ns=0 if period.start is None else ns(period.start),
        **end,
        each=budget.each,
        filters=dict(budget.filters) if filters is None else filters,
        keys=keys if budget.each else None,
        limit=limit,
    )


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000


QUESTION = TypeAdapter(Question)
TOLD = TypeAdapter(Told)
