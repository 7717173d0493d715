"""`CalangoEngine`: runs one turn of any graph, traced, in its own context.

Turns run on the engine's own event loop (see `loop.py`). `run` and `stream` are for ordinary code, `arun` and `astream`
for async code; all four end in the same `TurnResult`.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import HumanMessage
from langgraph.types import Command

from calango import ids, threads
from calango.asking import checked
from calango.budgets.guard import Guard
from calango.budgets.setup import guard_of
from calango.errors import InputError
from calango.loader import LoadedGraph
from calango.loop import LoopThread
from calango.price_file import prices_of
from calango.records import BudgetShare, Done, Event, Request, Session, TurnResult
from calango.running import Turn
from calango.settings import Settings
from calango.tracing import CalangoHandler, Tracing
from calango.tracing.encoding import messages_in
from calango.turn import Graph, TurnRun, question
from calango.turn_trace import TurnTrace, about

_QUESTION_CHARS = 120
_SETTLE_S = 0.5  # what a caller that leaves waits for its turn to be settled; it is settled all the same


class CalangoEngine:
    """Runs turns of one graph. Thread-safe; close it, or use it as a context manager."""

    def __init__(
        self,
        graph: LoadedGraph,
        settings: Settings | None = None,
        *,
        tracing: Tracing | None = None,
        open_threads: Callable[[], Any] | None = None,
    ) -> None:
        """`tracing` is None to run untraced. `open_threads` defaults to what the settings say.

        Raises ConfigError when the budgets, or prices, of the settings are wrong.
        """
        self.settings = settings or Settings.load()
        self.tracing = tracing
        self._prices = tracing.prices if tracing is not None else prices_of(self.settings)
        sent_user = None if tracing is None else tracing.sent_user
        self._guard: Guard | None = guard_of(self.settings, sent_user)
        self._loaded = graph
        self._loop = LoopThread("calango-engine")
        self._locks: dict[str, asyncio.Lock] = {}
        self._running: dict[str, Turn] = {}
        self._watchers: list[Callable[[Event], None]] = []
        self._closed = False
        self.threads: threads.Threads = self._loop.run((open_threads or threads.open_threads(self.settings))())
        self.graph: Graph = graph.compile(self.threads.saver)

    def __enter__(self) -> CalangoEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # one turn, four ways

    def run(self, text: str, *, session_id: str | None = None, **options: Any) -> TurnResult:
        """Run a turn to its end. Options: user_id, tags, metadata, message_id, context.

        Raises only InputError and BudgetExceeded; nothing has happened then.
        """
        return self._finished(self.stream(text, session_id=session_id, **options))

    def stream(self, text: str, *, session_id: str | None = None, **options: Any) -> Iterator[Event]:
        """Yield the turn's events, the last one Done. Leaving the iterator early stops the turn."""
        return self.stream_request(self.request(text, session_id=session_id, **options))

    async def arun(self, text: str, *, session_id: str | None = None, **options: Any) -> TurnResult:
        """As `run`, for async code; cancelling the caller stops the turn."""
        return await self._afinished(self.astream(text, session_id=session_id, **options))

    def astream(self, text: str, *, session_id: str | None = None, **options: Any) -> AsyncIterator[Event]:
        """As `stream`, for async code."""
        return self.astream_request(self.request(text, session_id=session_id, **options))

    # an interrupted turn, and stopping

    def resume(self, session_id: str, answer: Any, **options: Any) -> TurnResult:
        """Answer what an interrupted turn asked, and run it to its end, in the same trace."""
        return self._finished(self.stream_resume(session_id, answer, **options))

    def stream_resume(self, session_id: str, answer: Any, **options: Any) -> Iterator[Event]:
        return self.stream_request(self.resume_request(session_id, answer, **options))

    def astream_resume(self, session_id: str, answer: Any, **options: Any) -> AsyncIterator[Event]:
        return self.astream_request(self.resume_request(session_id, answer, **options))

    def is_waiting(self, session_id: str) -> bool:
        """Whether the session's last turn was interrupted and waits for an answer."""
        return self._loop.run(self.threads.is_waiting(ids.check_id("session_id", session_id)))

    def stop(self, session_id: str) -> bool:
        """Stop the session's running turn; False when there is none."""
        turn = self._running.get(session_id)
        if turn is not None:
            turn.stop()
        return turn is not None

    def stop_all(self) -> None:
        """Stop every running turn; returns at once."""
        for turn in list(self._running.values()):
            turn.stop()

    @property
    def running(self) -> int:
        """How many turns run in this process."""
        return len(self._running)

    def is_running(self, session_id: str) -> bool:
        """Whether a turn of the session runs in this process, whoever asked for it."""
        return session_id in self._running

    def watch(self, watcher: Callable[[Event], None]) -> None:
        """Have `watcher` see every event of every turn from now on, on the engine's loop: it must return at once."""
        self._watchers.append(watcher)

    def state(self, session_id: str) -> Any:
        """LangGraph's state snapshot of a thread."""
        return self._loop.run(self.graph.aget_state({"configurable": {"thread_id": session_id}}))

    def sessions(self, user_id: str, limit: int) -> list[Session]:
        """A user's conversations, the latest first."""
        return self._loop.run(self.threads.sessions(user_id, limit))

    def close(self) -> None:
        """Stop what runs and let go of the threads; what the turns had said so far is kept. May be called again."""
        if self._closed:
            return
        self._closed = True
        running = list(self._running.values())
        for turn in running:
            turn.stop()
        for turn in running:
            if turn.future is not None:
                with contextlib.suppress(Exception):
                    turn.future.result(2.0)
        if self._guard is not None:
            self._guard.close()
        with contextlib.suppress(Exception):
            self._loop.run(self.threads.close(), 2.0)
        self._loop.close()

    # what is asked

    def request(
        self,
        text: str,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        message_id: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Request:
        """Check everything that comes from outside. InputError names what is wrong; nothing has happened then."""
        return checked(self.settings, text, session_id, user_id, tags, metadata, message_id, context)

    def resume_request(
        self, session_id: str, answer: Any, *, user_id: str | None = None, tags: Sequence[str] = (), **options: Any
    ) -> Request:
        ids.check_id("session_id", session_id)
        asked = [m for m in messages_in(self.state(session_id).values) if isinstance(m, HumanMessage)]
        if not asked or not self.is_waiting(session_id):
            raise InputError("This session does not wait for an answer.", "Send a message instead.")
        plain = self.request(
            str(answer) or "…", session_id=session_id, user_id=user_id, tags=tags, message_id=asked[-1].id, **options
        )
        return Request(
            plain.text, session_id, plain.user_id, plain.message_id, plain.tags, plain.metadata, plain.context,
            answer=answer, is_resume=True,
        )  # fmt: skip

    # how it runs

    def _start(self, request: Request, emit: Callable[[Event], None]) -> Turn:
        def tell(event: Event) -> None:
            for watcher in self._watchers:
                watcher(event)
            emit(event)

        turn = Turn(request, tell if self._watchers else emit, self._prices)
        turn.future = self._loop.submit(self._turn(turn))
        return turn

    def stream_request(self, request: Request) -> Iterator[Event]:
        """Run what `request` or `resume_request` made."""
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        turn = self._start(request, events.put)
        assert turn.future is not None
        turn.future.add_done_callback(lambda _: events.put(None))
        try:
            while (event := events.get()) is not None:
                yield event
            turn.future.result()
        finally:
            if not turn.future.done():
                turn.stop()
                with contextlib.suppress(Exception):
                    turn.future.result(_SETTLE_S)

    async def astream_request(self, request: Request) -> AsyncIterator[Event]:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event | None] = asyncio.Queue()

        def put(event: Event | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(events.put_nowait, event)

        turn = self._start(request, put)
        assert turn.future is not None
        turn.future.add_done_callback(lambda _: put(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            await asyncio.wrap_future(turn.future)
        finally:
            if not turn.future.done():
                turn.stop()
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(turn.future)), _SETTLE_S)

    @staticmethod
    def _finished(events: Iterator[Event]) -> TurnResult:
        result = [event.result for event in events if isinstance(event, Done)]
        return result[-1]

    @staticmethod
    async def _afinished(events: AsyncIterator[Event]) -> TurnResult:
        result = [event.result async for event in events if isinstance(event, Done)]
        return result[-1]

    async def _turn(self, turn: Turn) -> TurnResult:
        request = turn.request
        lock = self._locks.setdefault(request.session_id, asyncio.Lock())
        try:
            async with lock:  # turns of one conversation follow each other
                self._running[request.session_id] = turn
                try:
                    return await self._guarded(turn)
                finally:
                    self._running.pop(request.session_id, None)
        finally:
            if not lock.locked():
                self._locks.pop(request.session_id, None)

    async def _guarded(self, turn: Turn) -> TurnResult:
        request = turn.request
        trace_id = ids.trace_id_for(request.session_id, request.message_id) if self.tracing is not None else None
        if self._guard is None:
            return await self._traced(turn, trace_id, lambda: ())
        guard = self._guard
        held = await guard.admit(about(request, self.settings), turn.meter, trace_id, is_resume=request.is_resume)
        try:
            return await self._traced(turn, trace_id, lambda: guard.finish(held))
        finally:
            guard.finish(held)

    async def _traced(
        self, turn: Turn, trace_id: str | None, settle: Callable[[], tuple[BudgetShare, ...]]
    ) -> TurnResult:
        """`settle` is called when the graph has ended, and says what there is to tell of budgets."""
        request, started_ns, started = turn.request, time.time_ns(), time.perf_counter()
        trace = TurnTrace(self.tracing, request, trace_id, self.settings, started_ns)
        if request.is_resume:
            state = await self.graph.aget_state({"configurable": {"thread_id": request.session_id}})
            trace.waited_since(state.created_at)
        run = TurnRun(self.graph, self._config(turn, trace.handler), turn.emit)
        given = Command(resume=request.answer) if request.is_resume else question(request.text, request.message_id)
        context = {key: value for key, value in request.context.items() if self._loaded.has_context(key)}
        outcome = await turn.follow(self._loop.call, run, given, context)
        await run.settle()
        trace.end(outcome, turn.meter)
        first, cost = outcome.first_token_s, turn.meter.cost
        result = TurnResult(
            content=outcome.content,
            trace_id=trace_id,
            session_id=request.session_id,
            user_id=request.user_id,
            message_id=request.message_id,
            model=turn.meter.model,
            usage=turn.meter.usage,
            cost_usd=cost.total if cost is not None else None,
            latency_ms=round((time.perf_counter() - started) * 1000, 3),
            time_to_first_token_ms=round((first - started) * 1000, 3) if first is not None else None,
            status=outcome.status,
            error=outcome.error,
            trace_url=self.tracing.trace_url(trace_id) if self.tracing is not None and trace_id else None,
            cost_estimated=cost is not None and cost.estimated,
            budgets=settle(),
        )
        turn.emit(Done(result))
        return result

    def _config(self, turn: Turn, handler: CalangoHandler | None) -> Any:
        request = turn.request
        asked = " ".join(request.text.split())
        return {
            "configurable": {"thread_id": request.session_id},
            "callbacks": [turn.meter, *([handler] if handler is not None else [])],
            "recursion_limit": self.settings.recursion_limit,
            "run_name": self._loaded.name,
            "metadata": {threads.USER: request.user_id, threads.QUESTION: asked[:_QUESTION_CHARS]},
        }
