"""Datasets and their items."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import duckdb
from starlette.requests import Request

from calango.server import bodies, params
from calango.server.errors import not_found, refused
from calango.server.http import Json, object_of, project_of, reading, writing
from calango.server.routes.media import signed_url
from calango.server.shapes import as_dict, as_list
from calango.server.times import iso_ms
from calango.store import items, query, tables
from calango.store.tables import Row

STATUSES = ("ACTIVE", "ARCHIVED")
_REFERENCE = re.compile(r"@@@langfuseMedia:type=[^|@]+\|id=([^|@]+)\|source=[^|@]+@@@")
_MEDIA_FIELDS = {"input": "input_json", "expectedOutput": "expected_output_json", "metadata": "metadata_json"}


def dataset_v2(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "projectId": row["project_id"],
        "name": row["name"],
        "description": row["description"],
        "metadata": row["metadata_json"],
        "inputSchema": row["input_schema_json"],
        "expectedOutputSchema": row["expected_output_schema_json"],
        "createdAt": iso_ms(row["created_ns"]),
        "updatedAt": iso_ms(row["updated_ns"]),
    }


def item_v1(row: Row, dataset_name: str, media: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "id": row["id"],
        "datasetId": row["dataset_id"],
        "datasetName": dataset_name,
        "status": row["status"],
        "input": row["input_json"],
        "expectedOutput": row["expected_output_json"],
        "metadata": row["metadata_json"],
        "sourceTraceId": row["source_trace_id"],
        "sourceObservationId": row["source_observation_id"],
        "createdAt": iso_ms(row["created_ns"]),
        "updatedAt": iso_ms(row["updated_ns"]),
        "version": iso_ms(row["updated_ns"]),
        "mediaReferences": media or [],
    }


def _references(node: Any, path: str = "$") -> Iterator[tuple[str, str, str]]:
    """JSONPath, reference and media id of every media reference in a value."""
    if isinstance(node, str):
        for match in _REFERENCE.finditer(node):
            yield path, match.group(), match.group(1)
    elif (mapping := as_dict(node)) is not None:
        for key, value in mapping.items():
            yield from _references(value, f"{path}['{key}']")
    else:
        for index, value in enumerate(as_list(node) or []):
            yield from _references(value, f"{path}[{index}]")


def with_media(request: Request, db: duckdb.DuckDBPyConnection, row: Row, dataset_name: str) -> dict[str, Any]:
    """The item, its media references resolved; those to bytes that are not here are left out."""
    found = [(field, *reference) for field, column in _MEDIA_FIELDS.items() for reference in _references(row[column])]
    if not found:
        return item_v1(row, dataset_name)
    project_id = row["project_id"]
    known = {
        id_: (kind, length)
        for id_, kind, length in db.execute(
            "SELECT id, content_type, content_length FROM media"
            " WHERE project_id = ? AND content IS NOT NULL AND id IN (SELECT unnest(?))",
            [project_id, [id_ for *_, id_ in found]],
        ).fetchall()
    }
    media: list[dict[str, Any]] = []
    for field, path, reference, id_ in found:
        if id_ in known:
            kind, length = known[id_]
            url, expires = signed_url(request, project_id, id_)
            whole = {"mediaId": id_, "contentType": kind, "contentLength": length, "url": url, "urlExpiry": expires}
            media.append({"field": field, "referenceString": reference, "jsonPath": path, "media": whole})
    return item_v1(row, dataset_name, media)


def find_dataset(db: duckdb.DuckDBPyConnection, project_id: str, name: str) -> Row:
    row = tables.first(db, "datasets", query.of_project(project_id).equal("name", name))
    if row is None:
        raise not_found("Dataset not found")
    return row


async def create(request: Request) -> Json:
    return Json(dataset_v2(await put_dataset(request)))


async def put_dataset(request: Request) -> Row:
    """Creates the dataset of the request's body, or changes the one with this name."""
    body, project_id = await object_of(request), project_of(request)
    name = bodies.text(body, "name")
    values: Row = {
        "description": bodies.optional_text(body, "description"),
        "metadata_json": body.get("metadata"),
        "input_schema_json": body.get("inputSchema"),
        "expected_output_schema_json": body.get("expectedOutputSchema"),
    }

    def write(db: duckdb.DuckDBPyConnection) -> Row:
        where = query.of_project(project_id).equal("name", name)
        if tables.first(db, "datasets", where) is None:
            return tables.insert(db, "datasets", {"project_id": project_id, "id": uuid4().hex, "name": name, **values})
        given = {key: value for key, value in values.items() if value is not None}
        tables.update(db, "datasets", where, given)
        return find_dataset(db, project_id, name)

    return await writing(request, write)


