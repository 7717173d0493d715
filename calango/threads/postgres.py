"""Threads in Postgres, through langgraph-checkpoint-postgres (extra `postgres`)."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from calango.errors import HomeError
from calango.records import Session
from calango.threads.facts import checkpoint_time_ns, title_of

_SESSIONS = """
WITH turns AS (
  SELECT thread_id, MIN(checkpoint_id) AS first_id, MAX(checkpoint_id) AS last_id, COUNT(*) AS turns FROM checkpoints
  WHERE checkpoint_ns = '' AND metadata ->> 'calango_user' = %s AND metadata ->> 'source' = 'input'
  GROUP BY thread_id ORDER BY last_id DESC LIMIT %s)
SELECT t.thread_id, t.last_id, t.turns, c.metadata FROM turns t
JOIN checkpoints c ON c.thread_id = t.thread_id AND c.checkpoint_ns = '' AND c.checkpoint_id = t.first_id
ORDER BY t.last_id DESC
"""
_INTERRUPT = """
SELECT 1 FROM checkpoint_writes WHERE thread_id = %s AND checkpoint_ns = '' AND channel = '__interrupt__'
  AND checkpoint_id = (SELECT MAX(checkpoint_id) FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = '') LIMIT 1
"""


class PostgresThreads:
    def __init__(self, pool: AsyncConnectionPool[Any], saver: BaseCheckpointSaver[Any]) -> None:
        self._pool = pool
        self.saver = saver

    @classmethod
    async def open(cls, url: str) -> PostgresThreads:
        options: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            url, kwargs=options, min_size=1, max_size=8, open=False, timeout=10
        )
        try:
            await pool.open(wait=True, timeout=10)
            saver = AsyncPostgresSaver(pool)
            await saver.setup()
        except psycopg.Error as error:
            await pool.close()
            raise HomeError(
                f"The conversations' Postgres can't be used ({type(error).__name__}).", "Check CALANGO_THREADS_URL."
            ) from error
        return cls(pool, saver)

    async def sessions(self, user_id: str, limit: int) -> list[Session]:
        rows = await self._rows(_SESSIONS, (user_id, limit))
        return [
            Session(
                row["thread_id"],
                user_id,
                title_of(json.dumps(row["metadata"])),
                row["turns"],
                checkpoint_time_ns(row["last_id"]),
            )
            for row in rows
        ]

    async def is_waiting(self, session_id: str) -> bool:
        return bool(await self._rows(_INTERRUPT, (session_id, session_id)))

    async def close(self) -> None:
        await self._pool.close()

    async def _rows(self, query: Any, values: tuple[Any, ...]) -> list[Any]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(query, values)).fetchall()
