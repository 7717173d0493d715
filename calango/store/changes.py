# ruff: noqa: S608 - names of tables and columns come from this package; values are always parameters
"""Stored rows in the order in which they changed, page by page, for who copies them somewhere else."""

from __future__ import annotations

from typing import Any

import duckdb

from calango.store.archive import columns_of

PAGE = 500
TABLES = (
    "observations", "traces", "scores", "prompts", "datasets", "dataset_items", "dataset_runs", "dataset_run_items",
)  # fmt: skip
_KEY = {"observations": "concat(trace_id, '/', id)"}


def changed(
    db: duckdb.DuckDBPyConnection, project_id: str, table: str, after: tuple[int, str], limit: int = PAGE
) -> tuple[list[dict[str, Any]], tuple[int, str] | None]:
    """The next rows behind `after` (when changed, key), by column, and where to go on; None when that was all.

    `table` is one of TABLES.
    """
    key, names = _KEY.get(table, "id"), [column.name for column in columns_of(db, table)]
    rows = db.execute(
        f"SELECT {key} AS place, {', '.join(names)} FROM {table}"
        " WHERE project_id = $project AND updated_ns >= $ns AND (updated_ns > $ns OR place > $place)"
        " ORDER BY updated_ns, place LIMIT $limit",
        {"project": project_id, "ns": after[0], "place": after[1], "limit": limit},
    ).fetchall()
    found = [dict(zip(names, row[1:], strict=True)) for row in rows]
    return found, (found[-1]["updated_ns"], rows[-1][0]) if len(rows) == limit else None
