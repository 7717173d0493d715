"""Models with prices of their own. The price list that ships with Calango stands behind them, read-only."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import duckdb
from starlette.requests import Request
from starlette.responses import Response

from calango.server import bodies, params
from calango.server.costs import model_v1, pattern_of, price_list
from calango.server.errors import invalid, not_found, problem, refused
from calango.server.http import Json, context_of, object_of, project_of, reading, writing
from calango.server.shapes import as_dict, as_list
from calango.server.times import iso_ms, iso_ms_or_none, parse_iso
from calango.store import query, tables
from calango.store.tables import Row

_UNITS = ("TOKENS", "CHARACTERS", "MILLISECONDS", "SECONDS", "IMAGES", "REQUESTS")


def _answer(row: Row) -> dict[str, Any]:
    return model_v1(row | {"start_date": iso_ms_or_none(row["start_ns"]), "created_at": iso_ms(row["created_ns"])})


def _prices(body: dict[str, Any]) -> dict[str, float]:
    """From the flat fields, or from the default tier of `pricingTiers`."""
    flat = (("inputPrice", "input"), ("outputPrice", "output"), ("totalPrice", "total"))
    prices = {kind: price for name, kind in flat if (price := bodies.number(body, name)) is not None}
    for tier in as_list(body.get("pricingTiers")) or []:
        found = as_dict(tier) or {}
        if found.get("isDefault") is True:
            given = as_dict(found.get("prices")) or {}
            prices |= {kind: price for kind in given if (price := bodies.number(given, kind)) is not None}
    if not prices or any(Decimal(str(price)) < 0 for price in prices.values()):
        raise invalid(problem(["inputPrice"], "A model needs at least one price, and none below zero"))
    return prices


async def create(request: Request) -> Json:
    row = _row(await object_of(request), project_of(request), str(uuid4()))
    return await _stored(request, lambda db: tables.insert(db, "models", row))


async def put(request: Request) -> Json:
    """Creates the project's model with this id, or replaces it."""
    model_id = request.path_params["model_id"]
    row = _row(await object_of(request), project_of(request), model_id)
    if any(model["id"] == model_id for model in price_list()):
        raise refused("Models of the price list can't be changed. Create one with another id.")
    where = query.of_project(row["project_id"]).equal("id", model_id)

    def write(db: duckdb.DuckDBPyConnection) -> Row:
        old = tables.first(db, "models", where)
        if old is None:
            return tables.insert(db, "models", row)
        tables.update(db, "models", where, row)
        return old | row

    return await _stored(request, write)


async def _stored(request: Request, write: Callable[[duckdb.DuckDBPyConnection], Row]) -> Json:
    stored = await writing(request, write)
    await reading(request, context_of(request).prices.reload)
    return Json(_answer(stored))


def _row(body: dict[str, Any], project_id: str, model_id: str) -> Row:
    pattern, start = bodies.text(body, "matchPattern"), bodies.optional_text(body, "startDate")
    if pattern_of(pattern) is None:
        raise invalid(problem(["matchPattern"], "Not a valid regular expression (RE2)"))
    try:
        start_ns = None if start is None else parse_iso(start)
    except ValueError:
        raise invalid(problem(["startDate"], "Invalid ISO datetime", "invalid_format")) from None
    return {
        "project_id": project_id,
        "id": model_id,
        "model_name": bodies.text(body, "modelName"),
        "match_pattern": pattern,
        "start_ns": start_ns,
        "unit": bodies.choice(body, "unit", _UNITS, "TOKENS"),
        "prices_json": _prices(body),
        "tokenizer_id": bodies.optional_text(body, "tokenizerId"),
        "tokenizer_config_json": body.get("tokenizerConfig"),
    }


async def list_models(request: Request) -> Json:
    """The project's own models first."""
    page, limit = params.page_of(request.query_params)
    where = query.of_project(project_of(request))
    own = [_answer(row) for row in await reading(request, lambda db: tables.select(db, "models", where))]
    whole = own + price_list()
    data = whole[(page - 1) * limit : page * limit]
    return Json({"data": data, "meta": params.page_meta(page, limit, len(whole))})


async def get(request: Request) -> Json:
    where = query.of_project(project_of(request)).equal("id", request.path_params["model_id"])
    row = await reading(request, lambda db: tables.first(db, "models", where))
    if row is not None:
        return Json(_answer(row))
    listed = next((model for model in price_list() if model["id"] == request.path_params["model_id"]), None)
    if listed is None:
        raise not_found("No model with this id found.")
    return Json(listed)


async def delete(request: Request) -> Response:
    where = query.of_project(project_of(request)).equal("id", request.path_params["model_id"])

    def write(db: duckdb.DuckDBPyConnection) -> None:
        if not tables.delete(db, "models", where):
            raise not_found("No model with this id found. Models of the price list can't be deleted.")

    await writing(request, write)
    await reading(request, context_of(request).prices.reload)
    return Response(status_code=204)
