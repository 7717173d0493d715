"""Comments on traces, observations, sessions and prompts."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import duckdb
from starlette.requests import Request

from calango.server import bodies, params
from calango.server.errors import invalid, not_found, problem
from calango.server.http import Json, object_of, project_of, reading, writing
from calango.server.times import iso_ms
from calango.store import query, tables
from calango.store.tables import Row

_OBJECTS = ("TRACE", "OBSERVATION", "SESSION", "PROMPT")
_LIMIT = 5000


def comment_v1(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "projectId": row["project_id"],
        "objectType": row["object_type"],
        "objectId": row["object_id"],
        "content": row["content"],
        "authorUserId": row["author_user_id"],
        "createdAt": iso_ms(row["created_ns"]),
        "updatedAt": iso_ms(row["updated_ns"]),
    }


async def create(request: Request) -> Json:
    body, project_id = await object_of(request), project_of(request)
    content = bodies.text(body, "content")
    if len(content) > _LIMIT:
        raise invalid(problem(["content"], f"Too big: expected string to have <={_LIMIT} characters", "too_big"))
    if bodies.text(body, "projectId") != project_id:
        raise invalid(problem(["projectId"], "The project of the comment is not the project of the API key"))
    row: Row = {
        "project_id": project_id,
        "id": str(uuid4()),
        "object_type": bodies.choice(body, "objectType", _OBJECTS),
        "object_id": bodies.text(body, "objectId"),
        "content": content,
        "author_user_id": bodies.optional_text(body, "authorUserId"),
    }
    await writing(request, lambda db: tables.insert(db, "comments", row))
    return Json({"id": row["id"]})


async def list_comments(request: Request) -> Json:
    given = request.query_params
    page, limit = params.page_of(given)
    where = query.of_project(project_of(request)).equal("object_type", params.text(given, "objectType"))
    where.equal("object_id", params.text(given, "objectId"))
    where.equal("author_user_id", params.text(given, "authorUserId"))

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        rows = tables.select(db, "comments", where, limit=limit, offset=(page - 1) * limit)
        meta = params.page_meta(page, limit, query.count(db, "comments", where))
        return {"data": [comment_v1(row) for row in rows], "meta": meta}

    return Json(await reading(request, read))


async def get(request: Request) -> Json:
    where = query.of_project(project_of(request)).equal("id", request.path_params["comment_id"])
    row = await reading(request, lambda db: tables.first(db, "comments", where))
    if row is None:
        raise not_found("Comment not found within authorized project")
    return Json(comment_v1(row))
