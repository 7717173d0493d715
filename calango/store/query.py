# ruff: noqa: S608 - names of tables and columns come from this package; values are always parameters
"""Reads. Every function takes a cursor (`Store.read()`); conditions are `Where`, values are always parameters."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import duckdb

from calango.store.rows import ObservationRow, ScoreRow, TraceRow

MS = 1_000_000
PROPAGATION_NS = 3_000_000_000
"""As in Langfuse, only what a v4 writer sent is in the v2 endpoints at once; other writers' spans follow.
Langfuse takes minutes for that, this server three seconds."""


@dataclass(slots=True)
class Where:
    """Conditions joined by AND, with their parameters in the order of the question marks."""

    clauses: list[str] = field(default_factory=list[str])
    params: list[Any] = field(default_factory=list[Any])

    def add(self, clause: str, *params: Any) -> Self:
        self.clauses.append(f"({clause})")
        self.params.extend(params)
        return self

    def and_also(self, clause: str, *params: Any) -> Where:
        """A copy with one more condition."""
        return Where([*self.clauses], [*self.params]).add(clause, *params)

    def equal(self, column: str, value: Any) -> Self:
        return self if value is None else self.add(f"{column} = ?", value)

    def among(self, column: str, values: Sequence[Any] | None) -> Self:
        return self if not values else self.add(f"{column} IN (SELECT unnest(?))", list(values))

    def between(self, column: str, start: int | None, end: int | None) -> Self:
        """At or after `start`, before `end`."""
        if start is not None:
            self.add(f"{column} >= ?", start)
        if end is not None:
            self.add(f"{column} < ?", end)
        return self

    @property
    def sql(self) -> str:
        return " AND ".join(self.clauses) or "true"


def of_project(project_id: str) -> Where:
    return Where().add("project_id = ?", project_id)


def visible(where: Where) -> Where:
    """Only what the v2 endpoints show by now (see PROPAGATION_NS)."""
    return where.add("direct OR created_ns <= ?", time.time_ns() - PROPAGATION_NS)


Position = tuple[int, str, str]
"""Start (ns), trace id and id of the last row of a page."""
LATEST_FIRST = "start_ns // 1000000 DESC, trace_id DESC, id DESC"


def observations(
    db: duckdb.DuckDBPyConnection,
    where: Where,
    *,
    order: str = LATEST_FIRST,
    limit: int | None = None,
    offset: int = 0,
    after: Position | None = None,
    wide: Collection[str] = ObservationRow.WIDE,
) -> list[ObservationRow]:
    """Whole rows. Columns of ObservationRow.WIDE that are not in `wide` come as None, unread.

    `after` goes on behind that row, in the order LATEST_FIRST.
    """
    columns = ", ".join(
        f"NULL AS {name}" if name in ObservationRow.WIDE and name not in wide else name
        for name in ObservationRow.COLUMNS
    )
    page = "" if limit is None else f" LIMIT {int(limit)} OFFSET {int(offset)}"
    if limit is not None and order == LATEST_FIRST:
        where = _page(db, where, limit + offset, after)
    sql = f"SELECT {columns} FROM observations WHERE {where.sql} ORDER BY {order}{page}"
    return [ObservationRow(*row) for row in db.execute(sql, where.params).fetchall()]


def _page(db: duckdb.DuckDBPyConnection, where: Where, rows: int, after: Position | None) -> Where:
    """`where`, behind `after`, and not earlier than the last of the `rows` latest rows.

    Finding that time reads one column of numbers; sorting whole rows reads fifty columns of the table.
    """
    behind, same = where, 0
    if after is not None:
        start = after[0] // MS * MS
        where = where.and_also("start_ns < CAST(? AS BIGINT)", start + MS)
        same = count(
            db, "observations", where.and_also("start_ns >= CAST(? AS BIGINT)", start)
        )  # some of these came before
        behind = where.and_also(
            "(start_ns // 1000000, trace_id, id) < (CAST(? AS BIGINT), ?, ?)", start // MS, *after[1:]
        )
    sql = f"SELECT start_ns FROM observations WHERE {where.sql} ORDER BY start_ns DESC LIMIT 1 OFFSET ?"
    last = db.execute(sql, [*where.params, rows + same - 1]).fetchone() if rows > 0 else None
    return behind if last is None else behind.and_also("start_ns >= ?", last[0] // MS * MS)


def count(db: duckdb.DuckDBPyConnection, table: str, where: Where) -> int:
    row = db.execute(f"SELECT count(*) FROM {table} WHERE {where.sql}", where.params).fetchone()
    return int(row[0]) if row else 0


def traces_said(db: duckdb.DuckDBPyConnection, project_id: str, ids: Collection[str]) -> dict[str, TraceRow]:
    """What was said of these traces by themselves, by id; most traces are absent."""
    where = of_project(project_id).add("id IN (SELECT unnest(?))", list(ids))
    sql = f"SELECT {', '.join(TraceRow.COLUMNS)} FROM traces WHERE {where.sql}"
    return {row[1]: TraceRow(*row) for row in db.execute(sql, where.params).fetchall()}


def scores(
    db: duckdb.DuckDBPyConnection,
    where: Where,
    *,
    order: str = "timestamp_ns // 1000000 DESC, id DESC, name DESC",
    limit: int | None = None,
    offset: int = 0,
) -> list[ScoreRow]:
    page = "" if limit is None else f" LIMIT {int(limit)} OFFSET {int(offset)}"
    sql = f"SELECT {', '.join(ScoreRow.COLUMNS)} FROM scores WHERE {where.sql} ORDER BY {order}{page}"
    return [ScoreRow(*row) for row in db.execute(sql, where.params).fetchall()]


def score_writes(db: duckdb.DuckDBPyConnection, where: Where) -> int:
    """How often these scores were sent: what Langfuse counts as `totalItems`."""
    row = db.execute(f"SELECT coalesce(sum(writes), 0) FROM scores WHERE {where.sql}", where.params).fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Conditions on whole traces; None means any. Times in ns, `from_ns` inclusive, `to_ns` exclusive."""

    user_id: str | None = None
    session_id: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    version: str | None = None
    release: str | None = None
    environments: tuple[str, ...] = ()
    from_ns: int | None = None
    to_ns: int | None = None


