"""A table with typed columns, and how its cells are written for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from calango.currency import ESTIMATE, Currency, convert

Kind = Literal["text", "count", "usd", "ms", "seconds", "share", "rate", "time"]
NUMBERS: frozenset[Kind] = frozenset({"count", "usd", "ms", "seconds", "share", "rate"})


@dataclass(frozen=True, slots=True)
class Column:
    """`name` is the stable one in files, with its unit; `title` the one that people read."""

    name: str
    title: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Chart:
    """Draw `values` (columns) over `label` (a column): as a line when the labels are times, else as bars."""

    label: str
    values: tuple[str, ...]
    over_time: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    chart: Chart | None = None
    note: str = ""

    def column(self, name: str) -> int:
        return next(number for number, column in enumerate(self.columns) if column.name == name)


@dataclass(frozen=True, slots=True)
class Report:
    """`about` says what it is of: the period, the zone, the filters. `nothing` is said when no table has rows."""

    title: str
    about: str
    tables: Sequence[Table]
    nothing: str

    @property
    def said(self) -> Sequence[Table]:
        """The tables that people see; files keep the empty ones, so that their columns are always there."""
        return [table for table in self.tables if table.rows]


def shown(value: Any, kind: Kind, beside: Currency | None = None) -> str:
    """A cell for people; a dash for what is not known."""
    if value is None:
        return "–"
    return _WRITERS[kind](value, beside)


class Estimate(float):
    """A sum of which a part is estimated. In a file of data it is a number like any other."""


def _usd(value: Any, beside: Currency | None) -> str:
    usd = Decimal(str(float(value)))
    text = f"{f'{ESTIMATE} ' if isinstance(value, Estimate) else ''}US$ {_money(usd)}"
    return text if beside is None else f"{text} ({beside.code} {_money(convert(usd, beside).amount)})"


def _money(amount: Decimal) -> str:
    """Two decimals for large amounts, four digits that say something for small ones."""
    return (
        f"{amount:,.2f}"
        if abs(amount) >= 1 or amount == 0
        else f"{amount:.4f}"
        if abs(amount) >= Decimal("0.001")
        else f"{amount:.6f}"
    )


def _ms(value: Any, _beside: Currency | None) -> str:
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.2f} s"


def _seconds(value: Any, _beside: Currency | None) -> str:
    minutes = value / 60
    return f"{value:.0f} s" if value < 120 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


_WRITERS: dict[Kind, Callable[[Any, Currency | None], str]] = {
    "text": lambda value, _: str(value),
    "time": lambda value, _: str(value)[:16].replace("T", " "),
    "count": lambda value, _: f"{value:,.0f}",
    "usd": _usd,
    "ms": _ms,
    "seconds": _seconds,
    "share": lambda value, _: f"{100 * value:.1f} %",
    "rate": lambda value, _: f"{value:.1f}",
}
