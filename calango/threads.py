"""LangGraph threads on disk: the checkpointer (SQLite, or Postgres), and what it knows about conversations.

The queries read the tables of langgraph-checkpoint-sqlite / -postgres directly, because listing conversations through
the checkpointer would load every state of every turn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from langgraph.checkpoint.base import BaseCheckpointSaver

from calango.errors import ConfigError, HomeError
from calango.records import Session
from calango.settings import Settings

QUESTION = "calango_question"  # checkpoint metadata: what the person asked in the turn, shortened
USER = "calango_user"
_UUID_EPOCH_100NS = 0x01B21DD213814000  # 1582-10-15, where UUID times start (RFC 9562)

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


class Threads(Protocol):
    """Used on one event loop only."""

    saver: BaseCheckpointSaver[Any]

    async def sessions(self, user_id: str, limit: int) -> list[Session]: ...

    async def is_waiting(self, session_id: str) -> bool:
        """Whether the thread's latest state waits for a person's answer."""
        ...

    async def close(self) -> None: ...


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


def open_threads(settings: Settings) -> Callable[[], Any]:
    """A function that opens the threads when awaited on the loop that will use them."""
    if settings.threads_url is None:
        return lambda: SqliteThreads.open(settings.home / "threads.sqlite")
    try:
        from calango.threads_postgres import PostgresThreads  # noqa: PLC0415 - needs the extra
    except ImportError as error:
        raise ConfigError(
            "CALANGO_THREADS_URL needs the Postgres packages.", 'Run `pip install "calango[postgres]"`.'
        ) from error
    url = settings.threads_url.get_secret_value()
    return lambda: PostgresThreads.open(url)


def _sessions(rows: Sequence[Sequence[Any]], user_id: str) -> list[Session]:
    return [
        Session(thread_id, user_id, title_of(metadata), turns, checkpoint_time_ns(last_id))
        for thread_id, last_id, turns, metadata in rows
    ]


def title_of(metadata: str | bytes) -> str:
    return str(json.loads(metadata).get(QUESTION) or "…")


def checkpoint_time_ns(checkpoint_id: str) -> int:
    """When a checkpoint was written: its id is a version 6 UUID (RFC 9562, 5.6), which carries the time."""
    digits = checkpoint_id.replace("-", "")
    ticks = (int(digits[:12], 16) << 12) | int(digits[13:16], 16)
    return (ticks - _UUID_EPOCH_100NS) * 100
