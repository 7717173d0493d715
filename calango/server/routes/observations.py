"""Observations: v2 with field groups, structured filters and cursors; v1 with pages."""

from __future__ import annotations

from typing import Any

import duckdb
from starlette.datastructures import QueryParams
from starlette.requests import Request

from calango.server import params, wire, wire_v2
from calango.server.errors import invalid, not_found, problem, refused
from calango.server.http import Json, context_of, project_of, reading
from calango.server.times import parse_bound
from calango.store import query
from calango.store.filters import OBSERVATION_COLUMNS, FilterError, where_of

_V2_EQUAL = {
    "traceId": "trace_id",
    "name": "name",
    "userId": "user_id",
    "sessionId": "session_id",
    "type": "type",
    "level": "level",
    "version": "version",
}


def _plain_filters(where: query.Where, given: QueryParams) -> None:
    for name, column in _V2_EQUAL.items():
        where.equal(column, params.text(given, name))
    parent = given.get("parentObservationId")
    if parent == "":
        where.add("parent_id IS NULL")
    else:
        where.equal("parent_id", parent)
    where.equal("is_root", params.flag(given, "isRootObservation"))
    where.among("environment", params.listed(given, "environment"))
    where.between("start_ns", params.moment(given, "fromStartTime"), params.moment(given, "toStartTime"))


def _structured(where: query.Where, given: QueryParams) -> bool:
    """Add the conditions of `filter`; they take precedence over the plain parameters. False when there are none."""
    filters = params.document(given, "filter")
    if not filters:
        return False
    try:
        extra = where_of(filters, OBSERVATION_COLUMNS, parse_bound)
    except FilterError as error:
        raise refused(str(error)) from None
    where.clauses.extend(extra.clauses)
    where.params.extend(extra.params)
    return True


async def list_v2(request: Request) -> Json:
    given = request.query_params
    if params.flag(given, "parseIoAsJson"):
        message = (
            "parseIoAsJson=true is no longer supported on the v2 observations endpoint. Input/output fields are"
            " always returned as raw strings. Remove the parseIoAsJson parameter or set it to false."
        )
        raise invalid(problem(["parseIoAsJson"], message))
    limit = params.integer(given, "limit", 50, minimum=0, maximum=1000)
    groups = wire_v2.groups_of(given.get("fields"))
    expanded = params.listed(given, "expandMetadata")
    where = query.visible(query.of_project(project_of(request)))
    if not _structured(where, given):
        _plain_filters(where, given)
    cursor = given.get("cursor")
    after = wire_v2.cursor_position(cursor) if cursor else None

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        if limit == 0:
            return {"data": [], "meta": {}}
        rows = query.observations(db, where, limit=limit + 1, after=after, wide=wire_v2.wide_columns(groups))
        more, rows = len(rows) > limit, rows[:limit]
        meta = {"cursor": wire_v2.cursor_after(rows[-1])} if more else {}
        return {"data": [wire_v2.observation_v2(row, groups, expanded) for row in rows], "meta": meta}

    return Json(await reading(request, read))


async def list_v1(request: Request) -> Json:
    given = request.query_params
    page, limit = params.page_of(given)
    prices = context_of(request).prices
    where = query.of_project(project_of(request))
    if not _structured(where, given):
        _plain_filters(where, given)

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        rows = query.observations(db, where, limit=limit, offset=(page - 1) * limit)
        total = query.count(db, "observations", where)
        # Langfuse leaves the tier out of lists.
        data = [
            wire.observation_v1(row, prices=prices.unit_prices(row))
            | {"usagePricingTierId": None, "usagePricingTierName": None}
            for row in rows
        ]
        return {"data": data, "meta": params.page_meta(page, limit, total)}

    return Json(await reading(request, read))


async def get_v1(request: Request) -> Json:
    where = query.of_project(project_of(request)).equal("id", request.path_params["observation_id"])
    prices = context_of(request).prices

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        rows = query.observations(db, where, limit=1)
        if not rows:
            raise not_found("Observation not found within authorized project")
        return wire.observation_v1(rows[0], prices=prices.unit_prices(rows[0]))

    return Json(await reading(request, read))
