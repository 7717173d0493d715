"""Alerts of this home, for its own key: rules and incidents, messages, acknowledging, muting, a check now."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from typing import Any

import duckdb
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from calango.alerts import journal
from calango.alerts.incidents import Incident
from calango.alerts.journal import Kept, Message
from calango.alerts.rules import Rule
from calango.alerts.texts import Text
from calango.alerts.watch import Evaluated, Watch
from calango.insights.times import iso
from calango.server import bodies, params
from calango.server.errors import not_found, refused
from calango.server.http import Json, context_of, object_of, only_home, reading, writing

PATH = "/api/calango/alerts"
_LONGEST_MUTE_S = 90 * 86_400


def _watch(request: Request) -> Watch:
    only_home(request, "manage alerts")
    watch = context_of(request).watch
    if watch is None:
        raise not_found("This server watches nothing.")
    return watch


async def overview(request: Request) -> Json:
    """Rules, mutes and incidents, the open ones first."""
    watch, now_ns = _watch(request), time.time_ns()
    project_id = watch.project_id
    limit = params.integer(request.query_params, "limit", 50, minimum=1, maximum=1000)

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        muted = journal.mutes(db, project_id, now_ns)
        return {
            "rules": [_rule(rule, muted.get(rule.name)) for rule in watch.rules.rules],
            "targets": sorted(watch.rules.targets),
            "incidents": [_incident(kept) for kept in journal.incidents(db, project_id, limit=limit)],
        }

    return Json(await reading(request, read))


async def messages(request: Request) -> Json:
    """What was told, the latest first, and what could not be delivered."""
    project_id = _watch(request).project_id
    limit = params.integer(request.query_params, "limit", 50, minimum=1, maximum=1000)
    found = await reading(request, lambda db: journal.messages(db, project_id, limit=limit))
    return Json({"messages": [_message(message) for message in found]})


async def check(request: Request) -> Json:
    """Evaluate every rule now and deliver what is due."""
    watch = _watch(request)
    found = await run_in_threadpool(watch.check, datetime.now(watch.zone))
    return Json({"rules": [_evaluated(one) for one in found]})


async def acknowledge(request: Request) -> Json:
    project_id, incident_id, now_ns = _watch(request).project_id, request.path_params["incident_id"], time.time_ns()
    if not await writing(request, lambda db: journal.acknowledge(db, project_id, incident_id, now_ns)):
        raise not_found(f"There is no open incident {incident_id[:40]}.")
    return Json({"id": incident_id})


async def mute(request: Request) -> Json:
    """`{"rule": name, "seconds": n}`; 0 seconds end a mute."""
    watch = _watch(request)
    project_id = watch.project_id
    body = await object_of(request)
    rule, seconds = bodies.text(body, "rule"), bodies.number(body, "seconds")
    if rule not in {one.name for one in watch.rules.rules}:
        raise not_found(f"There is no rule '{rule[:80]}'.")
    if seconds is None or not 0 <= seconds <= _LONGEST_MUTE_S:
        raise refused(f"seconds must be a number from 0 to {_LONGEST_MUTE_S}.")
    until_ns = time.time_ns() + int(seconds * 1e9) if seconds else 0
    await writing(request, lambda db: journal.mute(db, project_id, rule, until_ns))
    return Json({"rule": rule, "mutedUntil": iso(until_ns) if until_ns else None})


async def try_target(request: Request) -> Json:
    """Send a message to one target, to see whether it arrives."""
    watch, name = _watch(request), request.path_params["target"]
    if name not in watch.rules.targets:
        raise not_found(f"There is no target '{name[:80]}'.")
    text = Text("Calango", "Teste de alerta / test of alerts")
    error = await run_in_threadpool(watch.send, watch.rules.targets[name], text, "info")
    return Json({"target": name, "delivered": error is None, "error": error})


def _rule(rule: Rule, muted_ns: int | None) -> dict[str, Any]:
    return {
        "name": rule.name,
        "metric": rule.metric,
        "kind": rule.kind,
        "threshold": rule.threshold,
        "windowSeconds": rule.window.total_seconds(),
        "minTurns": rule.min_turns,
        "severity": rule.severity,
        "filters": dict(rule.filters),
        "to": list(rule.to),
        "mutedUntil": iso(muted_ns) if muted_ns else None,
    }


def _incident(kept: Kept) -> dict[str, Any]:
    incident: Incident = kept.incident
    return {
        "id": kept.id,
        "rule": incident.rule,
        "value": incident.value,
        "worst": incident.worst,
        "subject": incident.subject,
        "usual": incident.usual,
        "openedAt": iso(incident.opened_ns),
        "closedAt": _iso_or_none(incident.closed_ns),
        "toldAt": _iso_or_none(incident.told_ns),
        "acknowledgedAt": _iso_or_none(incident.acknowledged_ns),
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "incidentId": message.incident_id,
        "news": message.news,
        "target": message.target,
        "title": message.title,
        "body": message.body,
        "createdAt": iso(message.created_ns),
        "sentAt": _iso_or_none(message.sent_ns),
        "attempts": message.attempts,
        "error": message.error,
        "givenUp": message.is_given_up,
    }


def _evaluated(one: Evaluated) -> dict[str, Any]:
    return {
        "rule": one.rule.name,
        "severity": one.rule.severity,
        "reading": asdict(one.reading),
        "threshold": one.rule.threshold,
        "incident": _incident(one.incident) if one.incident else None,
        "muted": one.muted,
    }


def _iso_or_none(ns: int | None) -> str | None:
    return None if ns is None else iso(ns)


ROUTES: list[BaseRoute] = [
    Route(PATH, overview),
    Route(f"{PATH}/messages", messages),
    Route(f"{PATH}/check", check, methods=["POST"]),
    Route(f"{PATH}/mutes", mute, methods=["PUT"]),
    Route(f"{PATH}/incidents/{{incident_id}}/acknowledge", acknowledge, methods=["POST"]),
    Route(f"{PATH}/targets/{{target}}/try", try_target, methods=["POST"]),
]
