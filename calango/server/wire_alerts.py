"""Alerts as the server tells them: rules, incidents, messages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from calango.alerts import rulebook, sending, texts, watch
from calango.alerts.incidents import Reading, is_known
from calango.alerts.journal import Kept, Message
from calango.alerts.measure import Point
from calango.alerts.rulebook import Listed
from calango.alerts.rules import Rule, Rules, data_of
from calango.alerts.watch import Evaluated
from calango.insights.times import iso

TROUBLES = {
    sending.NOT_INSTALLED: "not_installed",
    sending.UNREADABLE: "unreadable",
    sending.FAILED: "failed",
    sending.NOT_TAKEN: "not_taken",
    sending.PRIVATE: "private",
    watch.GONE: "gone",
}
"""Why a message was not delivered -> a code that does not change with the words."""


def rule(one: Listed, muted_ns: int | None, latest: Evaluated | None) -> dict[str, Any]:
    """`data` is what a form or the file would say. `reading` is of the last evaluation, if that was of this rule."""
    found = one.rule
    data = data_of(found)
    return {
        "name": found.name,
        "metric": found.metric,
        "kind": found.kind,
        "threshold": found.threshold,
        "windowSeconds": found.window.total_seconds(),
        "minTurns": found.min_turns,
        "severity": found.severity,
        "filters": dict(found.filters),
        "to": list(found.to),
        "goneTargets": list(one.gone),
        "goneBudget": one.gone_budget,
        "source": "own" if one.is_own else "file",
        "enabled": found.enabled,
        "hidden": one.is_hidden,
        "mutedUntil": _iso_or_none(muted_ns),
        "data": data if not one.to_all else {key: data[key] for key in data if key != "to"},
        "reading": _reading(found, latest.reading, latest.at_ns) if latest and latest.rule == found else None,
    }


def _reading(about: Rule, found: Reading, at_ns: int | None = None) -> dict[str, Any]:
    known = is_known(about, found)
    exceeded = known and found.value is not None and about.is_exceeded(found.value, found.usual)
    return {
        **asdict(found),
        "subjectKind": texts.subject(about),
        "limit": about.limit(found.usual),
        "enough": known,
        "exceeded": exceeded,
        "at": _iso_or_none(at_ns),
    }


def preview(about: Rule, found: Reading, points: Sequence[Point]) -> dict[str, Any]:
    """Points are the windows before, oldest first: when each ended (with its offset), and the metric then."""
    listed = [{"end": point.end.isoformat(), "value": point.value} for point in points]
    return {"data": data_of(about), "reading": _reading(about, found), "points": listed}


def incident(kept: Kept, file: Rules) -> dict[str, Any]:
    """`asked` is its rule as it was last evaluated, null for an old one; `turns` what to ask the page of turns for."""
    found, about = kept.incident, rulebook.asked(kept.incident, file)
    return {
        "id": kept.id,
        "rule": found.rule,
        "value": found.value,
        "worst": found.worst,
        "subject": found.subject,
        "subjectKind": "user" if about is None else texts.subject(about),
        "usual": found.usual,
        "limit": None if about is None else about.limit(found.usual),
        "openedAt": iso(found.opened_ns),
        "closedAt": _iso_or_none(found.closed_ns),
        "toldAt": _iso_or_none(found.told_ns),
        "acknowledgedAt": _iso_or_none(found.acknowledged_ns),
        "asked": None if about is None else data_of(about),
        "turns": {} if about is None else texts.turns_behind(about, found),
    }


def message(found: Message) -> dict[str, Any]:
    """`retryAt` is when it is tried again, null when it went or was given up."""
    waits = found.sent_ns is None and not found.is_given_up
    return {
        "id": found.id,
        "incidentId": found.incident_id,
        "news": found.news,
        "target": found.target,
        "title": found.title,
        "body": found.body,
        "createdAt": iso(found.created_ns),
        "sentAt": _iso_or_none(found.sent_ns),
        "attempts": found.attempts,
        "retryAt": iso(found.due_ns) if waits else None,
        "error": found.error,
        "errorCode": trouble(found.error),
        "givenUp": found.is_given_up,
    }


def trouble(error: str | None) -> str | None:
    return None if error is None else TROUBLES.get(error, "failed")


def evaluated(one: Evaluated, file: Rules) -> dict[str, Any]:
    return {
        "rule": one.rule.name,
        "severity": one.rule.severity,
        "reading": asdict(one.reading),
        "threshold": one.rule.threshold,
        "incident": incident(one.incident, file) if one.incident else None,
        "muted": one.muted,
    }


def _iso_or_none(ns: int | None) -> str | None:
    return None if ns is None else iso(ns)
