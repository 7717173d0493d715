"""Answers of `calango.questions` -> tables. Column names are stable: scripts and spreadsheets depend on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from calango.insights.answers import (
    Conversations,
    ErrorPattern,
    Group,
    Measures,
    Overview,
    Satisfaction,
    ToolUse,
    TurnPage,
)
from calango.insights.period import GRAINS
from calango.reports.table import Chart, Column, Estimate, Kind, Table, shown

_MEASURES: tuple[tuple[str, str, Kind], ...] = (
    ("turns", "turns", "count"),
    ("calls", "calls", "count"),
    ("users", "users", "count"),
    ("sessions", "conversations", "count"),
    ("cost_usd", "cost", "usd"),
    ("cost_input_usd", "input", "usd"),
    ("cost_output_usd", "output", "usd"),
    ("cost_cache_usd", "cache", "usd"),
    ("unpriced_calls", "unpriced calls", "count"),
    ("unpriced_tokens", "unpriced tokens", "count"),
    ("tokens_input", "tokens in", "count"),
    ("tokens_output", "tokens out", "count"),
    ("tokens_cache", "tokens cached", "count"),
    ("tokens_total", "tokens", "count"),
    ("latency_ms_mean", "latency mean", "ms"),
    ("latency_ms_p50", "latency p50", "ms"),
    ("latency_ms_p95", "latency p95", "ms"),
    ("latency_ms_p99", "latency p99", "ms"),
    ("first_token_ms_p50", "first token p50", "ms"),
    ("first_token_ms_p95", "first token p95", "ms"),
    ("output_tokens_per_s", "tokens/s", "rate"),
    ("ok", "ok", "count"),
    ("error", "failed", "count"),
    ("cancelled", "stopped", "count"),
    ("interrupted", "waiting", "count"),
    ("success_rate", "success", "share"),
    ("votes", "votes", "count"),
    ("votes_up", "votes up", "count"),
    ("rated_turns", "rated turns", "count"),
)
_BRIEF = ("turns", "cost_usd", "unpriced_calls", "tokens_total", "latency_ms_p50", "latency_ms_p95", "success_rate",
          "votes", "votes_up")  # fmt: skip
_COSTS = ("turns", "cost_usd", "cost_input_usd", "cost_output_usd", "cost_cache_usd", "unpriced_calls",
          "unpriced_tokens", "tokens_input", "tokens_output", "tokens_cache")  # fmt: skip
_ALL = tuple(name for name, _, _ in _MEASURES)
_TRENDS: dict[str, tuple[str, Kind]] = {
    "turns": ("turns", "count"),
    "users": ("users", "count"),
    "cost_usd": ("cost", "usd"),
    "tokens_total": ("tokens", "count"),
    "latency_ms_p95": ("latency p95", "ms"),
    "success_rate": ("success", "share"),
    "satisfaction": ("satisfaction", "share"),
}


def totals(overview: Overview, *, whole: bool) -> Table:
    """One row, none without turns. `whole`: every measure, for files."""
    rows = [_values(overview.total, _chosen(whole))] if overview.total.turns else []
    return Table("Total", _columns(whole), rows, note=_unpriced(overview.total))


def trends(overview: Overview) -> Table:
    """Each figure now, before, and whether the difference is more than noise."""
    columns = (Column("figure", "figure"), Column("now", "now"), Column("before", "before"),
               Column("change", "change", "share"), Column("p_value", "p", "rate"),
               Column("more_than_noise", "more than noise"))  # fmt: skip
    rows = [
        [
            title,
            shown(trend.now, kind),
            shown(trend.before, kind),
            trend.change,
            trend.p_value,
            "yes" if trend.is_notable else "no",
        ]
        for name, (title, kind) in _TRENDS.items()
        if (trend := overview.trends.get(name))
    ]
    return Table("Against the period before", columns, rows)


def breakdown(groups: Sequence[Group], by: str, *, whole: bool, costs: bool = False) -> Table:
    chosen = _ALL if whole else _COSTS if costs else _BRIEF
    over_time = by in GRAINS
    key = Column(by, by, "time" if over_time else "text")
    chart = (
        Chart(by, ("cost_usd",), over_time)
        if any(group.measures.cost_usd for group in groups)
        else Chart(by, ("turns",), over_time)
    )
    rows = [["(none)" if group.key is None else group.key, *_values(group.measures, chosen)] for group in groups]
    return Table(f"By {by}", (key, *_columns(whole, chosen)), rows, chart)


def errors(found: Sequence[ErrorPattern]) -> Table:
    columns = (
        Column("turns", "turns", "count"), Column("count", "observations", "count"), Column("users", "users", "count"),
        Column("first_seen", "first seen", "time"), Column("last_seen", "last seen", "time"),
        Column("pattern", "error"), Column("cause", "likely cause"), Column("fix", "what helps"),
        Column("example_trace", "example"),
    )  # fmt: skip
    rows = [
        [one.turns, one.count, one.users, one.first_seen, one.last_seen, one.pattern, one.cause, one.fix,
         one.example_traces[0] if one.example_traces else None]
        for one in found
    ]  # fmt: skip
    return Table("Errors", columns, rows)


def tools(found: Sequence[ToolUse]) -> Table:
    return _table(
        "Tools", found, ("name", "tool", "text"), ("calls", "calls", "count"), ("failures", "failures", "count"),
        ("failure_rate", "failure rate", "share"), ("turns", "turns", "count"), ("latency_ms_p50", "p50", "ms"),
        ("latency_ms_p95", "p95", "ms"), ("total_ms", "time in all", "ms"),
    )  # fmt: skip


def satisfaction(found: Satisfaction) -> Table:
    columns = (Column("figure", "figure"), Column("share", "share", "share"), Column("low", "low", "share"),
               Column("high", "high", "share"), Column("count", "of", "count"))  # fmt: skip
    rows = [
        [name, one.share, one.low, one.high, one.count]
        for name, one in (("thumbs up", found.thumbs), ("turns rated", found.rated))
        if one.count
    ]
    note = "" if found.stars_mean is None else f"Stars: {found.stars_mean:.2f} on average."
    return Table("Satisfaction (with 95 % interval)", columns, rows, note=note)


def comments(found: Satisfaction) -> Table:
    return _table(
        "Latest comments", found.comments, ("at", "at", "time"), ("user_id", "user", "text"),
        ("value", "value", "rate"),        ("text", "comment", "text"), ("trace_id", "trace", "text"),
    )  # fmt: skip


def conversations(found: Conversations) -> Table:
    outcomes = ", ".join(f"{name}: {count}" for name, count in found.outcomes.items())
    table = _table(
        "Conversations", found.latest, ("session_id", "session", "text"), ("user_id", "user", "text"),
        ("started_at", "started", "time"), ("turns", "turns", "count"), ("duration_s", "duration", "seconds"),
        ("response_ms_mean", "response", "ms"), ("cost_usd", "cost", "usd"), ("outcome", "outcome", "text"),
        ("first_input", "began with", "text"),
    )  # fmt: skip
    note = f"{found.count} conversations. {outcomes}." if found.count else ""
    return Table(table.title, table.columns, table.rows, note=note)


def dropoffs(found: Conversations) -> Table:
    columns = (Column("turns", "ended after turn", "count"), Column("count", "conversations", "count"))
    rows = [[int(turn), count] for turn, count in found.dropoffs.items()]
    return Table("Where conversations are given up", columns, rows, Chart("turns", ("count",)))


def intents(found: Conversations) -> Table:
    columns = (Column("intents", "what people come for"), Column("count", "conversations", "count"))
    return Table("Intents", columns, [[" → ".join(names), count] for names, count in found.intents])


def turns(page: TurnPage, title: str) -> Table:
    return _table(
        title, page.turns, ("started_at", "started", "time"), ("latency_ms", "latency", "ms"),
        ("cost_usd", "cost", "usd"), ("outcome", "outcome", "text"), ("user_id", "user", "text"),
        ("model", "model", "text"), ("input", "question", "text"), ("trace_id", "trace", "text"),
    )  # fmt: skip


def _table(title: str, found: Sequence[object], *columns: tuple[str, str, Kind]) -> Table:
    rows = [[_value(one, name, kind) for name, _, kind in columns] for one in found]
    return Table(title, tuple(Column(name, shown, kind) for name, shown, kind in columns), rows)


def _chosen(whole: bool) -> tuple[str, ...]:
    return _ALL if whole else _BRIEF


def _columns(whole: bool, chosen: tuple[str, ...] | None = None) -> tuple[Column, ...]:
    wanted = chosen or _chosen(whole)
    return tuple(Column(name, title, kind) for name, title, kind in _MEASURES if name in wanted)


def _values(measures: Measures, chosen: tuple[str, ...]) -> list[Any]:
    return [_value(measures, name, kind) for name, _, kind in _MEASURES if name in chosen]


def _value(one: object, name: str, kind: Kind) -> Any:
    """Money knows whether it is an estimate."""
    found = getattr(one, name)
    if kind != "usd" or found is None or not getattr(one, "cost_estimated", False):
        return found
    return Estimate(found)


def _unpriced(measures: Measures) -> str:
    if not measures.unpriced_calls:
        return ""
    return (
        f"{measures.unpriced_calls:,} calls with {measures.unpriced_tokens:,} tokens have no known price and are in no"
        " cost; prices.toml can name it."
    )
