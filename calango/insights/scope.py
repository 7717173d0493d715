"""Which turns a question is about, as SQL. A turn is a trace; it belongs to the period in which it started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import duckdb

from calango.errors import InputError
from calango.insights.period import Period

OUTCOMES = ("ok", "error", "cancelled", "interrupted")
THUMBS = "user-feedback"
STARS = "user-rating"

# filter -> condition on a turn
_CONDITIONS = {
    "user": "user_id = ?",
    "session": "session_id = ?",
    "tag": "list_contains(tags, ?)",
    "environment": "environment = ?",
    "release": "release = ?",
    "name": "name = ?",
    "outcome": "outcome = ?",
    "model": "list_contains(models, ?)",
    "tool": "list_contains(tools, ?)",
    "prompt": "list_contains(prompts, ?)",
}
FILTERS = tuple(_CONDITIONS)
_ASKED = "SELECT * FROM turns WHERE project_id = $project AND start_ns >= $start AND start_ns < $end"


@dataclass(frozen=True, slots=True)
class Scope:
    """A project, a period, and filters: name in FILTERS -> wanted value."""

    project_id: str
    period: Period
    filters: tuple[tuple[str, str], ...] = ()

    def at(self, period: Period) -> Scope:
        return replace(self, period=period)

    def rows(self, db: duckdb.DuckDBPyConnection, rest: str, **params: Any) -> list[dict[str, Any]]:
        """What `rest` selects, by column. It may select from `asked`, the turns that this is about, and use the
        parameters $project, $start, $end (ns) and $zone.
        """
        values = {f"f{number}": value for number, (_, value) in enumerate(self.filters)}
        conditions = "".join(
            f" AND {_CONDITIONS[name].replace('?', f'$f{number}')}" for number, (name, _) in enumerate(self.filters)
        )
        text = f"WITH asked AS ({_ASKED}{conditions}) {rest}"
        values |= {"project": self.project_id, "start": self.period.start_ns, "end": self.period.end_ns}
        values |= {"zone": self.period.zone, **params}
        found = db.execute(text, {name: value for name, value in values.items() if f"${name}" in text})
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def checked(filters: dict[str, str | None]) -> tuple[tuple[str, str], ...]:
    """The filters that are given. Raises InputError for a name or an outcome that does not exist."""
    given = tuple((name, value) for name, value in filters.items() if value)
    for name, value in given:
        if name not in FILTERS:
            raise InputError(f"There is no filter {name[:40]}.", f"There are {', '.join(FILTERS)}.")
        if name == "outcome" and value not in OUTCOMES:
            raise InputError(f"There is no outcome {value[:40]}.", f"There are {', '.join(OUTCOMES)}.").because(
                "no_choice", value=value[:40]
            )
    return given
