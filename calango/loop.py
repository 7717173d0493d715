"""One event loop on a thread of its own: every turn of an engine runs there, whoever asked for it.

So sync and async callers share one code path, a stopped turn is cancelled at once, and no model client outlives
its loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `work` in an empty context, so that nothing of the caller's leaks into it or out of it."""
        future: Future[T] = Future()

        def start() -> None:
            task = self._loop.create_task(work, context=Context())
            task.add_done_callback(lambda done: _hand_over(done, future))

        self._loop.call_soon_threadsafe(start)
        return future

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Wait for `work`. Must not be called from the loop itself."""
        return self.submit(work).result(timeout_s)

    def call(self, function: Any, *args: Any) -> None:
        """Call `function` on the loop soon; does nothing once the loop is closed."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)

    def close(self, timeout_s: float = 2.0) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            pending = asyncio.all_tasks(self._loop)
            for task in pending:
                task.cancel()
            if pending:
                self._loop.run_until_complete(asyncio.wait(pending, timeout=1.0))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()


def _hand_over(task: asyncio.Task[T], future: Future[T]) -> None:
    if task.cancelled():
        future.cancel()
        return
    error = task.exception()
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(task.result())
