"""What a budget's figures mean: the share, the refusal. Pure."""

from __future__ import annotations

from decimal import Decimal

from calango.budgets.rules import Budget, Period
from calango.errors import BudgetExceeded
from calango.records import BudgetShare


def share_of(
    budget: Budget,
    key: str | None,
    period: Period,
    spent: Decimal,
    *,
    unpriced: int = 0,
    running: Decimal = Decimal(0),
    missing: str | None = None,
) -> BudgetShare:
    """`running`: what turns that have begun will cost beyond what they have, as far as can be expected."""
    return BudgetShare(
        budget=budget.name,
        each=budget.each,
        key=key,
        per=budget.per,
        then=budget.then,
        limit_usd=budget.usd,
        spent_usd=spent,
        warn_at=budget.warn_at,
        resets_at=None if period.end is None else period.end.isoformat(),
        unpriced_turns=unpriced,
        running_usd=running,
        missing=missing,
    )


def told(share: BudgetShare) -> str:
    """A warning: how much of which budget is spent, and what is not in that figure."""
    parts = [f"budget '{share.budget}'{_whose(share)}: {usd(share.spent_usd)} of {_limit(share)} ({share.share:.0%})"]
    if share.unpriced_turns:
        parts.append(f"not counting {share.unpriced_turns} turns without a price")
    if share.missing:
        parts.append(share.missing)
    return "; ".join(parts)


def refusal(share: BudgetShare) -> BudgetExceeded:
    """Names the budget, what is spent, the limit, when it starts anew, and what can be done."""
    running = f", and turns that run are expected to cost {usd(share.running_usd)} more" if share.running_usd else ""
    anew = f" It starts anew at {share.resets_at}." if share.resets_at else ""
    return BudgetExceeded(
        f"The budget '{share.budget}'{_whose(share)} is used up: {usd(share.spent_usd)} of {_limit(share)}"
        f"{running}.{anew}",
        "Nothing was sent. Wait until then, or raise its limit in budgets.toml and start again.",
        share=share,
    )


def _whose(share: BudgetShare) -> str:
    return f" of {share.each} '{share.key}'" if share.each else ""


def _limit(share: BudgetShare) -> str:
    return f"{usd(share.limit_usd)} {PER.get(share.per, 'in all')}"


PER = {"day": "a day", "month": "a month"}


def usd(amount: Decimal) -> str:
    """With cents, and as many decimals more as a small amount needs."""
    decimals = 2 if amount >= 1 or not amount else 4 if amount >= Decimal("0.01") else 6
    return f"US$ {amount:.{decimals}f}"
