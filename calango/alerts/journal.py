# ruff: noqa: S608 - names of columns come from this package; values are always parameters
"""Incidents, mutes and messages in the store. A message is written down with what it tells of, and sent afterwards."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import astuple, dataclass, fields
from typing import Any
from uuid import uuid4

import duckdb

from calango.alerts.incidents import Incident, News

_INCIDENT = tuple(field.name for field in fields(Incident))
RETRY_S = (30, 120, 600, 3600, 3600 * 6)  # waits before the next attempts; after the last it is given up
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """An incident with its id."""

    id: str
    incident: Incident


@dataclass(frozen=True, slots=True)
class Message:
    """`error` says why it was not delivered yet; `due_ns` when it is tried (again), `sent_ns` when it went."""

    id: str
    incident_id: str
    news: News
    target: str
    title: str
    body: str
    created_ns: int
    due_ns: int
    attempts: int
    sent_ns: int | None
    error: str | None

    @property
    def is_given_up(self) -> bool:
        return self.sent_ns is None and self.attempts > len(RETRY_S)


_MESSAGE = tuple(field.name for field in fields(Message))


def incidents(db: duckdb.DuckDBPyConnection, project_id: str, *, limit: int = 200) -> list[Kept]:
    """Open ones first, then the latest."""
    sql = f"""
        SELECT id, {", ".join(_INCIDENT)} FROM alert_incidents WHERE project_id = ?
        ORDER BY closed_ns IS NOT NULL, opened_ns DESC, id LIMIT ?
    """
    return [Kept(row[0], Incident(*row[1:])) for row in db.execute(sql, [project_id, limit]).fetchall()]


def incidents_of(db: duckdb.DuckDBPyConnection, project_id: str, ids: Collection[str]) -> dict[str, Incident]:
    """By id."""
    sql = f"SELECT id, {', '.join(_INCIDENT)} FROM alert_incidents WHERE project_id = ? AND list_contains(?, id)"
    return {row[0]: Incident(*row[1:]) for row in db.execute(sql, [project_id, list(ids)]).fetchall()}


def unsettled(db: duckdb.DuckDBPyConnection, project_id: str) -> dict[str, Kept]:
    """By rule: what is open, or over with something left to tell."""
    sql = f"""
        SELECT id, {", ".join(_INCIDENT)} FROM alert_incidents
        WHERE project_id = ? AND (closed_ns IS NULL OR (told_ns IS NOT NULL AND recovery_told_ns IS NULL))
    """
    found = [Kept(row[0], Incident(*row[1:])) for row in db.execute(sql, [project_id]).fetchall()]
    return {kept.incident.rule: kept for kept in found}


def put(db: duckdb.DuckDBPyConnection, project_id: str, kept: Kept) -> None:
    db.execute("DELETE FROM alert_incidents WHERE project_id = ? AND id = ?", [project_id, kept.id])
    marks = ", ".join("?" * (len(_INCIDENT) + 2))
    db.execute(
        f"INSERT INTO alert_incidents (project_id, id, {', '.join(_INCIDENT)}) VALUES ({marks})",
        [project_id, kept.id, *astuple(kept.incident)],
    )


def acknowledge(db: duckdb.DuckDBPyConnection, project_id: str, incident_id: str, now_ns: int) -> bool:
    """No reminders from now on. False when there is no such open incident."""
    row = db.execute(
        "UPDATE alert_incidents SET acknowledged_ns = coalesce(acknowledged_ns, ?)"
        " WHERE project_id = ? AND id = ? AND closed_ns IS NULL",
        [now_ns, project_id, incident_id],
    ).fetchone()
    return bool(row and row[0])


def mutes(db: duckdb.DuckDBPyConnection, project_id: str, now_ns: int) -> dict[str, int]:
    """Rule -> until when it is silent (ns)."""
    sql = "SELECT rule, max(until_ns) FROM alert_mutes WHERE project_id = ? AND until_ns > ? GROUP BY 1 ORDER BY 1"
    return {str(rule): int(until) for rule, until in db.execute(sql, [project_id, now_ns]).fetchall()}


def mute(db: duckdb.DuckDBPyConnection, project_id: str, rule: str, until_ns: int) -> None:
    """Silent until then; 0 ends a mute."""
    db.execute("DELETE FROM alert_mutes WHERE project_id = ? AND rule = ?", [project_id, rule])
    if until_ns:
        db.execute("INSERT INTO alert_mutes VALUES (?, ?, ?)", [project_id, rule, until_ns])


def write_message(
    db: duckdb.DuckDBPyConnection, project_id: str, incident_id: str, news: News, target: str, title: str, body: str,
    now_ns: int,
) -> None:  # fmt: skip
    message = Message(uuid4().hex, incident_id, news, target, title, body, now_ns, now_ns, 0, None, None)
    marks = ", ".join("?" * (len(_MESSAGE) + 1))
    db.execute(
        f"INSERT INTO alert_messages (project_id, {', '.join(_MESSAGE)}) VALUES ({marks})",
        [project_id, *astuple(message)],
    )


def due(db: duckdb.DuckDBPyConnection, project_id: str, now_ns: int) -> list[Message]:
    """Messages that are to be sent now, the oldest first."""
    return _messages(db, "project_id = ? AND sent_ns IS NULL AND due_ns <= ? AND attempts <= ?",
                     [project_id, now_ns, len(RETRY_S)], "created_ns, id")  # fmt: skip


def messages(db: duckdb.DuckDBPyConnection, project_id: str, *, limit: int = 200) -> list[Message]:
    """The latest first."""
    return _messages(db, "project_id = ?", [project_id], f"created_ns DESC, id LIMIT {int(limit)}")


def _messages(db: duckdb.DuckDBPyConnection, where: str, values: list[Any], order: str) -> list[Message]:
    sql = f"SELECT {', '.join(_MESSAGE)} FROM alert_messages WHERE {where} ORDER BY {order}"
    return [Message(*row) for row in db.execute(sql, values).fetchall()]


def settle(db: duckdb.DuckDBPyConnection, project_id: str, message: Message, error: str | None, now_ns: int) -> None:
    """Note that a message went, or why not and when it is tried again."""
    if error is None:
        change, values = "sent_ns = ?, error = NULL", [now_ns]
    else:
        wait = RETRY_S[min(message.attempts, len(RETRY_S) - 1)]
        change, values = "due_ns = ?, error = ?", [now_ns + wait * _SECOND, error]
    db.execute(
        f"UPDATE alert_messages SET attempts = attempts + 1, {change} WHERE project_id = ? AND id = ?",
        [*values, project_id, message.id],
    )
