"""Dataset items and what they were before: a change or a deletion keeps the state that it ends.

A state counts from its `updated_ns` on. Moments are compared by milliseconds, as answers tell them.
"""

from __future__ import annotations

import time

import duckdb

from calango.store import tables
from calango.store.query import MS, Where
from calango.store.tables import Row

PRESENT = "dataset_items"
EVER = "dataset_items_ever"


def at(where: Where, moment_ns: int) -> Where:
    """Of the rows of `EVER`, those that were present at that moment."""
    moment = moment_ns // MS
    return where.add(f"updated_ns // {MS} <= ? AND coalesce(ended_ns // {MS} > ?, true)", moment, moment)


def change(db: duckdb.DuckDBPyConnection, where: Where, values: Row) -> Row:
    """Change the one item that `where` names, and return it whole."""
    _keep(db, where)
    tables.update(db, PRESENT, where, values)
    return tables.select(db, PRESENT, where)[0]


def delete(db: duckdb.DuckDBPyConnection, where: Where) -> int:
    """How many items are gone from the present."""
    _keep(db, where)
    return tables.delete(db, PRESENT, where)


def _keep(db: duckdb.DuckDBPyConnection, where: Where) -> None:
    for row in tables.select(db, PRESENT, where):
        tables.add(db, "dataset_items_before", row | {"ended_ns": time.time_ns()})
