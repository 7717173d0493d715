"""Money as people read it: USD, and beside it a second currency when one is set. Pure.

    told(Decimal("0.0123"), second(settings), estimated=True)   # "≈ US$ 0.012300 (R$ 0.067650)"

Amounts are kept, summed and sent in USD alone; a second currency is only ever shown. `told` takes the function that
writes one amount, so that a caller with a locale keeps its own way with digits and symbols.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from calango.settings import Settings

ESTIMATE = "≈"
_SYMBOLS = {"USD": "US$", "BRL": "R$", "EUR": "€", "GBP": "£", "JPY": "¥"}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency, by its ISO 4217 code."""

    amount: Decimal
    code: str = "USD"


@dataclass(frozen=True, slots=True)
class Currency:
    """`rate` is how many units one USD buys."""

    code: str
    rate: Decimal


def second(settings: Settings) -> Currency | None:
    """CALANGO_CURRENCY at CALANGO_CURRENCY_RATE; None when they are not set."""
    if settings.currency is None or settings.currency_rate is None:
        return None
    return Currency(settings.currency, settings.currency_rate)


def convert(usd: Decimal, to: Currency) -> Money:
    return Money(usd * to.rate, to.code)


def written(money: Money) -> str:
    """With six decimals and a point, whatever the locale: "US$ 0.000125"."""
    return f"{_SYMBOLS.get(money.code, money.code)} {money.amount:.6f}"


def told(
    usd: Decimal, beside: Currency | None = None, *, estimated: bool = False, write: Callable[[Money], str] = written
) -> str:
    """USD, then the second currency in brackets; "≈" in front of an estimate."""
    text = write(Money(usd))
    if beside is not None:
        text += f" ({write(convert(usd, beside))})"
    return f"{ESTIMATE} {text}" if estimated else text
