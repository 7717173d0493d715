"""Prometheus metrics as both servers have them. No user and no session is ever in a label.

Label values that come from outside (models, tools) are the first MOST that were seen, then `other`: so a client can't
make series without end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder

MOST = 50
OTHER, NONE = "other", "none"
LENGTH = 100
SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
OUTCOMES = ("ok", "error", "cancelled", "interrupted")
disable_created_metrics()  # a second series for each counter, which nobody draws


@dataclass(slots=True)
class Names:
    """Label values from outside, bounded in number and length."""

    known: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, value: str | None) -> str:
        given = value or NONE
        name = self.known.get(given)
        if name is None:
            if len(self.known) >= MOST:
                return OTHER
            name = self.known[given] = given[:LENGTH].encode(errors="replace").decode()
        return name


class TurnMetrics:
    """Turns, tokens, costs and tools. `prefix` tells who counts: `calango` or `calango_agent`."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{prefix}_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str) -> Histogram:
            return Histogram(f"{prefix}_{name}", text, buckets=SECONDS, registry=registry)

        self.models, self.tools = Names(), Names()
        self.turns = counter("turns", "Turns, and resumed parts of turns, by how they ended", "outcome")
        self.duration = histogram("turn_duration_seconds", "How long turns took")
        self.first_token = histogram("first_token_seconds", "How long the first token took")
        self.tokens = counter("tokens", "Tokens of model calls", "direction", "model")
        self.cost = counter("cost_usd", "Cost of what has a price, USD", "model")
        self.tool_calls = counter("tool_calls", "Tool calls by how they ended", "tool", "outcome")
        for outcome in OUTCOMES:
            self.turns.labels(outcome)


def new_registry(version: str) -> CollectorRegistry:
    """With what every process says of itself."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    Gauge("calango_build_info", "Version of Calango", ["version"], registry=registry).labels(version).set(1)
    return registry


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The page and its content type, in the format that the Accept header asks for."""
    encode, kind = choose_encoder(accept)
    return encode(registry), kind
