"""Datasets as version 3 of the JavaScript SDK, and what is older, ask for them: with their items and runs."""

from __future__ import annotations

from typing import Any

import duckdb
from starlette.requests import Request

from calango.server import params
from calango.server.http import Json, project_of, reading
from calango.server.routes.datasets import dataset_v2, find_dataset, item_v1, put_dataset
from calango.store import items, query, tables


async def create(request: Request) -> Json:
    return Json(dataset_v2(await put_dataset(request)) | {"items": [], "runs": []})


async def list_datasets(request: Request) -> Json:
    """Items and runs by their ids and names only."""
    page, limit = params.page_of(request.query_params)
    where = query.of_project(project_of(request))

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        rows = tables.select(db, "datasets", where, limit=limit, offset=(page - 1) * limit)
        data: list[dict[str, Any]] = []
        for row in rows:
            found = _active(db, row["project_id"], row["id"])
            data.append(dataset_v2(row) | {"items": [item["id"] for item in found], "runs": _runs(db, row)})
        return {"data": data, "meta": params.page_meta(page, limit, query.count(db, "datasets", where))}

    return Json(await reading(request, read))


async def get(request: Request) -> Json:
    project_id, name = project_of(request), request.path_params["name"]

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        row = find_dataset(db, project_id, name)
        found = _active(db, project_id, row["id"])
        return dataset_v2(row) | {"items": [item_v1(item, name) for item in found], "runs": _runs(db, row)}

    return Json(await reading(request, read))


def _active(db: duckdb.DuckDBPyConnection, project_id: str, dataset_id: str) -> list[tables.Row]:
    where = query.of_project(project_id).equal("dataset_id", dataset_id).equal("status", "ACTIVE")
    return tables.select(db, items.PRESENT, where)


def _runs(db: duckdb.DuckDBPyConnection, dataset: tables.Row) -> list[str]:
    where = query.of_project(dataset["project_id"]).equal("dataset_id", dataset["id"])
    return [run["name"] for run in tables.select(db, "dataset_runs", where)]
