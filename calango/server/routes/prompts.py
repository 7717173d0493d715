"""Prompts: versions of a name, found by label or number, with other prompts put in where they are referred to."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import duckdb
import orjson
from starlette.requests import Request
from starlette.responses import Response

from calango.server import bodies, params
from calango.server.errors import invalid, not_found, problem, refused
from calango.server.http import Json, object_of, project_of, reading, writing
from calango.server.shapes import as_list
from calango.server.times import iso_ms
from calango.store import query, tables
from calango.store.tables import Row

LATEST, PRODUCTION = "latest", "production"
_REFERENCE = re.compile(r"@@@langfusePrompt:name=([^|@\"\\]+)\|(?:version=([0-9]{1,9})|label=([^|@\"\\]+))@@@")
_DIGITS = re.compile(r"[0-9]{1,9}")
_DEPTH = 5
_MOST = 200  # prompts that are put into one
_VERSIONS = 2**31 - 1


def prompt_v2(row: Row, *, active: bool | None = None) -> dict[str, Any]:
    return {
        "id": row["id"],
        "projectId": row["project_id"],
        "createdAt": iso_ms(row["created_ns"]),
        "updatedAt": iso_ms(row["updated_ns"]),
        "createdBy": "API",
        "prompt": row["prompt_json"],
        "name": row["name"],
        "version": row["version"],
        "type": row["type"],
        "isActive": active,
        "config": row["config_json"],
        "tags": row["tags"],
        "labels": row["labels"],
        "commitMessage": row["commit_message"],
    }


async def create(request: Request) -> Json:
    """A new version. It becomes `latest`, and takes its labels from the versions that had them."""
    body, project_id = await object_of(request), project_of(request)
    name, kind = bodies.text(body, "name"), bodies.choice(body, "type", ("text", "chat"), "text")
    prompt = body.get("prompt")
    if kind == "text" and not isinstance(prompt, str):
        raise invalid(bodies.expected(["prompt"], "string", prompt, given="prompt" in body))
    if kind == "chat" and as_list(prompt) is None:
        raise invalid(bodies.expected(["prompt"], "array", prompt, given="prompt" in body))
    labels = [label for label in dict.fromkeys(bodies.texts(body, "labels")) if label != LATEST]
    tags = bodies.texts(body, "tags") if body.get("tags") is not None else None
    message = bodies.optional_text(body, "commitMessage")
    config: Any = body.get("config") if body.get("config") is not None else {}

    def write(db: duckdb.DuckDBPyConnection) -> Row:
        where = query.of_project(project_id).equal("name", name)
        last = tables.first(db, "prompts", where, "version DESC")
        if last is not None and last["type"] != kind:
            raise refused("Previous versions have different prompt type. Create a new prompt with a different name.")
        _take_labels(db, where, [*labels, LATEST])
        row: Row = {
            "project_id": project_id,
            "id": str(uuid4()),
            "name": name,
            "version": last["version"] + 1 if last else 1,
            "type": kind,
            "prompt_json": prompt,
            "config_json": config,
            "labels": [*labels, LATEST],
            "tags": tags if tags is not None else (last["tags"] if last else []),
            "commit_message": message,
        }
        if tags is not None and last is not None:
            tables.update(db, "prompts", where, {"tags": tags})
        return tables.insert(db, "prompts", row)

    return Json(prompt_v2(await writing(request, write)), 201)


def _take_labels(db: duckdb.DuckDBPyConnection, where: query.Where, labels: list[str]) -> None:
    for row in tables.select(db, "prompts", where):
        left = [label for label in row["labels"] if label not in labels]
        if left != row["labels"]:
            one = query.of_project(row["project_id"]).equal("id", row["id"])
            tables.update(db, "prompts", one, {"labels": left})


def _version(request: Request) -> int | None:
    if not request.query_params.get("version"):
        return None
    return params.integer(request.query_params, "version", 1, minimum=1, maximum=_VERSIONS)


def _number(text: str) -> int:
    if not _DIGITS.fullmatch(text):
        raise invalid(bodies.expected(["version"], "number", text))
    return int(text)


def find_prompt(
    db: duckdb.DuckDBPyConnection, project_id: str, name: str, *, version: int | None, label: str | None
) -> Row:
    """By version, or by label (`production` when neither is given)."""
    where = query.of_project(project_id).equal("name", name)
    if version is not None:
        where.add("version = ?", version)
        wanted = f"version {version}"
    else:
        label = label or PRODUCTION
        where.add("list_contains(labels, ?)", label)
        wanted = f"label '{label}'"
    row = tables.first(db, "prompts", where, "version DESC")
    if row is None:
        raise not_found(f"Prompt not found: '{name}' with {wanted}")
    return row


async def get(request: Request) -> Json:
    given, project_id = request.query_params, project_of(request)
    name, version, label = request.path_params["name"], _version(request), params.text(given, "label")
    resolve = params.flag(given, "resolve") is not False

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        row = find_prompt(db, project_id, name, version=version, label=label)
        answer = prompt_v2(row, active=PRODUCTION in row["labels"]) | {"resolutionGraph": None}
        if resolve:
            graph: dict[str, list[dict[str, Any]]] = {}
            answer["prompt"] = orjson.loads(_resolved(db, row, graph, ()))
            if graph:
                root = {"name": row["name"], "version": row["version"], "id": row["id"]}
                answer["resolutionGraph"] = {"root": root, "dependencies": graph}
        return answer

    return Json(await reading(request, read))


def _resolved(
    db: duckdb.DuckDBPyConnection, row: Row, graph: dict[str, list[dict[str, Any]]], path: tuple[str, ...]
) -> str:
    """The prompt as JSON text, with every text prompt that it refers to put in. Circles are refused."""
    if row["id"] in path or len(path) > _DEPTH:
        raise refused(f"Prompt '{row['name']}' refers to itself, or deeper than {_DEPTH} prompts.")

    def replace(match: re.Match[str]) -> str:
        name, version, label = match.groups()
        child = find_prompt(db, row["project_id"], name, version=int(version) if version else None, label=label)
        if child["type"] != "text":
            raise refused(f"Prompt '{name}' is a chat prompt and can't be put into another one.")
        if sum(map(len, graph.values())) >= _MOST:
            raise refused(f"Prompt '{row['name']}' refers to more than {_MOST} prompts.")
        entry = {"id": child["id"], "name": name, "version": child["version"]}
        graph.setdefault(row["id"], []).append(entry)
        return _resolved(db, child, graph, (*path, row["id"]))[1:-1]

    return _REFERENCE.sub(replace, orjson.dumps(row["prompt_json"]).decode())


async def list_prompts(request: Request) -> Json:
    """One entry per name."""
    given = request.query_params
    page, limit = params.page_of(given, default=10)
    where = query.of_project(project_of(request)).equal("name", params.text(given, "name"))
    where.between("updated_ns", params.moment(given, "fromUpdatedAt"), params.moment(given, "toUpdatedAt"))
    if label := params.text(given, "label"):
        where.add("list_contains(labels, ?)", label)
    if tag := params.text(given, "tag"):
        where.add("list_contains(tags, ?)", tag)
    rows = await reading(request, lambda db: tables.select(db, "prompts", where, order="name, version"))
    names: dict[str, list[Row]] = {}
    for row in rows:
        names.setdefault(row["name"], []).append(row)
    data = [_meta(versions) for versions in list(names.values())[(page - 1) * limit : page * limit]]
    meta = params.page_meta(page, limit, len(names))
    return Json({"data": data, "meta": meta, "pagination": meta})


def _meta(versions: list[Row]) -> dict[str, Any]:
    last = versions[-1]
    return {
        "name": last["name"],
        "type": last["type"],
        "tags": last["tags"],
        "versions": [row["version"] for row in versions],
        "labels": sorted({label for row in versions for label in row["labels"]}),
        "lastUpdatedAt": iso_ms(max(row["updated_ns"] for row in versions)),
        "lastConfig": last["config_json"],
    }


async def set_labels(request: Request) -> Json:
    """`newLabels` are added to this version, and taken from the others."""
    body, project_id = await object_of(request), project_of(request)
    new = bodies.texts(body, "newLabels")
    if LATEST in new:
        raise invalid(problem(["newLabels"], f"The label '{LATEST}' is set by Langfuse itself"))
    name, version = request.path_params["name"], _number(request.path_params["version"])

    def write(db: duckdb.DuckDBPyConnection) -> Row:
        row = find_prompt(db, project_id, name, version=version, label=None)
        _take_labels(db, query.of_project(project_id).equal("name", name).add("id <> ?", row["id"]), new)
        labels = list(dict.fromkeys([*row["labels"], *new]))
        one = query.of_project(project_id).equal("id", row["id"])
        tables.update(db, "prompts", one, {"labels": labels})
        return row | {"labels": labels}

    row = await writing(request, write)
    return Json(prompt_v2(row, active=PRODUCTION in row["labels"]))


async def delete(request: Request) -> Response:
    """All versions of a name, or those with a label or number. The newest that is left becomes `latest`."""
    given, project_id = request.query_params, project_of(request)
    name, version, label = request.path_params["name"], _version(request), params.text(given, "label")

    def write(db: duckdb.DuckDBPyConnection) -> None:
        all_versions = query.of_project(project_id).equal("name", name)
        where = query.of_project(project_id).equal("name", name).equal("version", version)
        if label is not None:
            where.add("list_contains(labels, ?)", label)
        if not tables.delete(db, "prompts", where):
            raise not_found(f"Prompt not found: '{name}'")
        last = tables.first(db, "prompts", all_versions, "version DESC")
        if last is not None and LATEST not in last["labels"]:
            one = query.of_project(project_id).equal("id", last["id"])
            tables.update(db, "prompts", one, {"labels": [*last["labels"], LATEST]})

    await writing(request, write)
    return Response(status_code=204)
