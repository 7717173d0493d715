"""What the server does by itself: lets go of old traces, and of memory when nobody asks."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from calango.server.http import Context
from calango.server.routes.archive import COPIES
from calango.store import Store, retention

log = logging.getLogger(__name__)
DAY_NS = 86_400_000_000_000
ROUNDS = 20  # how often data is let go of at once until the rest fits


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long traces are kept; 0 means for ever, and as many as there are."""

    days: float = 0
    megabytes: float = 0


def forget_old(store: Store, keeping: Keeping, now_ns: int) -> int:
    """Delete the traces that need not be kept; how many went. Blocks while it does."""
    gone = 0
    if keeping.days > 0:
        gone += _forget_before(store, now_ns - int(keeping.days * DAY_NS))
    for _ in range(ROUNDS if keeping.megabytes > 0 else 0):
        with store.read() as db:
            moment_ns = retention.moment_to_fit(db, int(keeping.megabytes * 1_000_000))
        if moment_ns is None:
            break
        gone += _forget_before(store, moment_ns)
    return gone


def _forget_before(store: Store, moment_ns: int) -> int:
    return store.write(lambda db: retention.forget_before(db, moment_ns), fold=True).result()


def clear_copies(home: Path) -> None:
    """Remove what was left of copies that a killed server was making."""
    for folder in home.glob(f"{COPIES}*"):
        shutil.rmtree(folder, ignore_errors=True)


class Upkeep:
    """Runs inside the server's loop, until it is cancelled."""

    def __init__(
        self, context: Context, keeping: Keeping, *, every_s: float = 3600.0, quiet_s: float = 20.0, tick_s: float = 5.0
    ) -> None:
        self._context = context
        self._keeping = keeping
        self._every_s = every_s
        self._quiet_s = quiet_s
        self._tick_s = tick_s
        self._rested_at = 0.0

    async def run(self) -> None:
        due = time.monotonic()
        while True:
            if time.monotonic() >= due:
                await asyncio.to_thread(self._guarded, self._forget)
                due = time.monotonic() + self._every_s
            self._guarded(self._rest)
            await asyncio.sleep(self._tick_s)

    def _forget(self) -> None:
        if gone := forget_old(self._context.store, self._keeping, time.time_ns()):
            log.info("let go of %d old traces", gone)

    def _rest(self) -> None:
        """Once after each busy time."""
        context, now = self._context, time.monotonic()
        was_busy = context.last_request > self._rested_at
        if was_busy and context.active == 0 and now - context.last_request >= self._quiet_s:
            self._rested_at = now
            context.store.rest()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("upkeep failed; it is tried again")
