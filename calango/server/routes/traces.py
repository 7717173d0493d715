"""Traces, derived from their observations."""

from __future__ import annotations

from typing import Any

import duckdb
from starlette.requests import Request

from calango.server import params, wire
from calango.server.errors import invalid, not_found, problem
from calango.server.http import Json, context_of, object_of, project_of, reading, writing
from calango.server.shapes import as_list
from calango.server.wire_scores import score_v1
from calango.store import query
from calango.store.derive import Trace, trace_of
from calango.store.write import delete_traces

_NO_PRICE: dict[str, float | None] = {"input": 0, "output": 0, "total": 0}


def find_trace(db: duckdb.DuckDBPyConnection, project_id: str, trace_id: str) -> Trace | None:
    """The whole trace, its observations earliest first."""
    where = query.of_project(project_id).equal("trace_id", trace_id)
    rows = query.observations(db, where, order="start_ns, id")
    return trace_of(trace_id, rows, query.traces_said(db, project_id, [trace_id]).get(trace_id))


def traces_by_id(
    db: duckdb.DuckDBPyConnection, project_id: str, ids: list[str], *, io: bool = True
) -> dict[str, Trace]:
    """Many traces in the order of `ids`; of their observations only the first has input and output."""
    rows = query.trace_rows(db, project_id, ids, io=io)
    said = query.traces_said(db, project_id, ids)
    found = {id_: trace_of(id_, rows.get(id_, []), said.get(id_)) for id_ in ids}
    return {id_: trace for id_, trace in found.items() if trace is not None}


def _fields(request: Request) -> frozenset[str]:
    asked = frozenset(params.listed(request.query_params, "fields"))
    return asked & wire.TRACE_FIELDS if asked else wire.TRACE_FIELDS


async def get_trace(request: Request) -> Json:
    project_id, trace_id = project_of(request), request.path_params["trace_id"]
    fields, prices = _fields(request), context_of(request).prices

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        trace = find_trace(db, project_id, trace_id)
        if trace is None:
            raise not_found(f"Trace {trace_id} not found within authorized project")
        scores = query.scores(db, query.of_project(project_id).equal("trace_id", trace_id))
        observations = [
            wire.observation_v1(row, prices=_NO_PRICE | prices.unit_prices(row)) for row in trace.observations
        ]
        return wire.trace_v1(trace, fields, observations=observations, scores=[score_v1(score) for score in scores])

    return Json(await reading(request, read))


def _order(text: str | None) -> str:
    name, _, direction = (text or "timestamp.desc").partition(".")
    if name not in query.TRACE_ORDER or direction.lower() not in {"", "asc", "desc"}:
        raise invalid(problem(["orderBy"], f"Invalid option: expected one of {'|'.join(query.TRACE_ORDER)}"))
    return f"{query.TRACE_ORDER[name]} {'DESC' if direction.lower() == 'desc' else 'ASC'}"


async def list_traces(request: Request) -> Json:
    given, project_id = request.query_params, project_of(request)
    page, limit = params.page_of(given)
    fields, order = _fields(request), _order(given.get("orderBy"))
    wanted = query.TraceFilter(
        user_id=params.text(given, "userId"),
        session_id=params.text(given, "sessionId"),
        name=params.text(given, "name"),
        tags=tuple(params.listed(given, "tags")),
        version=params.text(given, "version"),
        release=params.text(given, "release"),
        environments=tuple(params.listed(given, "environment")),
        from_ns=params.moment(given, "fromTimestamp"),
        to_ns=params.moment(given, "toTimestamp"),
    )

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        ids, total = query.trace_ids(db, project_id, wanted, order=order, limit=limit, offset=(page - 1) * limit)
        scores: dict[str, list[str]] = {}
        for score in query.scores(db, query.of_project(project_id).among("trace_id", ids)) if ids else []:
            scores.setdefault(score.trace_id or "", []).append(score.id)
        data = [
            wire.trace_v1(
                trace, fields, observations=[row.id for row in trace.observations], scores=scores.get(id_, [])
            )
            for id_, trace in traces_by_id(db, project_id, ids, io="io" in fields).items()
        ]
        return {"data": data, "meta": params.page_meta(page, limit, total)}

    return Json(await reading(request, read))


async def delete_trace(request: Request) -> Json:
    project_id, trace_id = project_of(request), request.path_params["trace_id"]
    await writing(request, lambda db: delete_traces(db, project_id, [trace_id]))
    return Json({"message": "Trace deleted successfully"})


async def delete_many(request: Request) -> Json:
    project_id = project_of(request)
    ids = as_list((await object_of(request)).get("traceIds"))
    if not ids or not all(isinstance(item, str) for item in ids):
        raise invalid(problem(["traceIds"], "Invalid input: expected array of strings", "invalid_type"))
    await writing(request, lambda db: delete_traces(db, project_id, ids))
    return Json({"message": "Traces deleted successfully"})
