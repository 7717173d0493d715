"""What the local server counts while spans come in, for Prometheus. A request is added up once, then counted at once.

Counted is what was stored since the server started, from whichever client. A span that is sent twice counts twice;
what `calango import` and `calango sync` bring counts for nothing.
"""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from prometheus_client import Counter, Gauge

from calango.store import ObservationRow
from calango.web.prometheus import OUTCOMES, TurnMetrics, new_registry

RESUMED = "calango-resume"
_SAID = re.compile(rf'(?<!\\)"status":\s*"(?:\\")?({"|".join(OUTCOMES)})(?:\\")?"')  # the value is JSON text itself
_CALLS = frozenset({"GENERATION", "EMBEDDING"})
SEVERITIES = ("info", "warning", "critical")


@dataclass(slots=True)
class Counted:
    """One request's spans, added up. Seconds, tokens by direction and model, USD by model."""

    spans: int = 0
    outcomes: Tally[str] = field(default_factory=Tally[str])
    durations: list[float] = field(default_factory=list[float])
    first_tokens: list[float] = field(default_factory=list[float])
    tokens: Tally[tuple[str, str | None]] = field(default_factory=Tally[tuple[str, str | None]])
    costs: dict[str | None, Decimal] = field(default_factory=dict[str | None, Decimal])
    unpriced: Tally[str | None] = field(default_factory=Tally[str | None])
    tools: Tally[tuple[str, str]] = field(default_factory=Tally[tuple[str, str]])


def counted(rows: Iterable[ObservationRow]) -> Counted:
    """Adds up rows that have ended. Pure."""
    found = Counted()
    for row in rows:
        found.spans += 1
        if row.type in _CALLS:
            _add_call(found, row)
        elif row.type == "TOOL":
            found.tools[row.name, "error" if row.level == "ERROR" else "ok"] += 1
        if (row.is_root or row.name == RESUMED) and row.end_ns is not None:
            found.outcomes[outcome_of(row)] += 1
            found.durations.append(max(0, row.end_ns - row.start_ns) / 1e9)
    return found


def outcome_of(root: ObservationRow) -> str:
    """What Calango's engine notes, else what the level tells: as `store.turns` has it."""
    if root.metadata_json and (said := _SAID.search(root.metadata_json)):
        return said[1]
    if root.level == "ERROR":
        return "error"
    return root.status_message if root.status_message in {"cancelled", "interrupted"} else "ok"


def _add_call(found: Counted, row: ObservationRow) -> None:
    model = row.model
    if row.completion_start_ns is not None:
        found.first_tokens.append(max(0, row.completion_start_ns - row.start_ns) / 1e9)
    for direction, tokens in (("input", row.input_tokens), ("output", row.output_tokens)):
        if tokens is not None and tokens > 0:
            found.tokens[direction, model] += tokens
    if row.total_cost is not None:
        found.costs[model] = found.costs.get(model, Decimal(0)) + row.total_cost
    elif row.total_tokens:
        found.unpriced[model] += 1


class ServerMetrics:
    """Safe in any thread."""

    def __init__(self, version: str) -> None:
        self.registry = new_registry(version)
        self._turns = TurnMetrics(self.registry, "calango")
        self._spans = Counter("calango_spans", "Observations that were stored", registry=self.registry)
        senseless = "Spans that no sense could be made of"
        self._rejected = Counter("calango_spans_rejected", senseless, registry=self.registry)
        unpriced = "Model calls with tokens and no known price"
        self._unpriced = Counter("calango_unpriced_calls", unpriced, ["model"], registry=self.registry)
        self._alerts = Gauge("calango_alerts_open", "Alerts that are open", ["severity"], registry=self.registry)
        self._bytes = Gauge("calango_store_bytes", "Size of the database on disk", registry=self.registry)

    def add(self, one: Counted, rejected: int = 0) -> None:
        """After the commit."""
        turns = self._turns
        self._spans.inc(one.spans)
        self._rejected.inc(rejected)
        for outcome, number in one.outcomes.items():
            turns.turns.labels(outcome).inc(number)
        for seconds in one.durations:
            turns.duration.observe(seconds)
        for seconds in one.first_tokens:
            turns.first_token.observe(seconds)
        for (direction, model), tokens in one.tokens.items():
            turns.tokens.labels(direction, turns.models(model)).inc(tokens)
        for model, usd in one.costs.items():
            turns.cost.labels(turns.models(model)).inc(max(0.0, float(usd)))
        for model, number in one.unpriced.items():
            self._unpriced.labels(turns.models(model)).inc(number)
        for (tool, outcome), number in one.tools.items():
            turns.tool_calls.labels(turns.tools(tool), outcome).inc(number)

    def look(self, alerts: Mapping[str, int], size: int) -> None:
        """What is read when somebody asks: open alerts by severity, bytes."""
        for severity in SEVERITIES:
            self._alerts.labels(severity).set(alerts.get(severity, 0))
        self._bytes.set(size)
