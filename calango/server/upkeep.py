"""What the server does by itself: lets go of old traces; when nobody asks, adds up new ones and gives memory back."""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

from calango.server.http import Context
from calango.server.routes.archive import COPIES
from calango.store import Store, retention
from calango.store.turns import refresh_some

log = logging.getLogger(__name__)
logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a job that is skipped is due again soon
DAY_NS = 86_400_000_000_000
QUIET_S = 20.0
SOON_QUIET_S = 5.0
TICK_S = 2.0
SOON_S = 15.0  # after the start alerts are checked for the first time
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
    """Jobs beside the requests, from `start` to `stop`. A job that fails is logged and runs again when it is due."""

    def __init__(
        self, context: Context, keeping: Keeping, *, alerts_every_s: float = 600.0, sync_every_s: float = 0.0,
        quiet_s: float = QUIET_S,
    ) -> None:  # fmt: skip
        self._context = context
        self._keeping = keeping
        self._watch = context.watch
        self._alerts_every_s = alerts_every_s
        self._sync_every_s = sync_every_s
        self._quiet_s = quiet_s
        self._rested_at = 0.0
        self._jobs: Any = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def start(self) -> None:
        now = datetime.now(UTC)
        self._jobs.add_job(self._forget, "interval", hours=1, next_run_time=now)
        for job in (self._add_up, self._rest):
            self._jobs.add_job(job, "interval", seconds=min(TICK_S, self._quiet_s))
        if self._watch is not None and self._alerts_every_s > 0:
            soon = now + timedelta(seconds=min(SOON_S, self._alerts_every_s))
            self._jobs.add_job(self._check, "interval", seconds=self._alerts_every_s, next_run_time=soon)
        if self._context.syncing is not None:
            self._jobs.add_job(self._context.syncing.run, "interval", seconds=self._sync_every_s, next_run_time=now)
        self._jobs.start()

    def stop(self) -> None:
        """Returns when no job runs any more."""
        if self._context.syncing is not None:
            self._context.syncing.stop()
        if self._jobs.running:
            self._jobs.shutdown(wait=True)

    def _forget(self) -> None:
        if gone := forget_old(self._context.store, self._keeping, time.time_ns()):
            log.info("let go of %d old traces", gone)

    def _check(self) -> None:
        if self._watch is not None:
            self._watch.check(datetime.now(self._watch.zone))

    def _add_up(self) -> None:
        """So that the next question finds its turns added up. Stops when a request comes."""
        context = self._context
        while context.active == 0 and time.monotonic() - context.last_request >= min(SOON_QUIET_S, self._quiet_s):
            if not context.store.write(refresh_some).result():
                return

    def _rest(self) -> None:
        """Once after each busy time."""
        context, now = self._context, time.monotonic()
        was_busy = context.last_request > self._rested_at
        if was_busy and context.active == 0 and now - context.last_request >= self._quiet_s:
            self._rested_at = now
            context.store.rest()
