# ruff: noqa: S608 - names of tables and columns come from this package; values are always parameters
"""Writes, as functions of the writer's connection: pass them to `Store.write`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from calango.store import query
from calango.store.bulk import insert_observations, insert_scores, insert_traces
from calango.store.rows import ObservationRow, ScoreRow, TraceRow

DAY_NS = 86_400_000_000_000


def put_scores(db: duckdb.DuckDBPyConnection, rows: Sequence[ScoreRow]) -> None:
    """Store scores; one replaces another when id, name and UTC date agree (facts of Langfuse's score table).

    A score that is sent again with an earlier date changes the later one. The first timestamp stays, and
    so does what the new one leaves out.
    """
    for project_id in {row.project_id for row in rows}:
        mine = [row for row in rows if row.project_id == project_id]
        where = query.of_project(project_id).among("id", [row.id for row in mine])
        current = {(row.id, row.name, row.timestamp_ns // DAY_NS): row for row in query.scores(db, where)}
        changed: dict[tuple[str, str, int], ScoreRow] = {}
        for row in mine:
            day = row.timestamp_ns // DAY_NS
            same = [key for key in current if key[:2] == (row.id, row.name) and key[2] >= day]
            key = min(same, default=(row.id, row.name, day), key=lambda key: key[2])
            merged = _merged_score(current[key], row) if key in current else row
            current[key] = changed[key] = merged
        insert_scores(db, list(changed.values()))


def _merged_score(old: ScoreRow, new: ScoreRow) -> ScoreRow:
    kept = {
        name: getattr(old, name)
        for name in ScoreRow.COLUMNS
        if getattr(new, name) is None and name not in {"value", "string_value"}
    }
    return replace(new, **kept, timestamp_ns=old.timestamp_ns, created_ns=old.created_ns, writes=old.writes + 1)


def delete_score(db: duckdb.DuckDBPyConnection, project_id: str, score_id: str) -> None:
    db.execute("DELETE FROM scores WHERE project_id = ? AND id = ?", [project_id, score_id])


def delete_traces(db: duckdb.DuckDBPyConnection, project_id: str, ids: Collection[str]) -> None:
    """Remove traces with their observations and scores."""
    db.execute("INSERT INTO touched SELECT ?, unnest(?)", [project_id, list(ids)])
    for table, column in (("observations", "trace_id"), ("traces", "id"), ("scores", "trace_id")):
        db.execute(
            f"DELETE FROM {table} WHERE project_id = ? AND {column} IN (SELECT unnest(?))",
            [project_id, list(ids)],
        )


@dataclass(frozen=True, slots=True)
class Patch:
    """What an event of the legacy ingestion says of one trace or observation. Only `values` are changed.

    `at_ns` is when it happened, which is the start of something that names no other; `now_ns` when it came.
    """

    project_id: str
    id: str
    values: dict[str, Any]
    at_ns: int
    now_ns: int


def patch_observations(
    db: duckdb.DuckDBPyConnection,
    patches: Sequence[Patch],
    finish: Callable[[ObservationRow], None] = lambda _row: None,
) -> None:
    """Create observations or change some of their fields; `finish` may complete each changed row (its cost)."""
    current: dict[tuple[str, str], ObservationRow] = {}
    for project_id in {patch.project_id for patch in patches}:
        ids = [patch.id for patch in patches if patch.project_id == project_id]
        where = query.of_project(project_id).among("id", ids)
        current |= {(project_id, row.id): row for row in query.observations(db, where)}
    for patch in patches:
        key: tuple[str, str] = (patch.project_id, patch.id)
        values: dict[str, Any] = patch.values | {"updated_ns": patch.now_ns}
        if key in current:
            current[key] = replace(current[key], **values)
        else:  # an update may come before its creation; what names no trace is its own
            values = {"start_ns": patch.at_ns, "trace_id": patch.id, "created_ns": patch.now_ns} | values
            current[key] = ObservationRow(project_id=patch.project_id, id=patch.id, **values)
    for row in current.values():
        finish(row)
    insert_observations(db, list(current.values()))


def patch_traces(db: duckdb.DuckDBPyConnection, patches: Sequence[Patch]) -> None:
    """Create what is said of traces by themselves, or change some of it."""
    current: dict[tuple[str, str], TraceRow] = {}
    for project_id in {patch.project_id for patch in patches}:
        ids = [patch.id for patch in patches if patch.project_id == project_id]
        current |= {(project_id, id_): row for id_, row in query.traces_said(db, project_id, ids).items()}
    for patch in patches:
        key: tuple[str, str] = (patch.project_id, patch.id)
        values: dict[str, Any] = patch.values | {"updated_ns": patch.now_ns}
        if key in current:
            if "tags" in values:  # as in Langfuse, tags are added and never taken away
                values["tags"] = sorted({*values["tags"], *(current[key].tags or ())})
            current[key] = replace(current[key], **values)
        else:
            values = {"timestamp_ns": patch.at_ns, "created_ns": patch.now_ns} | values
            current[key] = TraceRow(project_id=patch.project_id, id=patch.id, **values)
    insert_traces(db, list(current.values()))