async def list_datasets(request: Request) -> Json:
    page, limit = params.page_of(request.query_params)
    where = query.of_project(project_of(request))

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        rows = tables.select(db, "datasets", where, limit=limit, offset=(page - 1) * limit)
        meta = params.page_meta(page, limit, query.count(db, "datasets", where))
        return {"data": [dataset_v2(row) for row in rows], "meta": meta}

    return Json(await reading(request, read))


async def get(request: Request) -> Json:
    project_id, name = project_of(request), request.path_params["name"]
    return Json(dataset_v2(await reading(request, lambda db: find_dataset(db, project_id, name))))


async def put_item(request: Request) -> Json:
    """Creates the item, or changes the one with this id."""
    body, project_id = await object_of(request), project_of(request)
    name, item_id = bodies.text(body, "datasetName"), bodies.optional_text(body, "id") or str(uuid4())
    values: Row = {
        "status": bodies.choice(body, "status", STATUSES, "ACTIVE"),
        "input_json": body.get("input"),
        "expected_output_json": body.get("expectedOutput"),
        "metadata_json": body.get("metadata"),
        "source_trace_id": bodies.optional_text(body, "sourceTraceId"),
        "source_observation_id": bodies.optional_text(body, "sourceObservationId"),
    }

    def write(db: duckdb.DuckDBPyConnection) -> Row:
        dataset = find_dataset(db, project_id, name)
        where = query.of_project(project_id).equal("id", item_id)
        old = tables.first(db, items.PRESENT, where)
        if old is None:
            keys = {"project_id": project_id, "id": item_id, "dataset_id": dataset["id"]}
            return tables.insert(db, items.PRESENT, keys | values)
        if old["dataset_id"] != dataset["id"]:
            raise not_found(f"The dataset item with id {item_id} already exists in a dataset other than {name}")
        given = {key: value for key, value in values.items() if value is not None}
        if body.get("status") is None:
            del given["status"]
        return items.change(db, where, given)

    return Json(item_v1(await writing(request, write), name))


async def list_items(request: Request) -> Json:
    given, project_id = request.query_params, project_of(request)
    page, limit = params.page_of(given)
    name = params.text(given, "datasetName")
    version = params.moment(given, "version")
    if version is not None and name is None:
        raise refused("A version needs datasetName beside it.")
    where = query.of_project(project_id)
    where.equal("source_trace_id", params.text(given, "sourceTraceId"))
    where.equal("source_observation_id", params.text(given, "sourceObservationId"))
    table = items.PRESENT if version is None else items.EVER
    if version is not None:
        items.at(where, version)

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        if name is not None:
            where.equal("dataset_id", find_dataset(db, project_id, name)["id"])
        rows = tables.select(db, table, where, limit=limit, offset=(page - 1) * limit)
        names = {row["id"]: row["name"] for row in tables.select(db, "datasets", query.of_project(project_id))}
        meta = params.page_meta(page, limit, query.count(db, table, where))
        return {"data": [with_media(request, db, row, names.get(row["dataset_id"], "")) for row in rows], "meta": meta}

    return Json(await reading(request, read))


async def get_item(request: Request) -> Json:
    project_id, item_id = project_of(request), request.path_params["item_id"]

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        row = tables.first(db, items.PRESENT, query.of_project(project_id).equal("id", item_id))
        if row is None:
            raise not_found("Dataset item not found")
        dataset = tables.first(db, "datasets", query.of_project(project_id).equal("id", row["dataset_id"]))
        return with_media(request, db, row, dataset["name"] if dataset else "")

    return Json(await reading(request, read))


async def delete_item(request: Request) -> Json:
    project_id, item_id = project_of(request), request.path_params["item_id"]

    def write(db: duckdb.DuckDBPyConnection) -> None:
        if not items.delete(db, query.of_project(project_id).equal("id", item_id)):
            raise not_found("Dataset item not found")

    await writing(request, write)
    return Json({"message": "Dataset item successfully deleted"})