_TRACES = """
WITH facts AS (
    SELECT trace_id AS id, min(start_ns) AS ts, max(user_id) AS user_id, max(session_id) AS session_id,
        coalesce(max(trace_name), arg_min(name, start_ns) FILTER (is_root), arg_min(name, start_ns)) AS name,
        max(version) AS version, max(release) AS release, max(tags) AS tags,
        coalesce(arg_min(environment, start_ns) FILTER (is_root), arg_min(environment, start_ns)) AS environment,
        false AS said
    FROM observations WHERE project_id = ? GROUP BY trace_id
    UNION ALL
    SELECT id, timestamp_ns, user_id, session_id, name, version, release, tags, environment, true
    FROM traces WHERE project_id = ?
), whole AS (
    SELECT id, coalesce(min(ts) FILTER (said), min(ts)) AS timestamp, max(user_id) AS user_id,
        max(session_id) AS session_id, coalesce(max(name) FILTER (said), max(name)) AS name,
        max(version) AS version, max(release) AS release, flatten(list(tags) FILTER (tags IS NOT NULL)) AS tags,
        coalesce(max(environment) FILTER (said), max(environment)) AS environment
    FROM facts GROUP BY id
)
"""
TRACE_ORDER = {
    "id": "id",
    "name": "name",
    "timestamp": "timestamp",
    "userId": "user_id",
    "release": "release",
    "version": "version",
    "sessionId": "session_id",
}


def trace_ids(
    db: duckdb.DuckDBPyConnection,
    project_id: str,
    wanted: TraceFilter,
    *,
    order: str = "timestamp DESC",
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[str], int]:
    """One page of trace ids in `order`, and how many match in all."""
    where = Where().equal("user_id", wanted.user_id).equal("session_id", wanted.session_id)
    where.equal("name", wanted.name).equal("version", wanted.version).equal("release", wanted.release)
    where.among("environment", wanted.environments).between("timestamp", wanted.from_ns, wanted.to_ns)
    if wanted.tags:
        where.add("list_has_all(tags, ?)", list(wanted.tags))
    params = [project_id, project_id, *where.params]
    found = db.execute(f"{_TRACES} SELECT count(*) FROM whole WHERE {where.sql}", params).fetchone()
    sql = f"{_TRACES} SELECT id FROM whole WHERE {where.sql} ORDER BY {order}, id LIMIT ? OFFSET ?"
    rows = db.execute(sql, [*params, limit, offset]).fetchall()
    return [row[0] for row in rows], int(found[0]) if found else 0


_SUMMARY_WIDE = frozenset({"input", "output", "metadata_json", "attributes_json"})


def trace_rows(
    db: duckdb.DuckDBPyConnection, project_id: str, ids: Iterable[str], *, io: bool = True
) -> dict[str, list[ObservationRow]]:
    """The observations of these traces by trace, earliest first, with input and output of roots only."""
    columns = ", ".join(_summary_column(name, io) for name in ObservationRow.COLUMNS)
    sql = (
        f"SELECT {columns} FROM observations WHERE project_id = ? AND trace_id IN (SELECT unnest(?))"
        " ORDER BY start_ns, id"
    )
    grouped: dict[str, list[ObservationRow]] = {}
    for row in db.execute(sql, [project_id, list(ids)]).fetchall():
        observation = ObservationRow(*row)
        grouped.setdefault(observation.trace_id, []).append(observation)
    return grouped


def _summary_column(name: str, io: bool) -> str:
    if not io and name in ObservationRow.WIDE:
        return f"NULL AS {name}"
    if name in _SUMMARY_WIDE:
        first = "row_number() OVER (PARTITION BY trace_id ORDER BY is_root DESC, start_ns, id) = 1"
        return f"CASE WHEN {first} THEN {name} END AS {name}"
    return name
