"""The open database: one thread writes, everybody reads through a cursor of their own.

A write is a function of the connection. All that wait are run in one transaction and committed together;
each caller's future resolves after that commit. When the group fails, each is run again alone, so that a
bad write fails only its own caller.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import queue
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from calango.errors import HomeError, StoreError
from calango.store import migrations, turns
from calango.store.bulk import insert_observations
from calango.store.recovery import log_of, without_torn_end
from calango.store.rows import ObservationRow

log = logging.getLogger(__name__)
T = TypeVar("T")
Write = Callable[[duckdb.DuckDBPyConnection], T]

GROUP_ROWS = 20_000  # observations that one commit takes at most; bounds memory and the wait of those behind
_BROKEN = (duckdb.IOException, duckdb.SerializationException, duckdb.FatalException, duckdb.InternalException)
CHECKPOINT = "128MB"  # size of the write-ahead log at which DuckDB folds it into the file
MEMORY = "640MB"  # what DuckDB may use; a question that needs more spills to the disk
RESTING_MEMORY = "48MB"


class StoreLocked(StoreError):
    """Another process has the file open; it may be about to end."""


@dataclass(slots=True)
class _Job:
    """Either observations (which are inserted together with their neighbours') or any other write."""

    future: Future[Any]
    write: Write[Any] | None = None
    rows: Sequence[ObservationRow] = ()
    fold: bool = False  # fold the log into the file afterwards, which frees what was deleted


class Store:
    """Open with `Store.open(path)`; close once. Methods may be called from any thread."""

    def __init__(self, db: duckdb.DuckDBPyConnection, path: Path, schema: int) -> None:
        self.path = path
        self.schema = schema
        self._db = db
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._readers = 0
        self._thread = threading.Thread(target=self._run, name="calango-store-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path) -> Store:
        """Create or open the file and bring its schema up to date.

        Raises StoreLocked, StoreError (damaged, newer), HomeError (permission, disk full).
        """
        db = _recovered(path)
        try:
            db.execute(f"SET checkpoint_threshold = '{CHECKPOINT}'; SET memory_limit = '{MEMORY}'")
            db.execute("SET autoinstall_known_extensions = false; SET pandas_analyze_sample = 0")
            schema = migrations.migrate(db)
        except StoreError:
            db.close()
            raise
        except duckdb.Error as error:
            db.close()
            raise _explained(error, path) from error
        return cls(db, path, schema)

    def close(self) -> None:
        """Finish what is queued, fold the log into the file, close it."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._thread.join()
        with contextlib.suppress(duckdb.Error):  # the log holds everything; the next start replays it
            self._db.execute("CHECKPOINT")
        self._db.close()

    def write(self, write: Write[T], *, fold: bool = False) -> Future[T]:
        """Run `write` on the writer's connection; resolves after its commit. It must not commit by itself.

        `fold`: then also write the log into the file, so that the space of what was deleted can be used again.
        """
        future: Future[T] = Future()
        self._put(_Job(future, write=write, fold=fold))
        return future

    def insert(self, rows: Sequence[ObservationRow]) -> Future[int]:
        """Store observations, replacing those with the same project, trace and id."""
        future: Future[int] = Future()
        self._put(_Job(future, rows=rows))
        return future

    @contextlib.contextmanager
    def read(self) -> Generator[duckdb.DuckDBPyConnection]:
        """A cursor for one reader in one thread; it sees what is committed."""
        with self._lock:
            if self._closed:
                raise StoreError("The database is closed.", "The server is ending.")
            cursor = self._db.cursor()
            self._readers += 1
        try:
            yield cursor
        finally:
            cursor.close()
            with self._lock:
                self._readers -= 1

    def add_up(self) -> None:
        """Have every touched trace added up in `turns`. Blocks; others may write between two parts."""
        while self.write(turns.refresh_some).result():
            pass

    def rest(self) -> None:
        """Give back the memory that holds what was read before. For a time when nobody asks."""

        def shrink(db: duckdb.DuckDBPyConnection) -> None:
            with self._lock:
                if self._readers == 0:
                    db.execute(f"SET memory_limit = '{RESTING_MEMORY}'; SET memory_limit = '{MEMORY}'")
                    _trim()

        self.write(lambda _db: None, fold=True)  # what is in the log alone is in memory, too
        self.write(shrink)

    def _put(self, job: _Job) -> None:
        with self._lock:
            if self._closed:
                job.future.set_exception(StoreError("The database is closed.", "The server is ending."))
            else:
                self._jobs.put(job)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            group, ends = self._gather(job)
            self._commit(group)
            if ends:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        """`first` and all that wait behind it, up to GROUP_ROWS; True when the last one was the end."""
        group, rows = [first], len(first.rows)
        while rows < GROUP_ROWS:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
            if job is None:
                return group, True
            group.append(job)
            rows += len(job.rows)
        return group, False

    def _commit(self, group: list[_Job]) -> None:
        group = [job for job in group if job.future.set_running_or_notify_cancel()]
        try:
            results = self._transact(group)
        except Exception as error:  # noqa: BLE001 - whatever a write raises belongs to its caller, never to this thread
            if len(group) == 1:
                group[0].future.set_exception(_explained(error, self.path))
            else:
                for job in group:
                    self._commit_alone(job)
            return
        for job, result in zip(group, results, strict=True):
            job.future.set_result(result)

    def _commit_alone(self, job: _Job) -> None:
        try:
            (result,) = self._transact([job])
        except Exception as error:  # noqa: BLE001 - see _commit
            job.future.set_exception(_explained(error, self.path))
        else:
            job.future.set_result(result)

    def _transact(self, group: list[_Job]) -> list[Any]:
        """Run the group in order, neighbouring observations as one insert, and commit."""
        self._db.execute("BEGIN")
        try:
            results: list[Any] = []
            pending: list[ObservationRow] = []
            for job in group:
                if job.write is None:
                    pending.extend(job.rows)
                    results.append(len(job.rows))
                    continue
                insert_observations(self._db, pending)
                pending = []
                results.append(job.write(self._db))
            insert_observations(self._db, pending)
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a failed COMMIT has ended the transaction already
                self._db.execute("ROLLBACK")
            raise
        if any(job.fold for job in group):
            with contextlib.suppress(duckdb.Error):  # the log is folded another time
                self._db.execute("CHECKPOINT")
        return results


def _recovered(path: Path) -> duckdb.DuckDBPyConnection:
    """The open file; without the torn end of its log, if it has one."""
    unfinished = log_of(path)
    if not path.exists() and unfinished.exists():
        raise StoreError(
            f"The database {path.name} is gone, but its log {unfinished.name} is there.",
            "Put the file back, or `calango restore` a backup. Nothing was changed.",
        )
    if unfinished.exists() and unfinished.stat().st_size:
        log.warning("the last run did not end in order: replaying %d bytes of its log", unfinished.stat().st_size)
    try:
        return _connect(path)
    except StoreError as error:
        kept = without_torn_end(error.__cause__, path) if isinstance(error.__cause__, duckdb.Error) else None
        if kept is None:
            raise
        log.warning("the end of the log was torn, as by a loss of power; the whole log is kept as %s", kept.name)
        return _connect(path)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path), config={"autoload_known_extensions": False})
    except duckdb.Error as error:
        raise _explained(error, path) from error


def _trim() -> None:
    """Give free memory back to the system, where the C library keeps it (glibc)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _damaged(path: Path) -> StoreError:
    return StoreError(
        f"The database {path.name} or its log is damaged or can't be read.",
        f"`calango restore` a backup, or move {path.name} and {log_of(path).name} away to start with an empty one."
        " Nothing was overwritten.",
    )


def _explained(error: Exception, path: Path) -> Exception:
    """DuckDB's words as one of ours, when they are about the file and not about the data."""
    if not isinstance(error, duckdb.Error):
        return error
    text = str(error)
    if "lock on file" in text or "already open" in text:
        return StoreLocked(
            f"The database {path.name} is open in another process.", "End that process, or use another CALANGO_HOME."
        )
    if "No space left" in text or "Could not write" in text:
        return HomeError(f"{path.name} can't grow: the disk is full.", "Free some space; what was confirmed is kept.")
    if "Permission denied" in text or "read-only" in text.lower():
        return HomeError(f"No permission to write {path.name}.", "Check the owner of CALANGO_HOME.")
    if "newer version" in text or "storage version" in text.lower():
        return StoreError(
            f"The database {path.name} was written by a newer DuckDB.", "Update Calango. Nothing was changed."
        )
    if isinstance(error, _BROKEN) or "Corrupt" in text:
        return _damaged(path)
    return error
