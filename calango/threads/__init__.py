"""LangGraph threads on disk: the checkpointer (SQLite, or Postgres), and what it knows about conversations.

The queries read the tables of langgraph-checkpoint-sqlite and -postgres directly, because listing conversations through
the checkpointer would load every state of every turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from langgraph.checkpoint.base import BaseCheckpointSaver

from calango.errors import ConfigError
from calango.records import Session
from calango.settings import Settings
from calango.threads.facts import QUESTION, USER
from calango.threads.sqlite import SqliteThreads

__all__ = ["QUESTION", "USER", "SqliteThreads", "Threads", "open_threads"]


class Threads(Protocol):
    """Used on one event loop only."""

    saver: BaseCheckpointSaver[Any]

    async def sessions(self, user_id: str, limit: int) -> list[Session]: ...

    async def is_waiting(self, session_id: str) -> bool:
        """Whether the thread's latest state waits for a person's answer."""
        ...

    async def close(self) -> None: ...


def open_threads(settings: Settings) -> Callable[[], Any]:
    """A function that opens the threads when awaited on the loop that will use them."""
    if settings.threads_url is None:
        return lambda: SqliteThreads.open(settings.home / "threads.sqlite")
    try:
        from calango.threads.postgres import PostgresThreads  # noqa: PLC0415 - needs the extra
    except ImportError as error:
        raise ConfigError(
            "CALANGO_THREADS_URL needs the Postgres packages.", 'Run `pip install "calango[postgres]"`.'
        ) from error
    url = settings.threads_url.get_secret_value()
    return lambda: PostgresThreads.open(url)
