"""The outbox's file: how it is opened, what is in it, and what is given up when it grows too large."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from calango.errors import HomeError

_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of arrival
    target TEXT NOT NULL,                  -- destination it was meant for
    kind TEXT NOT NULL,                    -- spans | score | withdrawal
    key TEXT NOT NULL,                     -- trace id, or score id
    body BLOB NOT NULL,
    created_ns INTEGER NOT NULL,
    due_ns INTEGER NOT NULL,               -- not to be tried before
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting', -- waiting | parked | held (left out by sampling, until there is a reason)
    reason TEXT                            -- why it is parked
);
CREATE INDEX IF NOT EXISTS items_by_target ON items (target, state, due_ns);
CREATE INDEX IF NOT EXISTS items_by_key ON items (target, key);
CREATE TABLE IF NOT EXISTS votes (
    target TEXT NOT NULL, score_id TEXT NOT NULL, trace_id TEXT NOT NULL, name TEXT NOT NULL,
    value REAL, comment TEXT, timestamp_ns INTEGER NOT NULL, withdrawn INTEGER NOT NULL,
    PRIMARY KEY (target, score_id)
);
CREATE INDEX IF NOT EXISTS votes_by_trace ON votes (target, trace_id);
CREATE TABLE IF NOT EXISTS traces (target TEXT NOT NULL, trace_id TEXT NOT NULL, seen_ns INTEGER NOT NULL,
    released INTEGER NOT NULL DEFAULT 0,  -- 1: there is a reason to send it although sampling left it out
    PRIMARY KEY (target, trace_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS traces_by_age ON traces (seen_ns);
CREATE TABLE IF NOT EXISTS leases (target TEXT PRIMARY KEY, owner TEXT NOT NULL, until_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS notes (target TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (target, name));
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open or create the file (0600). HomeError when it can't be used; a damaged file is left as it is."""
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # what is acknowledged survives a power cut
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            db.close()
            raise HomeError(f"{path.name} was written by a newer Calango.", "Upgrade Calango, or set CALANGO_HOME.")
        db.executescript(_TABLES)
        db.execute(f"PRAGMA user_version = {_VERSION}")
    return db


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Turn what SQLite and the file system say into a HomeError that tells what to do."""
    try:
        yield
    except OSError as error:
        raise HomeError(
            f"{path.parent} can't be written: {error.strerror}.", "Check its permissions, or set CALANGO_HOME."
        ) from error
    except sqlite3.DatabaseError as error:
        if "full" in str(error):
            raise HomeError(
                f"The disk that holds {path.parent} is full.", "Free some space; nothing was lost."
            ) from error
        hint = "Move the file away to start with an empty outbox; it is left as it is."
        raise HomeError(f"The outbox {path.name} can't be used: {error}.", hint) from error


def vote_state(withdrawn: int, item_state: str | None) -> Literal["pending", "sent", "refused", "withdrawn"]:
    if item_state == "parked":
        return "refused"
    if item_state == "waiting":
        return "pending"
    return "withdrawn" if withdrawn else "sent"


def trim(db: sqlite3.Connection, target: str, max_bytes: int, older_than_ns: int) -> int:
    """Delete the oldest traces (all rows of a trace together) beyond the bounds; how many traces went."""
    total = db.execute("SELECT COALESCE(SUM(LENGTH(body)), 0) FROM items WHERE target = ?", (target,)).fetchone()[0]
    traces = db.execute(
        "SELECT key, SUM(LENGTH(body)), MIN(created_ns) FROM items WHERE target = ? AND kind = 'spans'"
        " GROUP BY key ORDER BY MIN(id)",
        (target,),
    )
    gone: list[str] = []
    for trace_id, size, created_ns in traces:
        if total <= max_bytes and created_ns >= older_than_ns:
            break
        gone.append(trace_id)
        total -= size
    db.executemany(
        "DELETE FROM items WHERE target = ? AND key = ? AND kind = 'spans'", [(target, trace_id) for trace_id in gone]
    )
    if gone:
        db.execute(
            "INSERT INTO notes VALUES (?, 'dropped', ?) ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + ?",
            (target, str(len(gone)), len(gone)),
        )
    return len(gone)
