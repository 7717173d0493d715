"""Sessions: the traces that share a session id."""

from __future__ import annotations

from typing import Any

import duckdb
from starlette.requests import Request

from calango.server import params
from calango.server.errors import not_found
from calango.server.http import Json, project_of, reading
from calango.server.routes.traces import traces_by_id
from calango.server.times import iso_ms
from calango.server.wire import trace_core
from calango.store import query

_SESSIONS = """
    SELECT session_id, min(created_ns) AS created, arg_min(environment, start_ns) AS environment
    FROM (
        SELECT session_id, created_ns, environment, start_ns FROM observations
        WHERE project_id = ? AND session_id IS NOT NULL
        UNION ALL
        SELECT session_id, created_ns, environment, timestamp_ns FROM traces
        WHERE project_id = ? AND session_id IS NOT NULL
    ) WHERE {where} GROUP BY session_id
"""


def _session(project_id: str, row: tuple[Any, ...]) -> dict[str, Any]:
    id_, created, environment = row
    return {"id": id_, "createdAt": iso_ms(created), "projectId": project_id, "environment": environment or "default"}


async def list_sessions(request: Request) -> Json:
    given, project_id = request.query_params, project_of(request)
    page, limit = params.page_of(given)
    where = query.Where().among("environment", params.listed(given, "environment"))
    created = query.Where().between(
        "created", params.moment(given, "fromTimestamp"), params.moment(given, "toTimestamp")
    )

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        grouped = f"SELECT * FROM ({_SESSIONS.format(where=where.sql)}) WHERE {created.sql}"  # noqa: S608 - names are ours
        values = [project_id, project_id, *where.params, *created.params]
        found = db.execute(f"SELECT count(*) FROM ({grouped})", values).fetchone()  # noqa: S608
        rows = db.execute(
            f"{grouped} ORDER BY created DESC, session_id LIMIT ? OFFSET ?", [*values, limit, (page - 1) * limit]
        ).fetchall()
        meta = params.page_meta(page, limit, found[0] if found else 0)
        return {"data": [_session(project_id, row) for row in rows], "meta": meta}

    return Json(await reading(request, read))


async def get_session(request: Request) -> Json:
    project_id, session_id = project_of(request), request.path_params["session_id"]

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        sql = _SESSIONS.format(where="session_id = ?")
        row = db.execute(sql, [project_id, project_id, session_id]).fetchone()
        if row is None:
            raise not_found("Session not found")
        ids, _ = query.trace_ids(db, project_id, query.TraceFilter(session_id=session_id), limit=2**31)
        traces = [trace_core(trace) for trace in traces_by_id(db, project_id, ids).values()]
        return _session(project_id, row) | {"traces": traces}

    return Json(await reading(request, read))
