"""What the API's process counts, for Prometheus: every turn of its agent, whoever asked for it."""

from __future__ import annotations

import time

from prometheus_client import Counter, Gauge

from calango import __version__
from calango.chat import ChatService
from calango.records import Done, Event, ToolResult, TurnResult
from calango.web.prometheus import TurnMetrics, exposition, new_registry

_KINDS = ("spans", "votes", "parked")


class AgentMetrics:
    """Counts from now on. `page` may be asked from any thread."""

    def __init__(self, chat: ChatService) -> None:
        self.registry = registry = new_registry(__version__)
        self._chat = chat
        self._turns = TurnMetrics(registry, "calango_agent")
        unpriced = "Turns with tokens and no known price"
        self._unpriced = Counter("calango_agent_unpriced_turns", unpriced, ["model"], registry=registry)
        refused = "Messages that were refused before anything happened, by the class of the error"
        self._refused = Counter("calango_agent_refused", refused, ["reason"], registry=registry)
        self._running = Gauge("calango_agent_turns_running", "Turns that run now", registry=registry)
        waiting = "What waits to be delivered, or was refused for good (parked)"
        self._items = Gauge("calango_outbox_items", waiting, ["destination", "kind"], registry=registry)
        oldest = "Age of the oldest that waits; 0 when nothing does"
        self._oldest = Gauge("calango_outbox_oldest_seconds", oldest, ["destination"], registry=registry)
        size = "What the outbox takes on disk"
        self._bytes = Gauge("calango_outbox_bytes", size, ["destination"], registry=registry)
        chat.engine.watch(self._take)

    def refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def page(self, accept: str) -> tuple[bytes, str]:
        """Body and content type."""
        self._running.set(self._chat.engine.running)
        for lane in self._chat.engine.tracing.lanes if self._chat.engine.tracing is not None else ():
            name = "langfuse" if lane.destination.is_langfuse else "collector"
            depth = lane.outbox.depth()
            for kind, number in zip(_KINDS, (depth.spans, depth.votes, depth.parked), strict=True):
                self._items.labels(name, kind).set(number)
            waits_ns = 0 if depth.oldest_ns is None else time.time_ns() - depth.oldest_ns
            self._oldest.labels(name).set(max(0, waits_ns) / 1e9)
            self._bytes.labels(name).set(depth.bytes)
        return exposition(self.registry, accept)

    def _take(self, event: Event) -> None:
        if isinstance(event, ToolResult):
            outcome = "error" if event.is_error else "ok"
            self._turns.tool_calls.labels(self._turns.tools(event.name), outcome).inc()
        elif isinstance(event, Done):
            self._count(event.result)

    def _count(self, result: TurnResult) -> None:
        turns, model = self._turns, self._turns.models(result.model)
        turns.turns.labels(result.status).inc()
        turns.duration.observe(result.latency_ms / 1000)
        if result.time_to_first_token_ms is not None:
            turns.first_token.observe(result.time_to_first_token_ms / 1000)
        if result.usage is not None:
            turns.tokens.labels("input", model).inc(result.usage.input)
            turns.tokens.labels("output", model).inc(result.usage.output)
        if result.cost_usd is not None:
            turns.cost.labels(model).inc(float(result.cost_usd))
        elif result.usage is not None and result.usage.total:
            self._unpriced.labels(model).inc()
