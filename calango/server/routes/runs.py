"""Dataset runs (SDK 4): a run is made by its first item."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import duckdb
from starlette.requests import Request

from calango.server import bodies, params
from calango.server.errors import invalid, not_found, problem
from calango.server.http import Json, object_of, project_of, reading, writing
from calango.server.routes.datasets import find_dataset
from calango.server.times import iso_ms
from calango.store import query, tables
from calango.store.tables import Row


def run_v1(row: Row, dataset_name: str) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "metadata": row["metadata_json"] if row["metadata_json"] is not None else {},
        "datasetId": row["dataset_id"],
        "datasetName": dataset_name,
        "createdAt": iso_ms(row["created_ns"]),
        "updatedAt": iso_ms(row["updated_ns"]),
    }


def run_item_v1(row: Row, run_name: str) -> dict[str, Any]:
    return {
        "id": row["id"],
        "datasetRunId": row["run_id"],
        "datasetRunName": run_name,
        "datasetItemId": row["item_id"],
        "traceId": row["trace_id"],
        "observationId": row["observation_id"],
        "createdAt": iso_ms(row["created_ns"]),
        "updatedAt": iso_ms(row["updated_ns"]),
    }


async def put_item(request: Request) -> Json:
    body, project_id = await object_of(request), project_of(request)
    name, item_id = bodies.text(body, "runName"), bodies.text(body, "datasetItemId")
    trace_id, observation_id = bodies.optional_text(body, "traceId"), bodies.optional_text(body, "observationId")
    values: Row = {
        "description": bodies.optional_text(body, "runDescription"),
        "metadata_json": body.get("metadata"),
    }
    if trace_id is None and observation_id is None:
        raise invalid(problem(["traceId"], "traceId or observationId is required"))

    def write(db: duckdb.DuckDBPyConnection) -> Row:
        item = tables.first(db, "dataset_items", query.of_project(project_id).equal("id", item_id))
        if item is None:
            raise not_found(f"Dataset item not found or not active: {item_id}")
        run = _run(db, project_id, item["dataset_id"], name, values)
        row: Row = {
            "project_id": project_id,
            "id": str(uuid4()),
            "run_id": run["id"],
            "item_id": item_id,
            "trace_id": trace_id or _trace_of(db, project_id, observation_id or ""),
            "observation_id": observation_id,
        }
        same = query.of_project(project_id).equal("run_id", run["id"]).equal("item_id", item_id)
        tables.delete(db, "dataset_run_items", same.equal("trace_id", row["trace_id"]))
        return tables.insert(db, "dataset_run_items", row)

    return Json(run_item_v1(await writing(request, write), name))


def _run(db: duckdb.DuckDBPyConnection, project_id: str, dataset_id: str, name: str, values: Row) -> Row:
    where = query.of_project(project_id).equal("dataset_id", dataset_id).equal("name", name)
    run = tables.first(db, "dataset_runs", where)
    if run is None:
        keys = {"project_id": project_id, "id": str(uuid4()), "dataset_id": dataset_id, "name": name}
        return tables.insert(db, "dataset_runs", keys | values)
    given = {key: value for key, value in values.items() if value is not None}
    if given:
        tables.update(db, "dataset_runs", where, given)
    return run | given


def _trace_of(db: duckdb.DuckDBPyConnection, project_id: str, observation_id: str) -> str:
    rows = query.observations(db, query.of_project(project_id).equal("id", observation_id), limit=1, wide=())
    if not rows:
        raise not_found("Observation not found")
    return rows[0].trace_id


async def list_runs(request: Request) -> Json:
    project_id, name = project_of(request), request.path_params["name"]
    page, limit = params.page_of(request.query_params)

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        where = query.of_project(project_id).equal("dataset_id", find_dataset(db, project_id, name)["id"])
        rows = tables.select(db, "dataset_runs", where, limit=limit, offset=(page - 1) * limit)
        meta = params.page_meta(page, limit, query.count(db, "dataset_runs", where))
        return {"data": [run_v1(row, name) for row in rows], "meta": meta}

    return Json(await reading(request, read))


def _find_run(db: duckdb.DuckDBPyConnection, project_id: str, dataset_id: str, name: str, missing: str) -> Row:
    where = query.of_project(project_id).equal("dataset_id", dataset_id).equal("name", name)
    run = tables.first(db, "dataset_runs", where)
    if run is None:
        raise not_found(missing)
    return run


async def get_run(request: Request) -> Json:
    project_id, name, run_name = project_of(request), request.path_params["name"], request.path_params["run_name"]

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        dataset = find_dataset(db, project_id, name)
        run = _find_run(db, project_id, dataset["id"], run_name, "Dataset run not found")
        items = tables.select(db, "dataset_run_items", query.of_project(project_id).equal("run_id", run["id"]))
        return run_v1(run, name) | {"datasetRunItems": [run_item_v1(item, run_name) for item in items]}

    return Json(await reading(request, read))


async def delete_run(request: Request) -> Json:
    project_id, name, run_name = project_of(request), request.path_params["name"], request.path_params["run_name"]

    def write(db: duckdb.DuckDBPyConnection) -> None:
        dataset = find_dataset(db, project_id, name)
        run = _find_run(db, project_id, dataset["id"], run_name, "Dataset run not found")
        tables.delete(db, "dataset_run_items", query.of_project(project_id).equal("run_id", run["id"]))
        tables.delete(db, "dataset_runs", query.of_project(project_id).equal("id", run["id"]))

    await writing(request, write)
    return Json({"message": "Dataset run successfully deleted"})


async def list_run_items(request: Request) -> Json:
    project_id, given = project_of(request), request.query_params
    page, limit = params.page_of(given)
    dataset_id, run_name = params.text(given, "datasetId"), params.text(given, "runName")
    if dataset_id is None or run_name is None:
        missing = "datasetId" if dataset_id is None else "runName"
        raise invalid(bodies.expected([missing], "string", None, given=False))

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        missing = "Dataset run not found for the given project and dataset id"
        run = _find_run(db, project_id, dataset_id, run_name, missing)
        where = query.of_project(project_id).equal("run_id", run["id"])
        rows = tables.select(db, "dataset_run_items", where, limit=limit, offset=(page - 1) * limit)
        meta = params.page_meta(page, limit, query.count(db, "dataset_run_items", where))
        return {"data": [run_item_v1(row, run_name) for row in rows], "meta": meta}

    return Json(await reading(request, read))
