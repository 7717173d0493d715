# ruff: noqa: S608 - names of tables and columns come from this package and from routes; values are always parameters
"""The small tables (prompts, datasets, comments ...): rows as dicts, by column.

Columns that end in `_json` take and give decoded values.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import duckdb
import orjson

from calango.store.query import Where

Row = dict[str, Any]


def insert(db: duckdb.DuckDBPyConnection, table: str, row: Row) -> Row:
    """Store `row` with the present as its creation, and return it whole."""
    now = time.time_ns()
    whole = row | {"created_ns": now, "updated_ns": now}
    columns = ", ".join(whole)
    marks = ", ".join("?" for _ in whole)
    db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", _encoded(whole))
    return whole


def add(db: duckdb.DuckDBPyConnection, table: str, row: Row) -> None:
    """Store a row of a table that keeps no times."""
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' for _ in row)})", _encoded(row))


def update(db: duckdb.DuckDBPyConnection, table: str, where: Where, values: Row) -> None:
    changed = values | {"updated_ns": time.time_ns()}
    assignments = ", ".join(f"{name} = ?" for name in changed)
    db.execute(f"UPDATE {table} SET {assignments} WHERE {where.sql}", [*_encoded(changed), *where.params])


def delete(db: duckdb.DuckDBPyConnection, table: str, where: Where) -> int:
    """How many rows are gone."""
    row = db.execute(f"DELETE FROM {table} WHERE {where.sql}", where.params).fetchone()
    return int(row[0]) if row else 0


def select(
    db: duckdb.DuckDBPyConnection,
    table: str,
    where: Where,
    *,
    order: str = "created_ns DESC, id",
    limit: int | None = None,
    offset: int = 0,
) -> list[Row]:
    page = "" if limit is None else f" LIMIT {int(limit)} OFFSET {int(offset)}"
    found = db.execute(f"SELECT * FROM {table} WHERE {where.sql} ORDER BY {order}{page}", where.params)
    names = [column[0] for column in found.description or ()]
    return [_decoded(zip(names, row, strict=True)) for row in found.fetchall()]


def first(db: duckdb.DuckDBPyConnection, table: str, where: Where, order: str = "created_ns DESC, id") -> Row | None:
    return next(iter(select(db, table, where, order=order, limit=1)), None)


def _encoded(row: Row) -> list[Any]:
    return [
        orjson.dumps(value).decode() if name.endswith("_json") and value is not None else value
        for name, value in row.items()
    ]


def _decoded(pairs: Iterable[tuple[str, Any]]) -> Row:
    return {
        name: orjson.loads(value) if name.endswith("_json") and value is not None else value for name, value in pairs
    }
