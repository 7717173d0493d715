"""Alerts of this home, for its own key: rules and incidents, messages, acknowledging, muting, a check now."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import duckdb
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from calango.alerts import journal, rulebook, texts
from calango.alerts.watch import Watch
from calango.errors import ConfigError, NotFound
from calango.insights.times import iso
from calango.server import bodies, params, wire_alerts
from calango.server.errors import not_found, refused
from calango.server.http import Json, context_of, object_of, only_home, project_of, reading, writing

T = TypeVar("T")
PATH = "/api/calango/alerts"
_LONGEST_MUTE_S = 90 * 86_400


def _watch(request: Request) -> Watch:
    only_home(request, "manage alerts")
    watch = context_of(request).watch
    if watch is None:
        raise not_found("This server watches nothing.")
    return watch


async def overview(request: Request) -> Json:
    """Rules, mutes and incidents, the open ones first; whether they are about the copy of a remote project."""
    watch, now_ns = _watch(request), time.time_ns()
    project_id = watch.project_id
    limit = params.integer(request.query_params, "limit", 50, minimum=1, maximum=1000)

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        muted = journal.mutes(db, project_id, now_ns)
        return {
            "rules": [
                wire_alerts.rule(one, muted.get(one.rule.name), watch.latest.get(one.rule.name))
                for one in rulebook.listed(db, project_id, watch.rules)
            ],
            "watchesCopy": project_id != project_of(request),
            "budgets": [budget.name for budget in watch.rules.budgets],
            "targets": sorted(watch.rules.targets),
            "incidents": [
                wire_alerts.incident(kept, watch.rules) for kept in journal.incidents(db, project_id, limit=limit)
            ],
        }

    return Json(await reading(request, read))


async def messages(request: Request) -> Json:
    """What was told, the latest first, and what could not be delivered."""
    project_id = _watch(request).project_id
    limit = params.integer(request.query_params, "limit", 50, minimum=1, maximum=1000)
    found = await reading(request, lambda db: journal.messages(db, project_id, limit=limit))
    return Json({"messages": [wire_alerts.message(message) for message in found]})


async def check(request: Request) -> Json:
    """Evaluate every rule now and deliver what is due."""
    watch = _watch(request)
    found = await run_in_threadpool(watch.check, datetime.now(watch.zone))
    return Json({"rules": [wire_alerts.evaluated(one, watch.rules) for one in found]})


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
    known = await reading(request, lambda db: {one.rule.name for one in rulebook.listed(db, project_id, watch.rules)})
    if rule not in known:
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
    error = await run_in_threadpool(watch.send, watch.rules.targets[name], texts.trial(watch.locale), "info")
    return Json({"target": name, "delivered": error is None, "error": error, "errorCode": wire_alerts.trouble(error)})


async def add_rule(request: Request) -> Json:
    """A rule of one's own, with the keys that the file has: in effect from the next evaluation on."""
    watch, data, now_ns = _watch(request), await object_of(request), time.time_ns()
    rule = await _ruling(request, lambda db: rulebook.add(db, watch.project_id, watch.rules, data, now_ns))
    return Json({"name": rule.name})


async def change_rule(request: Request) -> Json:
    """Put another rule, perhaps with another name, in the place of an own one."""
    watch, name = _watch(request), request.path_params["name"]
    data, now_ns = await object_of(request), time.time_ns()
    rule = await _ruling(request, lambda db: rulebook.change(db, watch.project_id, watch.rules, name, data, now_ns))
    return Json({"name": rule.name})


async def delete_rule(request: Request) -> Json:
    watch, name, now_ns = _watch(request), request.path_params["name"], time.time_ns()
    await _ruling(request, lambda db: rulebook.delete(db, watch.project_id, watch.rules, name, now_ns))
    return Json({"name": name})


async def preview(request: Request) -> Json:
    """What a rule would say now; nothing is kept."""
    watch, data = _watch(request), await object_of(request)
    try:
        rule, now, points = await run_in_threadpool(watch.preview, data, datetime.now(watch.zone))
    except ConfigError as error:
        raise refused(str(error), error) from None
    return Json(wire_alerts.preview(rule, now, points))


async def _ruling(request: Request, write: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    try:
        return await writing(request, write)
    except ConfigError as error:
        raise refused(str(error), error) from None
    except NotFound as error:
        raise not_found(str(error), error) from None


ROUTES: list[BaseRoute] = [
    Route(PATH, overview),
    Route(f"{PATH}/rules", add_rule, methods=["POST"]),
    Route(f"{PATH}/rules/{{name}}", change_rule, methods=["PUT"]),
    Route(f"{PATH}/rules/{{name}}", delete_rule, methods=["DELETE"]),
    Route(f"{PATH}/preview", preview, methods=["POST"]),
    Route(f"{PATH}/messages", messages),
    Route(f"{PATH}/check", check, methods=["POST"]),
    Route(f"{PATH}/mutes", mute, methods=["PUT"]),
    Route(f"{PATH}/incidents/{{incident_id}}/acknowledge", acknowledge, methods=["POST"]),
    Route(f"{PATH}/targets/{{target}}/try", try_target, methods=["POST"]),
]
