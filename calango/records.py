"""Pure values that cross rooms. Times are integer nanoseconds since the epoch, durations milliseconds, money USD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Literal

Status = Literal["ok", "error", "cancelled", "interrupted"]
Level = Literal["DEBUG", "DEFAULT", "WARNING", "ERROR"]
COST_ESTIMATED = "cost_estimated"  # metadata of an observation whose cost is an estimate


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one generation, or the sum over a turn. `estimated` when the model did not report all of it."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input + self.output

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.estimated or other.estimated,
        )


@dataclass(frozen=True, slots=True)
class Request:
    """One turn as asked for. `answer` resumes an interrupted turn instead of asking `text`."""

    text: str
    session_id: str
    user_id: str
    message_id: str
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answer: Any = None
    is_resume: bool = False


@dataclass(frozen=True, slots=True)
class BudgetShare:
    """How much of a budget is spent in its period, or of the part of one user, session or tag (`each` and `key`).

    USD. `resets_at` is ISO with offset; None: never. `unpriced_turns` have calls without a known price: they cost more
    than is counted. `running_usd`: what running turns are expected to cost yet. `missing` says why not all is counted.
    """

    budget: str
    each: str | None
    key: str | None
    per: str
    then: str
    limit_usd: Decimal
    spent_usd: Decimal
    warn_at: Decimal
    resets_at: str | None
    unpriced_turns: int = 0
    running_usd: Decimal = Decimal(0)
    missing: str | None = None

    @property
    def share(self) -> float:
        return float(self.spent_usd / self.limit_usd)

    @property
    def state(self) -> Literal["ok", "near", "exceeded"]:
        if self.spent_usd >= self.limit_usd:
            return "exceeded"
        return "near" if self.spent_usd >= self.limit_usd * self.warn_at else "ok"

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; money as text of decimal digits."""
        money = {name: format(value, "f") for name, value in asdict(self).items() if isinstance(value, Decimal)}
        return asdict(self) | money | {"share": round(self.share, 6), "state": self.state}


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How one turn ended. `trace_id` is set whenever the turn was traced, also when it failed.

    `cost_usd` is None when nothing had a known price; `cost_estimated` when at least a part of it is an estimate.
    `budgets` are those that have come near their limit, or passed it, and of which that was not told before.
    """

    content: str
    trace_id: str | None
    session_id: str
    user_id: str | None
    message_id: str
    model: str | None
    usage: Usage | None
    cost_usd: Decimal | None
    latency_ms: float
    time_to_first_token_ms: float | None
    status: Status
    error: str | None = None
    trace_url: str | None = None
    cost_estimated: bool = False
    budgets: tuple[BudgetShare, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, with stable keys; money as a string of decimal digits, so that no cent is rounded away."""
        data = asdict(self)
        if self.usage is not None:
            data["usage"]["total"] = self.usage.total
        data["cost_usd"] = None if self.cost_usd is None else format(self.cost_usd, "f")
        data["budgets"] = [share.as_dict() for share in self.budgets]
        return data


# What a turn yields while it runs. Each is small and may be shown at once.


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    id: str
    name: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class NodeStart:
    node: str


@dataclass(frozen=True, slots=True)
class NodeEnd:
    node: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The graph waits for a person. `value` is what it asked; resume the turn with an answer."""

    value: Any


@dataclass(frozen=True, slots=True)
class Done:
    result: TurnResult


Event = Token | ToolCall | ToolResult | NodeStart | NodeEnd | Interrupt | Done


@dataclass(frozen=True, slots=True)
class Observation:
    """One observation as a Langfuse API gives it. `metadata` values are decoded JSON where they were JSON."""

    id: str
    trace_id: str
    type: str
    name: str
    start_ns: int
    end_ns: int | None
    parent_id: str | None = None
    level: Level = "DEFAULT"
    status_message: str | None = None
    model: str | None = None
    usage: Mapping[str, int] = field(default_factory=dict[str, int])
    cost_usd: Decimal | None = None
    input: Any = None
    output: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    session_id: str | None = None
    user_id: str | None = None
    tags: tuple[str, ...] = ()
    trace_name: str | None = None
    time_to_first_token_ms: float | None = None
    prompt_name: str | None = None
    prompt_version: int | None = None

    @property
    def cost_estimated(self) -> bool:
        """Whether the cost is an estimate, to be shown with "≈"."""
        return str(self.metadata.get(COST_ESTIMATED)).lower() == "true"

    @property
    def duration_ms(self) -> float | None:
        return None if self.end_ns is None else (self.end_ns - self.start_ns) / 1e6


@dataclass(frozen=True, slots=True)
class Score:
    """Feedback or evaluation of exactly one trace, observation or session. BOOLEAN is 0 or 1."""

    id: str
    name: str
    data_type: Literal["NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT", "CORRECTION"]
    value: float | None
    string_value: str | None = None
    trace_id: str | None = None
    observation_id: str | None = None
    session_id: str | None = None
    comment: str | None = None
    timestamp_ns: int | None = None
    source: str = "API"
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation as people see it. `trace_id` is that of the turn which wrote it."""

    role: Literal["user", "assistant", "tool"]
    content: str
    message_id: str
    trace_id: str | None = None
    tool_name: str | None = None
    is_error: bool = False
    model: str | None = None
    status: Status = "ok"
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation: one LangGraph thread."""

    session_id: str
    user_id: str | None
    title: str
    turns: int
    updated_ns: int
