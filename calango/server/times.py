"""ISO 8601 text and integer nanoseconds. Answers carry milliseconds, as Langfuse's do; the store keeps all digits."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?\s*(Z|[+-]\d\d:?\d\d)?)?", re.IGNORECASE)


def parse_iso(text: str) -> int:
    """Nanoseconds since the epoch. A time without an offset is UTC. Raises ValueError."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError("not an ISO 8601 time")
    day, clock, fraction, offset = match.groups()
    offset = "+00:00" if offset in {None, "Z", "z"} else offset
    seconds = int(datetime.fromisoformat(f"{day}T{clock or '00:00:00'}{offset}").timestamp())
    return seconds * 1_000_000_000 + int(((fraction or "") + "0" * 9)[:9])


def iso_ms(ns: int) -> str:
    """`2026-11-20T08:41:48.314Z`: cut to milliseconds, never rounded up."""
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{ns // 1_000_000 % 1000:03d}Z"


def iso_ms_or_none(ns: int | None) -> str | None:
    return None if ns is None else iso_ms(ns)


def elapsed_ms(start_ns: int, end_ns: int) -> int:
    """Between the two moments as answers show them, so that a latency agrees with its start and end."""
    return end_ns // 1_000_000 - start_ns // 1_000_000
