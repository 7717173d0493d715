"""The six figures of the overview, and where each leads."""

from __future__ import annotations

from calango.insights.answers import Overview

from .cards import Card
from .view import View


def headline(view: View, found: Overview) -> list[Card]:
    return [
        _cost(view, found),
        _turns(view, found),
        _users(view, found),
        _latency(view, found),
        _success(view, found),
        _satisfaction(view, found),
    ]


def _cost(view: View, found: Overview) -> Card:
    texts, total = view.texts, found.total
    notes: list[str] = []
    estimated = total.cost_estimated
    if (beside := view.cost_beside(total.cost_usd, estimated=estimated)) is not None:
        notes.append(beside.replace("$", r"\$"))
    if total.unpriced_calls:
        notes.append(
            ":orange[:material/warning: "
            + texts(
                "Without {calls} calls ({tokens} tokens) that have no price",
                calls=texts.number(total.unpriced_calls),
                tokens=texts.number(total.unpriced_tokens),
            )
            + "]"
        )
    value = texts("no price") if total.cost_usd is None else view.cost(total.cost_usd, both=False, estimated=estimated)
    return Card(
        texts("Cost"),
        value,
        found.trends.get("cost_usd"),
        texts("The dearest turns"),
        query={"order": "dearest"},
        more_is="bad",
        notes=notes,
        help=texts("List price of what has a known price. Models without one are in no sum."),
    )


def _turns(view: View, found: Overview) -> Card:
    texts = view.texts
    return Card(
        texts("Turns"),
        texts.number(found.total.turns),
        found.trends.get("turns"),
        texts("All turns"),
        help=texts("A turn is one message and what the agent does about it: one trace."),
        notes=[texts("in {count} conversations", count=texts.number(found.total.sessions))],
    )


def _users(view: View, found: Overview) -> Card:
    texts = view.texts
    return Card(
        texts("Users"),
        texts.number(found.total.users),
        found.trends.get("users"),
        texts("All users"),
        page="users",
    )


def _latency(view: View, found: Overview) -> Card:
    texts, total = view.texts, found.total
    value = "–" if total.latency_ms_p95 is None else texts.duration(total.latency_ms_p95)
    notes = [] if total.latency_ms_p50 is None else [texts("p50: {time}", time=texts.duration(total.latency_ms_p50))]
    return Card(
        texts("Latency p95"),
        value,
        found.trends.get("latency_ms_p95"),
        texts("The slowest turns"),
        query={"order": "slowest"},
        more_is="bad",
        help=texts("1 turn in 20 takes longer than this."),
        notes=notes,
    )


def _success(view: View, found: Overview) -> Card:
    texts, total = view.texts, found.total
    return Card(
        texts("Success"),
        texts.percent(total.success_rate),
        found.trends.get("success_rate"),
        texts("{count} turns that failed", count=texts.number(total.error)),
        query={"outcome": "error"},
        more_is="good",
        is_share=True,
        help=texts("Answered turns of those that were answered or failed. Stopped and waiting turns did not fail."),
    )


def _satisfaction(view: View, found: Overview) -> Card:
    texts, thumbs = view.texts, found.satisfaction
    notes = [texts("nobody has voted")]
    if thumbs.share is not None:
        notes = [
            texts(
                "{low} to {high} with 95% confidence, {count} votes",
                low=texts.percent(thumbs.low, 0),
                high=texts.percent(thumbs.high, 0),
                count=texts.number(thumbs.count),
            )
        ]
    down = found.total.votes - found.total.votes_up
    return Card(
        texts("Satisfaction"),
        texts.percent(thumbs.share),
        found.trends.get("satisfaction"),
        texts("{count} thumbs down", count=texts.number(down)),
        query={"scored": "down"},
        more_is="good",
        is_share=True,
        help=texts("Thumbs up of all thumbs. The interval says how far a few votes can be trusted."),
        notes=notes,
    )
