"""Score configs: what a score of a name may be."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import duckdb
from starlette.requests import Request

from calango.server import bodies, params
from calango.server.errors import invalid, not_found, problem
from calango.server.http import Json, object_of, project_of, reading, writing
from calango.server.shapes import as_dict, as_list
from calango.server.times import iso_ms
from calango.store import query, tables
from calango.store.tables import Row

_TYPES = ("NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT")
_YES_NO = [{"label": "True", "value": 1}, {"label": "False", "value": 0}]


def config_v1(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "projectId": row["project_id"],
        "dataType": row["data_type"],
        "isArchived": row["is_archived"],
        "description": row["description"],
        "minValue": row["min_value"],
        "maxValue": row["max_value"],
        "categories": row["categories_json"],
        "createdAt": iso_ms(row["created_ns"]),
        "updatedAt": iso_ms(row["updated_ns"]),
    }


def _categories(body: dict[str, Any]) -> list[dict[str, Any]] | None:
    if body.get("categories") is None:
        return None
    items = [as_dict(item) for item in as_list(body["categories"]) or []]
    found = [{"label": bodies.text(item, "label"), "value": bodies.number(item, "value")} for item in items if item]
    if len(found) != len(items) or not found or len({item["label"] for item in found}) != len(found):
        raise invalid(problem(["categories"], "Categories need distinct labels, each with a number as value"))
    return found


def _checked(kind: str, low: float | None, high: float | None, categories: list[dict[str, Any]] | None) -> None:
    if (low is not None or high is not None) and kind != "NUMERIC":
        raise invalid(problem(["minValue"], f"A range is not allowed for data type {kind}"))
    if low is not None and high is not None and low >= high:
        raise invalid(problem(["maxValue"], "Maximum value must be greater than Minimum value"))
    if categories is None and kind == "CATEGORICAL":
        raise invalid(problem(["categories"], "At least one category is required for data type CATEGORICAL"))
    if categories is not None and kind not in {"CATEGORICAL", "BOOLEAN"}:
        raise invalid(problem(["categories"], f"Categories are not allowed for data type {kind}"))


def configured(body: dict[str, Any], config: Row | None) -> dict[str, Any]:
    """A score's body with what its config says of it; ApiError 400 when the score contradicts the config.

    `config` is the one that the body names, None when there is no such config.
    """
    if body.get("configId") is None:
        return body
    if config is None or config["is_archived"]:
        raise invalid(problem(["configId"], "The score config does not exist in this project, or is archived"))
    kind, value = config["data_type"], body.get("value")
    if body.get("name") != config["name"]:
        raise invalid(problem(["name"], f"Name does not match the config's name: {config['name']}"))
    if body.get("dataType") not in (None, kind):
        raise invalid(problem(["dataType"], f"Data type does not match the config's data type: {kind}"))
    if kind == "NUMERIC" and isinstance(value, int | float):
        low, high = config["min_value"], config["max_value"]
        if (low is not None and value < low) or (high is not None and value > high):
            raise invalid(problem(["value"], f"Value lies outside the config's range from {low} to {high}"))
    labels = [str((as_dict(item) or {}).get("label")) for item in as_list(config["categories_json"]) or []]
    if kind == "CATEGORICAL" and value not in labels:
        raise invalid(problem(["value"], "Value is none of the config's categories: " + ", ".join(labels)))
    return body | {"dataType": kind}


def configs_of(db: duckdb.DuckDBPyConnection, project_id: str, bodies_: list[Any]) -> dict[str, Row]:
    """The configs that these scores name, by id."""
    ids = [id_ for body in bodies_ if isinstance(id_ := (as_dict(body) or {}).get("configId"), str)]
    if not ids:
        return {}
    return {row["id"]: row for row in tables.select(db, "score_configs", query.of_project(project_id).among("id", ids))}


async def create(request: Request) -> Json:
    body, project_id = await object_of(request), project_of(request)
    kind, categories = bodies.choice(body, "dataType", _TYPES), _categories(body)
    low, high = bodies.number(body, "minValue"), bodies.number(body, "maxValue")
    _checked(kind, low, high, categories)
    row: Row = {
        "project_id": project_id,
        "id": str(uuid4()),
        "name": bodies.text(body, "name"),
        "data_type": kind,
        "is_archived": False,
        "description": bodies.optional_text(body, "description"),
        "min_value": low,
        "max_value": high,
        "categories_json": _YES_NO if kind == "BOOLEAN" else categories,
    }
    return Json(config_v1(await writing(request, lambda db: tables.insert(db, "score_configs", row))))


async def list_configs(request: Request) -> Json:
    page, limit = params.page_of(request.query_params)
    where = query.of_project(project_of(request))

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        rows = tables.select(db, "score_configs", where, limit=limit, offset=(page - 1) * limit)
        meta = params.page_meta(page, limit, query.count(db, "score_configs", where))
        return {"data": [config_v1(row) for row in rows], "meta": meta}

    return Json(await reading(request, read))


def _one(db: duckdb.DuckDBPyConnection, where: query.Where) -> Row:
    row = tables.first(db, "score_configs", where)
    if row is None:
        raise not_found("Score config not found within authorized project")
    return row


async def get(request: Request) -> Json:
    where = query.of_project(project_of(request)).equal("id", request.path_params["config_id"])
    return Json(config_v1(await reading(request, lambda db: _one(db, where))))


async def change(request: Request) -> Json:
    body = await object_of(request)
    where = query.of_project(project_of(request)).equal("id", request.path_params["config_id"])
    values: Row = {}
    if body.get("name") is not None:
        values["name"] = bodies.text(body, "name")
    if "description" in body:
        values["description"] = bodies.optional_text(body, "description")
    for name, column in (("minValue", "min_value"), ("maxValue", "max_value")):
        if name in body:
            values[column] = bodies.number(body, name)
    if isinstance(body.get("isArchived"), bool):
        values["is_archived"] = body["isArchived"]
    if body.get("categories") is not None:
        values["categories_json"] = _categories(body)

    def write(db: duckdb.DuckDBPyConnection) -> Row:
        whole = _one(db, where) | values
        categories = None if whole["data_type"] == "BOOLEAN" else whole["categories_json"]
        _checked(whole["data_type"], whole["min_value"], whole["max_value"], categories)
        tables.update(db, "score_configs", where, values)
        return _one(db, where)

    return Json(config_v1(await writing(request, write)))
