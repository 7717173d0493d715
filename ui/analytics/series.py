"""A breakdown by hour, day, week or month -> points of a chart. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from calango.insights.answers import Group, Measures
from calango.insights.period import Period


def points(groups: Sequence[Group], period: Period, grain: str) -> list[dict[str, Any]]:
    """Each bucket of the period, also those without turns: counts are 0 there, the rest is None.

    "at" is local time without an offset, as charts show it.
    """
    known = {_local(group.key): group.measures for group in groups if group.key}
    return [_point(at, known.get(at, Measures())) for at in _buckets(period, grain, known)]


def domain(period: Period, grain: str) -> tuple[str, str]:
    """Where the axis of time begins and ends: half a bucket around the first and the last one."""
    first, last = _floor(period.start, grain), _floor(period.end, grain)
    half = (_next(first, grain) - first) / 2
    return (first - half).isoformat(), (last + half).isoformat()


def _point(at: datetime, found: Measures) -> dict[str, Any]:
    return {
        "at": at,
        "cost": found.cost_usd,
        "estimated": found.cost_estimated,
        "turns": found.turns,
        "input": found.tokens_input - found.tokens_cache,
        "cache": found.tokens_cache,
        "output": found.tokens_output,
        "ok": found.ok,
        "error": found.error,
        "cancelled": found.cancelled,
        "interrupted": found.interrupted,
        "p50": None if found.latency_ms_p50 is None else found.latency_ms_p50 / 1000,
        "p95": None if found.latency_ms_p95 is None else found.latency_ms_p95 / 1000,
        "success": found.success_rate,
        "satisfaction": found.votes_up / found.votes if found.votes else None,
    }


def _buckets(period: Period, grain: str, known: dict[datetime, Measures]) -> list[datetime]:
    at, end = _floor(period.start, grain), period.end.replace(tzinfo=None)
    found: set[datetime] = set(known)
    while at < end and len(found) < 2000:
        found.add(at)
        at = _next(at, grain)
    return sorted(found)


def _floor(moment: datetime, grain: str) -> datetime:
    hour = moment.replace(tzinfo=None, minute=0, second=0, microsecond=0)
    if grain == "hour":
        return hour
    day = hour.replace(hour=0)
    if grain == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if grain == "month" else day


def _next(at: datetime, grain: str) -> datetime:
    if grain == "month":
        return (at + timedelta(days=32)).replace(day=1)
    return at + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[grain]


def _local(key: str) -> datetime:
    return datetime.fromisoformat(key).replace(tzinfo=None)
