# ruff: noqa: S608 - names of columns come from the tables below; values are always parameters
"""Metrics: group, aggregate, order, and fill the gaps of a time series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from calango.store.clickhouse import cell, histogram
from calango.store.query import Where
from calango.store.views import AGGREGATIONS, View

GRANULARITIES = ("minute", "hour", "day", "week", "month")
_LENGTHS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000}
_AUTO_BUCKETS = 50
_MAX_INT = 2**63 - 1  # JSON answers write no larger whole numbers


@dataclass(frozen=True, slots=True)
class MetricsQuery:
    """A checked query. `where` holds project, time range and filters; `order` pairs of field and direction."""

    view: View
    where: Where
    from_ns: int
    to_ns: int
    dimensions: tuple[str, ...] = ()
    metrics: tuple[tuple[str, str], ...] = ()
    granularity: str | None = None
    order: tuple[tuple[str, str], ...] = ()
    limit: int = 100
    bins: int = 10

    def columns(self) -> list[str]:
        """The names of the answer's columns, in order."""
        timed = ["time_dimension"] if self.granularity else []
        return [*self.dimensions, *timed, *(f"{how}_{what}" for what, how in self.metrics or ())] or ["count"]


def granularity_for(from_ns: int, to_ns: int) -> str:
    """The finest one that makes about fifty buckets at most."""
    seconds = (to_ns - from_ns) / 1e9
    return next((name for name in GRANULARITIES if seconds / _LENGTHS[name] <= _AUTO_BUCKETS), "month")


def run(db: duckdb.DuckDBPyConnection, asked: MetricsQuery) -> list[dict[str, Any]]:
    view = asked.view
    select = [f"{view.dimensions[name]} AS k{index}" for index, name in enumerate(asked.dimensions)]
    groups = [f"k{index}" for index in range(len(select))]
    if asked.granularity:
        select.append(f"date_trunc('{asked.granularity}', make_timestamp({view.time} // 1000)) AS bucket")
        groups.append("bucket")
    select += [_aggregate(view, what, how) for what, how in asked.metrics] or ["count(*)"]
    sql = f"SELECT {', '.join(select)} FROM {view.source} WHERE {asked.where.sql}"
    if groups:
        sql += f" GROUP BY {', '.join(groups)}"
    rows = [list(row) for row in db.execute(sql, asked.where.params).fetchall()]
    named = asked.columns() if asked.metrics else [*_keys(asked), "count"]
    answer = [_answered(asked, dict(zip(named, row, strict=True))) for row in _ordered(asked, rows, named)]
    return answer[: asked.limit]


def _keys(asked: MetricsQuery) -> list[str]:
    return [*asked.dimensions, *(["time_dimension"] if asked.granularity else [])]


def _aggregate(view: View, what: str, how: str) -> str:
    column = view.measures[what]
    if what in view.distinct and how in {"count", "uniq", "sum"}:
        return f"count(DISTINCT {column})"
    return AGGREGATIONS[how].format(column)


def _ordered(asked: MetricsQuery, rows: list[list[Any]], named: list[str]) -> list[list[Any]]:
    """By what was asked for; else by time, else by the first metric from high to low. Equal rows as in ClickHouse."""
    width = len(_keys(asked))
    if not width:
        return rows
    if asked.granularity:
        rows = rows + _missing(asked, {row[len(asked.dimensions)] for row in rows}, len(named) - width)
    # Within a cell DuckDB's threads would decide: the same question gets the same answer.
    rows.sort(key=lambda row: (cell([_comparable(key) for key in row[:width]]), repr(row[:width])))
    order = asked.order or ((("time_dimension", "asc"),) if asked.granularity else ((named[width], "desc"),))
    for name, direction in reversed(order):
        if name in named and not name.startswith("histogram_"):
            at = named.index(name)
            rows.sort(key=lambda row, at=at: _sortable(row[at]), reverse=direction == "desc")
    return rows


