"""Threads in one SQLite file, through langgraph-checkpoint-sqlite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from calango.errors import HomeError
from calango.records import Session
from calango.threads.facts import checkpoint_time_ns, title_of

# Newest conversations of a user: first question, number of turns, latest checkpoint.
_SQLITE_SESSIONS = """
WITH turns AS (
  SELECT thread_id, MIN(checkpoint_id) AS first_id, MAX(checkpoint_id) AS last_id, COUNT(*) AS turns FROM checkpoints
  WHERE checkpoint_ns = '' AND json_extract(CAST(metadata AS TEXT), '$.calango_user') = ?
    AND json_extract(CAST(metadata AS TEXT), '$.source') = 'input'
  GROUP BY thread_id ORDER BY last_id DESC LIMIT ?)
SELECT t.thread_id, t.last_id, t.turns, CAST(c.metadata AS TEXT) FROM turns t
JOIN checkpoints c ON c.thread_id = t.thread_id AND c.checkpoint_ns = '' AND c.checkpoint_id = t.first_id
ORDER BY t.last_id DESC
"""
_SQLITE_INDEX = """
CREATE INDEX IF NOT EXISTS calango_turns ON checkpoints (
  json_extract(CAST(metadata AS TEXT), '$.calango_user'), json_extract(CAST(metadata AS TEXT), '$.source'),
  checkpoint_ns, thread_id, checkpoint_id)
"""
_SQLITE_INTERRUPT = """
SELECT 1 FROM writes WHERE thread_id = ? AND checkpoint_ns = '' AND channel = '__interrupt__' AND checkpoint_id =
  (SELECT MAX(checkpoint_id) FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = '') LIMIT 1
"""


class SqliteThreads:
    def __init__(self, saver: Any) -> None:
        self.saver: BaseCheckpointSaver[Any] = saver
        self._db = saver.conn

    @classmethod
    async def open(cls, path: Path) -> SqliteThreads:
        import aiosqlite  # noqa: PLC0415 - only this backend needs it
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415

        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            db = await aiosqlite.connect(path, timeout=30)
            await db.execute("PRAGMA synchronous = NORMAL")
            saver = AsyncSqliteSaver(db)
            await saver.setup()
            await db.execute(_SQLITE_INDEX)
            await db.commit()
        except (OSError, aiosqlite.Error) as error:
            raise HomeError(
                f"The conversations in {path} can't be opened: {error}.",
                "Check permissions and free space, or set CALANGO_HOME; the file is left as it is.",
            ) from error
        return cls(saver)

    async def sessions(self, user_id: str, limit: int) -> list[Session]:
        async with self._db.execute(_SQLITE_SESSIONS, (user_id, limit)) as cursor:
            return _sessions(await cursor.fetchall(), user_id)

    async def is_waiting(self, session_id: str) -> bool:
        async with self._db.execute(_SQLITE_INTERRUPT, (session_id, session_id)) as cursor:
            return await cursor.fetchone() is not None

    async def close(self) -> None:
        await self._db.close()


def _sessions(rows: Sequence[Sequence[Any]], user_id: str) -> list[Session]:
    return [
        Session(thread_id, user_id, title_of(metadata), turns, checkpoint_time_ns(last_id))
        for thread_id, last_id, turns, metadata in rows
    ]
