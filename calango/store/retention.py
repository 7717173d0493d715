"""Lets go of old traces, of all projects: by age, or until the data fits into a size."""

from __future__ import annotations

import duckdb

_OLD = """
    CREATE OR REPLACE TEMP TABLE gone AS
    SELECT project_id, trace_id FROM (
        SELECT project_id, trace_id, max(greatest(start_ns, coalesce(end_ns, start_ns))) AS last_ns
        FROM observations GROUP BY ALL
        UNION ALL SELECT project_id, id, timestamp_ns FROM traces
    ) GROUP BY ALL HAVING max(last_ns) < ?
"""
# Of each table what belongs to the traces that go, or has no trace and is as old itself.
_DELETES = (
    "INSERT INTO touched SELECT project_id, trace_id FROM gone",
    "DELETE FROM observations AS t USING gone WHERE t.project_id = gone.project_id AND t.trace_id = gone.trace_id",
    "DELETE FROM traces AS t USING gone WHERE t.project_id = gone.project_id AND t.id = gone.trace_id",
    "DELETE FROM scores AS t USING gone WHERE t.project_id = gone.project_id AND t.trace_id = gone.trace_id",
    "DELETE FROM scores WHERE trace_id IS NULL AND timestamp_ns < ?",
    """DELETE FROM comments AS t USING gone
       WHERE t.project_id = gone.project_id AND t.object_type = 'TRACE' AND t.object_id = gone.trace_id""",
    "DELETE FROM media_uses AS t USING gone WHERE t.project_id = gone.project_id AND t.trace_id = gone.trace_id",
    """DELETE FROM media AS t WHERE created_ns < ? AND NOT EXISTS (
           SELECT 1 FROM media_uses AS u WHERE u.project_id = t.project_id AND u.media_id = t.id)""",
)


def forget_before(db: duckdb.DuckDBPyConnection, moment_ns: int) -> int:
    """Delete traces in which nothing happened since `moment_ns`, with their scores, comments and media.

    Prompts, datasets, models and what was set up by hand stay. Returns how many traces went.
    """
    db.execute(_OLD, [moment_ns])
    (count,) = db.execute("SELECT count(*) FROM gone").fetchone() or (0,)
    for statement in _DELETES:
        db.execute(statement, [moment_ns] if "?" in statement else [])
    db.execute("DROP TABLE gone")
    return int(count)


def used_bytes(db: duckdb.DuckDBPyConnection) -> int:
    """What the data takes in the file, about.

    DuckDB frees the space of deleted rows when all 122,880 of their group are gone; until then their share is
    taken off here. The file itself may be larger: free blocks are used again.
    """
    blocks = db.execute("SELECT used_blocks * block_size FROM pragma_database_size()").fetchone()
    rows = db.execute("SELECT count(*) FROM observations").fetchone()
    held = db.execute(
        "SELECT coalesce(sum(count), 0) FROM pragma_storage_info('observations')"
        " WHERE column_name = 'start_ns' AND segment_type = 'BIGINT'"
    ).fetchone()
    (used,), (live,), (all_,) = blocks or (0,), rows or (0,), held or (0,)
    return int(used * live / all_) if all_ else 0


def moment_to_fit(db: duckdb.DuckDBPyConnection, limit_bytes: int) -> int | None:
    """Before which moment to forget so that the data fits, about; None when it does or nothing is left."""
    used = used_bytes(db)
    if used <= limit_bytes:
        return None
    share = min(1.0, max(0.05, 1 - 0.9 * limit_bytes / used))
    found = db.execute("SELECT quantile_disc(start_ns, ?) FROM observations", [share]).fetchone()
    return None if not found or found[0] is None else int(found[0]) + 1
