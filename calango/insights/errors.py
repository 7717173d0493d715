"""Which errors there were: messages that differ in ids, numbers and names only are one pattern."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

import duckdb

from calango.insights.answers import ErrorPattern
from calango.insights.known_errors import KNOWN, VARIABLE
from calango.insights.scope import Scope
from calango.insights.times import iso

_EXAMPLES = 5
_LENGTH = 300
_VARIABLE = tuple((re.compile(pattern, re.IGNORECASE), name) for pattern, name in VARIABLE)
_KNOWN = tuple((re.compile(pattern, re.IGNORECASE), cause, fix) for pattern, cause, fix in KNOWN)
_FOUND = """
    SELECT o.status_message AS message, o.name AS name, o.type AS type, o.trace_id AS trace_id, t.user_id AS user_id,
        o.start_ns AS at_ns
    FROM observations AS o JOIN asked AS t USING (trace_id)
    WHERE o.project_id = $project AND o.start_ns >= $start AND o.level = 'ERROR' ORDER BY o.start_ns DESC, o.id
"""


@lru_cache(maxsize=8192)
def pattern_of(message: str) -> str:
    """The message with what varies replaced, at most 300 characters of its first line."""
    text = next(iter(message.strip().splitlines()), "")[: 4 * _LENGTH]
    for variable, name in _VARIABLE:
        text = variable.sub(name, text)
    return " ".join(text.split())[:_LENGTH]


def explained(message: str) -> tuple[str | None, str | None]:
    """Likely cause and fix of a known error; None for others."""
    return next(((cause, fix) for known, cause, fix in _KNOWN if known.search(message)), (None, None))


@dataclass
class _Seen:
    count: int = 0
    turns: set[str] = field(default_factory=set[str])
    users: set[str] = field(default_factory=set[str])
    first_ns: int = 0
    last_ns: int = 0
    example: str = ""
    traces: dict[str, None] = field(default_factory=dict[str, None])
    observations: Counter[str] = field(default_factory=Counter[str])


def errors(db: duckdb.DuckDBPyConnection, scope: Scope, *, limit: int = 100) -> list[ErrorPattern]:
    """Patterns, the one in most turns first. An error that goes up through its parents counts once per trace and
    pattern: `count` is the observations that say it, `turns` the traces.
    """
    seen: dict[str, _Seen] = {}
    known: dict[str, str] = {}
    for row in scope.rows(db, _FOUND):
        message = row["message"] or "(no message)"
        pattern = known.get(message) or known.setdefault(message, pattern_of(message))
        one = seen.setdefault(pattern, _Seen(last_ns=row["at_ns"], example=message[:2000]))
        one.count += 1
        one.first_ns = row["at_ns"]
        one.turns.add(row["trace_id"])
        if row["user_id"] is not None:
            one.users.add(row["user_id"])
        if len(one.traces) < _EXAMPLES:
            one.traces[row["trace_id"]] = None
        one.observations[row["name"]] += 1
    ordered = sorted(seen.items(), key=lambda item: (-len(item[1].turns), -item[1].last_ns, item[0]))
    return [_answer(pattern, one) for pattern, one in ordered[:limit]]


def _answer(pattern: str, one: _Seen) -> ErrorPattern:
    cause, fix = explained(one.example)
    return ErrorPattern(
        pattern=pattern,
        count=one.count,
        turns=len(one.turns),
        users=len(one.users),
        first_seen=iso(one.first_ns),
        last_seen=iso(one.last_ns),
        example=one.example,
        example_traces=list(one.traces),
        observations=[name for name, _ in one.observations.most_common(5)],
        cause=cause,
        fix=fix,
    )
