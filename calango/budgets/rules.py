"""Budgets as a TOML file has them -> checked values. Pure.

[[budgets]]
name = "team"
usd = 50                            # more than 0
per = "month"                       # day, month, all: by the calendar of CALANGO_TIME_ZONE
each = "user"                       # user, session, tag: each has one of its own; left out: all together
filters = { environment = "production" }
then = "stop"                       # warn, stop
warn_at = 0.8                       # share from which on it warns
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, cast

from calango.errors import ConfigError

Per = Literal["day", "month", "all"]
Each = Literal["user", "session", "tag"]
Then = Literal["warn", "stop"]
KNOWN_BEFORE = ("user", "session", "tag", "environment", "release", "name")
"""Filters that a turn fits, or not, before it starts."""
KNOWN_AFTER = ("outcome", "model", "tool", "prompt")
FILTERS = (*KNOWN_BEFORE, *KNOWN_AFTER)
EVERY_TURN = "calango"
"""The tag of every turn of a conversation: `each = "tag"` does not mean it."""
_KEYS = ("name", "usd", "per", "each", "filters", "then", "warn_at")
_NAME = re.compile(r"[\w .:%-]{1,80}")
_LIMIT = 1_000_000_000
_HINT = "docs/costs.md shows the format."


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end`, both with their zone; None has no bound."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Budget:
    """USD. `warn_at` is a share of `usd`; `filters` are name in FILTERS and wanted value."""

    name: str
    usd: Decimal
    per: Per = "month"
    each: Each | None = None
    filters: tuple[tuple[str, str], ...] = ()
    then: Then = "warn"
    warn_at: Decimal = Decimal("0.8")

    def period(self, now: datetime) -> Period:
        """The day or month of `now`, by the calendar of its zone. A turn belongs to the one in which it started."""
        if self.per == "all":
            return Period(None, None)
        first = now.date() if self.per == "day" else now.date().replace(day=1)
        after = first + timedelta(days=1) if self.per == "day" else (first + timedelta(days=31)).replace(day=1)
        return Period(datetime.combine(first, time(), now.tzinfo), datetime.combine(after, time(), now.tzinfo))

    @property
    def is_known_before(self) -> bool:
        """Whether it can be told of a turn, before it starts, that this budget is about it."""
        return all(name in KNOWN_BEFORE for name, _ in self.filters)

    def keys(self, about: Mapping[str, Sequence[str]]) -> list[str | None]:
        """Whose parts of this budget a turn takes; `about`: name in KNOWN_BEFORE -> its values. Empty: it does not."""
        if not self.is_known_before or any(value not in about.get(name, ()) for name, value in self.filters):
            return []
        if self.each is None:
            return [None]
        return [value for value in dict.fromkeys(about.get(self.each, ())) if value and value != EVERY_TURN]


def parse(text: str, file: str) -> tuple[Budget, ...]:
    """The budgets of a file, in their order. `file` is what errors call it. Raises ConfigError."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        what = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a number or nesting beyond all bounds"
        raise ConfigError(f"{file} is not valid TOML: {what}.", _HINT) from None
    if unknown := sorted(set(data) - {"budgets"}):
        raise ConfigError(f"{file}: {unknown[0]!r} is unknown; budgets stand in [[budgets]].", _HINT)
    tables = data.get("budgets", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in cast("list[object]", tables)):
        raise ConfigError(f"{file}: budgets must be tables, each begun by [[budgets]].", _HINT)
    found = [_budget(table, file, place) for place, table in enumerate(cast("list[dict[str, Any]]", tables), 1)]
    names = [budget.name for budget in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"{file}: two budgets are named '{min(twice)}'.", "Give each a name of its own.")
    return tuple(found)


def _budget(table: Mapping[str, Any], file: str, place: int) -> Budget:
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        said = "a name of 1 to 80 letters, digits, spaces and . : % - _"
        raise ConfigError(f"{file}, budget {place}: it needs {said}.", _HINT)

    def wrong(rule: str) -> ConfigError:
        return ConfigError(f"{file}, budget '{name}': {rule}.", _HINT)

    def chosen(key: str, default: str | None, *allowed: str) -> Any:
        value = table.get(key, default)
        if value is not None and value not in allowed:
            raise wrong(f"{key} must be one of {', '.join(allowed)}")
        return value

    if unknown := [key for key in table if key not in _KEYS]:
        raise wrong(f"{unknown[0]!r} is unknown; it may have {', '.join(_KEYS)}")
    warn_at = table.get("warn_at", Decimal("0.8"))
    if not _is_between(table.get("usd"), _LIMIT):
        raise wrong("usd must be a number above 0")
    if not _is_between(warn_at, 1):
        raise wrong("warn_at must be a share above 0, at most 1")
    budget = Budget(
        name,
        Decimal(table["usd"]),
        chosen("per", "month", "day", "month", "all"),
        chosen("each", None, "user", "session", "tag"),
        _filters(table.get("filters", {}), wrong),
        chosen("then", "warn", "warn", "stop"),
        Decimal(warn_at),
    )
    if budget.then == "stop" and not budget.is_known_before:
        late = next(name for name, _ in budget.filters if name in KNOWN_AFTER)
        raise wrong(f"it can't stop turns by their {late}, which is known only when they have ended; let it warn")
    return budget


def _is_between(value: object, most: int) -> bool:
    """Above 0, at most that."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    return Decimal(value).is_finite() and 0 < value <= most


def _filters(given: object, wrong: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, dict):
        raise wrong('filters must be a table such as { tag = "batch" }')
    for name, value in cast("dict[str, object]", given).items():
        if name not in FILTERS:
            raise wrong(f"there is no filter {name!r}; there are {', '.join(FILTERS)}")
        if not isinstance(value, str) or not value:
            raise wrong(f"the filter {name} must be text in quotes")
    return tuple(sorted(cast("dict[str, str]", given).items()))
