"""What a page is about, as its address says it: a link reproduces the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from calango.insights.period import Period, period
from calango.questions import Range

FILTERS = ("user", "model", "tag", "outcome", "tool", "prompt", "release", "environment", "name", "session")
DEFAULT_SINCE = "7d"
EVER = "3650d"
_CARRIED = ("since", "until", "lang", *FILTERS)


@dataclass(frozen=True, slots=True)
class Address:
    """`given` are the query parameters; `zone` is the IANA time zone in which days begin."""

    given: Mapping[str, str]
    zone: str

    @property
    def since(self) -> str:
        return self.given.get("since") or DEFAULT_SINCE

    @property
    def until(self) -> str | None:
        return self.given.get("until") or None

    @property
    def filters(self) -> dict[str, str]:
        return {name: value for name in FILTERS if (value := self.given.get(name))}

    @property
    def about(self) -> Range:
        return Range(self.since, self.until, self.zone, tuple(self.filters.items()))

    @property
    def whole(self) -> Range:
        """The same period without filters."""
        return Range(self.since, self.until, self.zone)

    def ever(self, **filters: str) -> Range:
        """All that is stored, with these filters alone."""
        return Range(EVER, None, self.zone, tuple(filters.items()))

    def period(self) -> Period:
        """Raises InputError for what is no time range."""
        return period(self.since, self.until, self.zone, datetime.now(UTC))

    def number(self, name: str, default: int = 1) -> int:
        """A positive whole number; `default` for anything else."""
        text = self.given.get(name, "")
        return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else default

    def amount(self, name: str) -> float | None:
        """A positive number; None for anything else."""
        try:
            found = float(self.given.get(name, ""))
        except ValueError:
            return None
        return found if 0 < found < float("inf") else None

    def query(self, **changes: str | None) -> dict[str, str]:
        """The parameters of a link to another page: period, filters and language of this one, and `changes`.

        None leaves one out.
        """
        kept: dict[str, str | None] = {name: self.given[name] for name in _CARRIED if self.given.get(name)}
        return {name: value for name, value in (kept | changes).items() if value}
