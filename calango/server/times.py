"""ISO 8601 text and integer nanoseconds. Answers carry milliseconds, as Langfuse's do; the store keeps all digits."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?\s*(Z|[+-]\d\d:?\d\d)?)?", re.IGNORECASE | re.ASCII
)
MAX_NS = 2**63 - 1  # in the year 2262; as far back from 1970 it is 1677

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_iso(text: str) -> int:
    """Nanoseconds since the epoch, as far as 64 bits reach. A time without an offset is UTC. Raises ValueError."""
    ns = _ns(text)
    if abs(ns) > MAX_NS:
        raise ValueError("not a time from 1678 to 2261")
    return ns


def parse_bound(text: str) -> int:
    """The bound of a range of times: one that lies further away than any time that is kept is the furthest of them."""
    return max(-MAX_NS, min(_ns(text), MAX_NS))


def _ns(text: str) -> int:
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError("not an ISO 8601 time")
    day, clock, fraction, offset = match.groups()
    offset = "+00:00" if offset in {None, "Z", "z"} else offset
    moment = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}{offset}")
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return seconds * 1_000_000_000 + int(((fraction or "") + "0" * 9)[:9])


def iso_ms(ns: int) -> str:
    """`2026-11-20T08:41:48.314Z`: cut to milliseconds, never rounded up."""
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{ns // 1_000_000 % 1000:03d}Z"


def iso_ms_or_none(ns: int | None) -> str | None:
    return None if ns is None else iso_ms(ns)


def elapsed_ms(start_ns: int, end_ns: int) -> int:
    """Between the two moments as answers show them, so that a latency agrees with its start and end."""
    return end_ns // 1_000_000 - start_ns // 1_000_000
