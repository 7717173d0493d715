"""A turn that runs on the engine's loop: its request, its meter, and how it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from calango.meter import Meter
from calango.pricing import Prices
from calango.records import Event, Request, TurnResult
from calango.turn import Outcome, TurnRun


class Turn:
    """A running turn. `stop()` may be called from any thread; it returns at once."""

    def __init__(self, request: Request, emit: Callable[[Event], None], prices: Prices) -> None:
        self.request = request
        self.emit = emit
        self.meter = Meter(prices)
        self.future: Future[TurnResult] | None = None
        self._task: asyncio.Task[Outcome] | None = None
        self._call: Callable[..., None] | None = None

    def stop(self) -> None:
        self.meter.stopped = True
        if self._call is not None:
            self._call(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def follow(self, call: Callable[..., None], run: TurnRun, given: Any, context: Mapping[str, Any]) -> Outcome:
        """Run the graph as a task of its own, so that stopping ends the graph and not what cleans up after it."""
        self._call = call
        self._task = asyncio.ensure_future(run.run(given, context))
        if self.meter.stopped:
            self._task.cancel()
        try:
            return await self._task
        except asyncio.CancelledError as error:  # stopped before the graph's first step
            run.outcome.status, run.outcome.exception = "cancelled", error
            return run.outcome
