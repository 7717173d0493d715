"""What questions answer. Names carry units: USD, ms, tokens; shares are 0 to 1; None means nothing to measure."""

from __future__ import annotations

from dataclasses import dataclass, field

from calango.insights.statistics import Interval


@dataclass(frozen=True, slots=True)
class Measures:
    """One group of turns, or of calls when grouped by model, prompt or tool.

    Money is list price, in part an estimate when `cost_estimated`. `cost_input_usd` is without what was read from or
    written to a cache. `unpriced_calls` and `unpriced_tokens` are those of model calls without a known price: they are
    in no cost.
    `users` and `sessions` are None when nobody asked for them: telling them apart is a fifth of the work.
    `success_rate` is ok of ok and error: a turn that a person stopped, or that waits for one, did not fail.
    """

    turns: int = 0
    calls: int = 0
    users: int | None = 0
    sessions: int | None = 0
    cost_usd: float | None = None
    cost_input_usd: float | None = None
    cost_output_usd: float | None = None
    cost_cache_usd: float | None = None
    unpriced_calls: int = 0
    unpriced_tokens: int = 0
    tokens_input: int = 0
    tokens_output: int = 0
    tokens_cache: int = 0
    tokens_total: int = 0
    latency_ms_mean: float | None = None
    latency_ms_p50: float | None = None
    latency_ms_p95: float | None = None
    latency_ms_p99: float | None = None
    first_token_ms_p50: float | None = None
    first_token_ms_p95: float | None = None
    output_tokens_per_s: float | None = None
    ok: int = 0
    error: int = 0
    cancelled: int = 0
    interrupted: int = 0
    success_rate: float | None = None
    votes: int = 0
    votes_up: int = 0
    rated_turns: int = 0
    cost_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """`key` is None for what has no such value; times are ISO with offset. `last_seen` is when its last turn began."""

    key: str | None
    measures: Measures
    last_seen: str | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure now and in the period before. `change` is relative; `is_notable` says that it is more than noise."""

    now: float | None
    before: float | None
    change: float | None
    p_value: float
    is_notable: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """`trends` is empty when there were no turns in the period before."""

    total: Measures
    satisfaction: Interval
    trends: dict[str, Trend]


@dataclass(frozen=True, slots=True)
class ErrorPattern:
    """Error messages that are the same but for ids, numbers and names. Times are ISO, UTC."""

    pattern: str
    count: int
    turns: int
    users: int
    first_seen: str
    last_seen: str
    example: str
    example_traces: list[str]
    observations: list[str]
    cause: str | None = None
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class ToolUse:
    name: str
    calls: int
    failures: int
    failure_rate: float
    turns: int
    latency_ms_mean: float | None
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    total_ms: float


@dataclass(frozen=True, slots=True)
class Comment:
    trace_id: str
    user_id: str | None
    text: str
    name: str
    value: float | None
    at: str


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """`thumbs`: share of thumbs up of all thumbs; `rated`: share of turns with a vote of any kind."""

    thumbs: Interval
    stars_mean: float | None
    stars: dict[str, int]
    rated: Interval
    comments: list[Comment]


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn in a list."""

    trace_id: str
    started_at: str
    name: str | None
    user_id: str | None
    session_id: str | None
    tags: list[str]
    environment: str | None
    release: str | None
    outcome: str
    latency_ms: float
    first_token_ms: float | None
    cost_usd: float | None
    tokens_total: int
    model: str | None
    votes: int
    votes_up: int
    input: str | None
    output: str | None
    error: str | None
    cost_estimated: bool = False


@dataclass(frozen=True, slots=True)
class TurnPage:
    """Some turns, and how many there are in all."""

    turns: list[Turn]
    total: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """`outcome`: resolved, escalated, abandoned (ended in a turn that failed, was stopped or waits), or open."""

    session_id: str
    user_id: str | None
    started_at: str
    ended_at: str
    turns: int
    duration_s: float
    response_ms_mean: float | None
    cost_usd: float | None
    outcome: str
    votes: int
    votes_up: int
    first_input: str | None
    cost_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Conversations:
    """`dropoffs` counts conversations by the number of their last turn; `intents` the commonest sequences."""

    count: int
    turns_mean: float | None
    turns_p50: float | None
    duration_s_p50: float | None
    response_ms_p50: float | None
    characters_mean: float | None
    outcomes: dict[str, int]
    dropoffs: dict[str, int]
    intents: list[tuple[list[str], int]]
    latest: list[Conversation]


@dataclass(frozen=True, slots=True)
class Facts:
    """What exists to filter by: value and number of turns, most used first."""

    values: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
