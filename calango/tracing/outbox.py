"""The durable queue between this machine and Langfuse: spans and votes wait here until they are delivered.

One SQLite file in CALANGO_HOME, shared by every process. Whoever holds the lease delivers; a row is deleted only
after the backend has said yes to it, and a changed vote is a new row, so that it is sent even if the old one just was.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from calango.tracing import outbox_schema

Kind = Literal["spans", "score", "withdrawal"]
LEASE_S = 10.0
_RECENT_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Item:
    """A row. `body` is a gzipped ExportTraceServiceRequest (spans) or JSON (score); a withdrawal has none."""

    id: int
    kind: Kind
    key: str
    body: bytes
    created_ns: int
    attempts: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Depth:
    """What waits for one destination."""

    spans: int
    votes: int
    parked: int
    bytes: int
    oldest_ns: int | None
    dropped: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Vote:
    """A person's vote as last given here, whether it has arrived or not."""

    score_id: str
    trace_id: str
    name: str
    value: float | None
    comment: str | None
    state: Literal["pending", "sent", "refused", "withdrawn"]
    reason: str | None
    timestamp_ns: int


class Outbox:
    """Thread-safe; a connection per thread would not help, because SQLite writes one at a time anyway."""

    def __init__(self, home: Path, target: str) -> None:
        self.path = home / "outbox.sqlite"
        self._target = target
        self._lock = threading.RLock()
        self._db = outbox_schema.connect(self.path)
        self._owner = f"{os.getpid()}-{id(self)}-{time.time_ns()}"

    def close(self) -> None:
        self.give_up_lease()
        with self._lock:
            self._db.close()

    # what comes in

    def put_spans(self, batches: Iterable[tuple[str, bytes]], held: Collection[str] = ()) -> None:
        """`batches`: (trace id, gzipped request) pairs; all on disk when this returns, or none.

        Traces in `held` wait for a reason to be sent (see `release`); without one they are deleted after a day.
        """
        now = time.time_ns()
        rows = [
            (self._target, "spans", trace_id, body, now, now, "held" if trace_id in held else "waiting")
            for trace_id, body in batches
        ]
        with self._write() as db:
            db.executemany(
                "INSERT INTO items (target, kind, key, body, created_ns, due_ns, state) VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            db.executemany(
                "INSERT INTO traces (target, trace_id, seen_ns) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET seen_ns = excluded.seen_ns",
                [(self._target, row[2], now) for row in rows],
            )
            db.execute("DELETE FROM traces WHERE seen_ns < ?", (now - _RECENT_S * 10**9,))
            db.execute("DELETE FROM items WHERE state = 'held' AND created_ns < ?", (now - _RECENT_S * 10**9,))

    def release(self, trace_ids: Iterable[str]) -> None:
        """There is a reason to keep these traces whole: send what is held of them, and what still comes."""
        now = time.time_ns()
        with self._write() as db:
            for trace_id in trace_ids:
                self._release(db, trace_id, now)

    def is_released(self, trace_id: str) -> bool:
        query = "SELECT 1 FROM traces WHERE target = ? AND trace_id = ? AND released = 1"
        return bool(self._read(query, (self._target, trace_id)))

    def put_vote(self, vote: Vote, body: bytes | None) -> None:
        """Replace what waits of this vote. `body` None withdraws it."""
        kind: Kind = "withdrawal" if body is None else "score"
        now = time.time_ns()
        with self._write() as db:
            db.execute(
                "DELETE FROM items WHERE target = ? AND key = ? AND kind != 'spans'", (self._target, vote.score_id)
            )
            db.execute(
                "INSERT INTO items (target, kind, key, body, created_ns, due_ns) VALUES (?, ?, ?, ?, ?, ?)",
                (self._target, kind, vote.score_id, body or b"", now, now),
            )
            db.execute(
                "INSERT OR REPLACE INTO votes (target, score_id, trace_id, name, value, comment, timestamp_ns,"
                " withdrawn) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._target, vote.score_id, vote.trace_id, vote.name, vote.value, vote.comment,
                    vote.timestamp_ns, body is None,
                ),
            )  # fmt: skip
            self._release(db, vote.trace_id, now)

    # what people ask

    def votes(self, trace_ids: Sequence[str]) -> list[Vote]:
        """The votes given on this machine for these traces; state `sent` once nothing of them waits."""
        marks = ",".join("?" * len(trace_ids))
        rows = self._read(
            "SELECT v.score_id, v.trace_id, v.name, v.value, v.comment, v.timestamp_ns, v.withdrawn, i.state, i.reason"
            " FROM votes v LEFT JOIN items i ON i.target = v.target AND i.key = v.score_id AND i.kind != 'spans'"
            f" WHERE v.target = ? AND v.trace_id IN ({marks})",
            (self._target, *trace_ids),
        )
        return [
            Vote(score, trace, name, value, comment, outbox_schema.vote_state(gone, state), reason, at)
            for score, trace, name, value, comment, at, gone, state, reason in rows
        ]

    def knows_trace(self, trace_id: str) -> bool:
        """Whether spans of this trace passed through here in the last day."""
        query = "SELECT 1 FROM traces WHERE target = ? AND trace_id = ?"
        return bool(self._read(query, (self._target, trace_id)))

    def depth(self) -> Depth:
        counts = self._read(
            "SELECT COALESCE(SUM(kind = 'spans' AND state = 'waiting'), 0),"
            " COALESCE(SUM(kind != 'spans' AND state = 'waiting'), 0), COALESCE(SUM(state = 'parked'), 0),"
            " COALESCE(SUM(LENGTH(body)), 0), MIN(created_ns) FROM items WHERE target = ? AND state != 'held'",
            (self._target,),
        )[0]
        notes = dict(self._read("SELECT name, value FROM notes WHERE target = ?", (self._target,)))
        spans, votes, parked, size, oldest = counts
        return Depth(spans, votes, parked, size, oldest, int(notes.get("dropped", 0)), notes.get("last_error") or None)

    def items(self, limit: int = 1000) -> list[Item]:
        """What waits or is parked, oldest first."""
        return self._items("target = ? AND state != 'held'", (self._target,), limit)

    def parked(self, limit: int = 1000) -> list[Item]:
        return self._items("target = ? AND state = 'parked'", (self._target,), limit)

    # what goes out

    def take_lease(self) -> bool:
        """True when this object may deliver for the next LEASE_S seconds."""
        now = time.time_ns()
        with self._write() as db:
            taken = db.execute(
                "INSERT INTO leases (target, owner, until_ns) VALUES (?, ?, ?) ON CONFLICT (target) DO UPDATE"
                " SET owner = excluded.owner, until_ns = excluded.until_ns"
                " WHERE leases.until_ns < ? OR leases.owner = excluded.owner",
                (self._target, self._owner, now + int(LEASE_S * 1e9), now),
            )
            return taken.rowcount == 1

    def give_up_lease(self) -> None:
        with self._write() as db:
            db.execute("DELETE FROM leases WHERE target = ? AND owner = ?", (self._target, self._owner))

    def has_due(self) -> bool:
        query = "SELECT 1 FROM items WHERE target = ? AND state = 'waiting' AND due_ns <= ? LIMIT 1"
        return bool(self._read(query, (self._target, time.time_ns())))

    def is_empty(self) -> bool:
        return not self._read("SELECT 1 FROM items WHERE target = ? AND state = 'waiting' LIMIT 1", (self._target,))

    def due(self, limit: int = 200, max_bytes: int = 4_000_000) -> list[Item]:
        """The oldest that are due, spans before votes of the same age, up to about `max_bytes`."""
        where = "target = ? AND state = 'waiting' AND due_ns <= ?"
        taken: list[Item] = []
        size = 0
        for item in self._items(where, (self._target, time.time_ns()), limit):
            if taken and size + len(item.body) > max_bytes:
                break
            taken.append(item)
            size += len(item.body)
        return taken

    def delivered(self, items: Iterable[Item]) -> None:
        self._each("DELETE FROM items WHERE id = ?", items)
        self._note("last_error", "")

    def postpone(self, items: Iterable[Item], delay_s: float, reason: str) -> None:
        due = time.time_ns() + int(delay_s * 1e9)
        query = "UPDATE items SET attempts = attempts + 1, due_ns = ? WHERE id = ?"
        with self._write() as db:
            db.executemany(query, [(due, item.id) for item in items])
        self._note("last_error", reason)

    def park(self, items: Iterable[Item], reason: str) -> None:
        query = "UPDATE items SET state = 'parked', reason = ? WHERE id = ?"
        with self._write() as db:
            db.executemany(query, [(reason, item.id) for item in items])
        self._note("last_error", reason)

    def retry(self) -> int:
        """Make everything of this destination due now, parked items too; how many there are."""
        with self._write() as db:
            query = "UPDATE items SET state = 'waiting', reason = NULL, due_ns = 0 WHERE target = ? AND state != 'held'"
            return db.execute(query, (self._target,)).rowcount

    def drop(self, *, parked_only: bool = True) -> int:
        with self._write() as db:
            where = " AND state = 'parked'" if parked_only else " AND state != 'held'"
            return db.execute(f"DELETE FROM items WHERE target = ?{where}", (self._target,)).rowcount

    def trim(self, max_bytes: int, max_age_s: float) -> int:
        """Give up the oldest spans beyond the bounds, whole traces at a time; votes stay. Counted in `depth()`."""
        with self._write() as db:
            return outbox_schema.trim(db, self._target, max_bytes, time.time_ns() - int(max_age_s * 1e9))

    # plumbing

    def _items(self, where: str, values: tuple[object, ...], limit: int) -> list[Item]:
        query = f"SELECT id, kind, key, body, created_ns, attempts, reason FROM items WHERE {where} ORDER BY id LIMIT ?"
        return [Item(*row) for row in self._read(query, (*values, limit))]

    def _release(self, db: sqlite3.Connection, trace_id: str, now: int) -> None:
        db.execute(
            "INSERT INTO traces (target, trace_id, seen_ns, released) VALUES (?, ?, ?, 1)"
            " ON CONFLICT DO UPDATE SET released = 1, seen_ns = excluded.seen_ns",
            (self._target, trace_id, now),
        )
        db.execute(
            "UPDATE items SET state = 'waiting', due_ns = ? WHERE target = ? AND key = ? AND state = 'held'",
            (now, self._target, trace_id),
        )

    def _each(self, query: str, items: Iterable[Item]) -> None:
        with self._write() as db:
            db.executemany(query, [(item.id,) for item in items])

    def _note(self, name: str, value: str) -> None:
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (self._target, name, value))

    def _read(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock, outbox_schema.explained(self.path):
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _write(self) -> Generator[sqlite3.Connection]:
        with self._lock, outbox_schema.explained(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
