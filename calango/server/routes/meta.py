"""The server about itself: health, the project of a key, and what `calango status` shows."""

from __future__ import annotations

from typing import Any

import duckdb
from starlette.requests import Request

from calango.server import openapi
from calango.server.http import Json, context_of, key_of, project_of, reading
from calango.store import query


async def health(request: Request) -> Json:
    """Open to everybody. `instance` tells this server from another one that took its port."""
    context = context_of(request)
    return Json({"status": "OK", "version": context.version, "instance": context.instance_id})


async def document(request: Request) -> Json:
    """What this server takes and gives, as OpenAPI."""
    return Json(openapi.document(context_of(request).version))


async def projects(request: Request) -> Json:
    def read(db: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
        return db.execute("SELECT id, name FROM projects WHERE id = ?", [project_of(request)]).fetchall()

    organization = {"id": "local", "name": "Calango"}
    data = [
        {"id": id_, "name": name, "organization": organization, "metadata": {}}
        for id_, name in await reading(request, read)
    ]
    return Json({"data": data})


async def status(request: Request) -> Json:
    context, project_id = context_of(request), project_of(request)

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        where = query.of_project(project_id)
        traces = db.execute(
            "SELECT count(DISTINCT trace_id) FROM observations WHERE project_id = ?", [project_id]
        ).fetchone()
        return {
            "traces": traces[0] if traces else 0,
            "observations": query.count(db, "observations", where),
            "scores": query.count(db, "scores", where),
        }

    answer: dict[str, Any] = {
        "version": context.version,
        "instance": context.instance_id,
        "project_id": project_id,
        "schema": context.store.schema,
        "started_ns": context.started_ns,
        "counts": await reading(request, read),
    }
    if key_of(request).public_key == context.home_key:  # the file holds every project
        path = context.store.path
        answer |= {"database": str(path), "database_bytes": path.stat().st_size if path.exists() else 0}
        answer["sync"] = context.syncing.last if context.syncing is not None else None
    return Json(answer)
