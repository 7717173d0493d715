"""Nanoseconds -> ISO text with milliseconds, UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000 / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