def _comparable(key: object) -> object:
    return int(key.replace(tzinfo=UTC).timestamp()) if isinstance(key, datetime) else key


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, 0 if value is None else value)


def _missing(asked: MetricsQuery, seen: set[datetime], metrics: int) -> list[list[Any]]:
    """A row of zeros for every bucket of the range (its end excluded) in which nothing happened."""
    granularity = asked.granularity or "day"
    at, end = _bucket(asked.from_ns, granularity), _bucket(asked.to_ns, granularity)
    rows: list[list[Any]] = []
    while at < end and len(rows) < 10_000:
        if at not in seen:
            rows.append([*(_empty(asked, name) for name in asked.dimensions), at, *([0] * metrics)])
        at = _bucket_after(at, granularity)
    return rows


def _empty(asked: MetricsQuery, name: str) -> object:
    return None if name in asked.view.nullable else [] if name == "tags" else False if name.startswith("is") else ""


def _bucket(ns: int, granularity: str) -> datetime:
    at = datetime.fromtimestamp(ns // 1_000_000_000, UTC).replace(tzinfo=None)
    if granularity == "minute":
        return at.replace(second=0)
    if granularity == "hour":
        return at.replace(minute=0, second=0)
    day = at.replace(hour=0, minute=0, second=0)
    if granularity == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if granularity == "month" else day


def _bucket_after(at: datetime, granularity: str) -> datetime:
    if granularity == "month":
        return (at.replace(day=1) + timedelta(days=32)).replace(day=1)
    return at + timedelta(seconds=_LENGTHS[granularity])


def _answered(asked: MetricsQuery, row: dict[str, Any]) -> dict[str, Any]:
    for name, value in row.items():
        if isinstance(value, datetime):
            row[name] = f"{value:%Y-%m-%dT%H:%M:%SZ}"
        elif name.startswith("histogram_"):
            row[name] = histogram(value or {}, asked.bins)
        elif isinstance(value, Decimal | int) and not isinstance(value, bool):
            row[name] = _written(value)
        elif value is None and name in asked.dimensions and name not in asked.view.nullable:
            row[name] = ""
    return row


def _written(value: Decimal | int) -> float | int:
    """As a number that JSON answers can write."""
    return value if isinstance(value, int) and abs(value) <= _MAX_INT else float(value)


_DAILY = ("model", "inputUsage", "outputUsage", "totalUsage", "totalCost", "countObservations", "countTraces")


def _usage(row: tuple[Any, ...]) -> dict[str, Any]:
    _, model, *numbers = row
    return dict(zip(_DAILY, [model, *map(_written, numbers)], strict=True))


def daily(db: duckdb.DuckDBPyConnection, where: Where, *, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Counts, tokens and cost per UTC day and model, the newest day first; and how many days there are."""
    day = "strftime(make_timestamp(start_ns // 1000), '%Y-%m-%d')"
    found = db.execute(f"SELECT count(DISTINCT {day}) FROM observations WHERE {where.sql}", where.params).fetchone()
    totals = db.execute(
        f"SELECT {day} AS day, count(DISTINCT trace_id), count(*), coalesce(sum(total_cost), 0) FROM observations"
        f" WHERE {where.sql} GROUP BY day ORDER BY day DESC LIMIT ? OFFSET ?",
        [*where.params, limit, offset],
    ).fetchall()
    models = db.execute(
        f"SELECT {day} AS day, model, coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),"
        " coalesce(sum(total_tokens), 0), coalesce(sum(total_cost), 0), count(*), count(DISTINCT trace_id)"
        f" FROM observations WHERE {where.sql} GROUP BY day, model ORDER BY model NULLS LAST",
        where.params,
    ).fetchall()
    data = [
        {
            "date": date,
            "countTraces": traces,
            "countObservations": observations,
            "totalCost": cost,
            "usage": [_usage(row) for row in models if row[0] == date],
        }
        for date, traces, observations, cost in totals
    ]
    return data, int(found[0]) if found else 0
