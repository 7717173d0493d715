"""Metrics: v1, v2 and per day. Checks a query as Langfuse does; `calango.store.metrics` answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
from starlette.requests import Request

from calango.server import bodies, params
from calango.server.errors import invalid, problem, refused
from calango.server.http import Json, project_of, reading
from calango.server.shapes import as_dict, as_list
from calango.server.times import parse_bound
from calango.store import metrics, query, views
from calango.store.filters import FilterError, where_of

_MAX_ROWS = 1000


async def v2(request: Request) -> Json:
    return await _metrics(request, newest=True)


async def v1(request: Request) -> Json:
    return await _metrics(request, newest=False)


async def _metrics(request: Request, *, newest: bool) -> Json:
    asked = checked(request, newest=newest)

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        return {"data": metrics.run(db, asked)}

    return Json(await reading(request, read))


def checked(request: Request, *, newest: bool) -> metrics.MetricsQuery:
    """The `query` parameter; ApiError 400 names what is wrong with it."""
    body = as_dict(params.document(request.query_params, "query"))
    if body is None:
        raise invalid(bodies.expected(["query"], "object", None, given=False))
    known = views.V2_VIEWS if newest else views.V1_VIEWS
    name = body.get("view")
    if not isinstance(name, str) or name not in known:
        options = "|".join(f'"{option}"' for option in known)
        message = f"Invalid option: expected one of {options}"
        raise invalid(problem(["query", "view"], message, "invalid_value", values=list(known)))
    view = known[name]
    start, end = _range(body)
    dimensions = tuple(_dimension(view, item) for item in as_list(body.get("dimensions")) or [])
    measures = tuple(_metric(view, item) for item in as_list(body.get("metrics")) or [])
    config = as_dict(body.get("config")) or {}
    limit, bins = _count(config, "row_limit", 100, _MAX_ROWS), _count(config, "bins", 10, 100)
    order = tuple(_order(item) for item in as_list(body.get("orderBy")) or [])
    if newest:
        _check_cardinality(view, dimensions, measures, order, limited="row_limit" in config)
    return metrics.MetricsQuery(
        view=view,
        where=_where(request, view, body, start, end, newest=newest),
        from_ns=start,
        to_ns=end,
        dimensions=dimensions,
        metrics=measures,
        granularity=_granularity(body, start, end),
        order=order,
        limit=limit,
        bins=bins,
    )


def _range(body: dict[str, Any]) -> tuple[int, int]:
    moments: list[int] = []
    problems: list[dict[str, Any]] = []
    for name in ("fromTimestamp", "toTimestamp"):
        try:
            moments.append(parse_bound(str(body.get(name))))
        except ValueError:
            problems.append(problem(["query", name], "Invalid ISO datetime", "invalid_format", format="datetime"))
    if problems or moments[0] >= moments[1]:
        raise invalid(*problems, problem(["query"], "fromTimestamp must be before toTimestamp"))
    return moments[0], moments[1]


def _dimension(view: views.View, item: object) -> str:
    name = (as_dict(item) or {}).get("field")
    if not isinstance(name, str) or name not in view.dimensions:
        raise refused(f"Invalid dimension {name}. Must be one of {','.join(view.dimensions)}")
    return name


def _metric(view: views.View, item: object) -> tuple[str, str]:
    given = as_dict(item) or {}
    measure, aggregation = given.get("measure"), given.get("aggregation")
    if not isinstance(measure, str) or measure not in view.measures:
        raise refused(f"Invalid metric {measure}. Must be one of {','.join(view.measures)}")
    if not isinstance(aggregation, str) or aggregation not in views.AGGREGATIONS:
        options = list(views.AGGREGATIONS)
        message = "Invalid option: expected one of " + "|".join(f'"{option}"' for option in options)
        raise invalid(problem(["query", "metrics", "aggregation"], message, "invalid_value", values=options))
    return measure, aggregation


def _order(item: object) -> tuple[str, str]:
    given = as_dict(item) or {}
    direction = given.get("direction")
    if direction not in ("asc", "desc") or not isinstance(given.get("field"), str):
        raise invalid(problem(["query", "orderBy"], 'Invalid option: expected a field and one of "asc"|"desc"'))
    return str(given["field"]), str(direction)


def _count(config: dict[str, Any], name: str, default: int, maximum: int) -> int:
    value = config.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= maximum:
        raise invalid(problem(["query", "config", name], f"Must be a whole number from 1 to {maximum}"))
    return value


def _check_cardinality(
    view: views.View,
    dimensions: tuple[str, ...],
    measures: tuple[tuple[str, str], ...],
    order: tuple[tuple[str, str], ...],
    *,
    limited: bool,
) -> None:
    high = [name for name in dimensions if name in view.high]
    by_measure = any(pair == (f"{how}_{what}", "desc") for what, how in measures for pair in order)
    if high and not (limited and by_measure):
        names = ", ".join(f"'{name}'" for name in high)
        raise refused(
            f"High cardinality dimension(s) {names} require both 'config.row_limit' and 'orderBy' with direction"
            " 'desc' on a measure field."
        )


def _granularity(body: dict[str, Any], start: int, end: int) -> str | None:
    dimension = as_dict(body.get("timeDimension"))
    if dimension is None:
        return None
    name = dimension.get("granularity")
    if name == "auto":
        return metrics.granularity_for(start, end)
    if name not in metrics.GRANULARITIES:
        options = ["auto", *metrics.GRANULARITIES]
        message = "Invalid option: expected one of " + "|".join(f'"{option}"' for option in options)
        raise invalid(problem(["query", "timeDimension", "granularity"], message, "invalid_value", values=options))
    return str(name)


def _filters(view: views.View) -> Mapping[str, str]:
    return {**view.filters, "metadata": "metadata"} if view is views.OBSERVATIONS else view.filters


def _where(
    request: Request, view: views.View, body: dict[str, Any], start: int, end: int, *, newest: bool
) -> query.Where:
    where = query.of_project(project_of(request)).between(view.time, start, end)
    if newest and view is views.OBSERVATIONS:
        query.visible(where)
    try:
        extra = where_of(body.get("filters") or [], _filters(view), parse_bound)
    except FilterError as error:
        raise refused(str(error)) from None
    return where.add(extra.sql, *extra.params)


async def daily(request: Request) -> Json:
    given = request.query_params
    page, limit = params.page_of(given)
    where = query.of_project(project_of(request)).equal("user_id", params.text(given, "userId"))
    where.equal("trace_name", params.text(given, "traceName"))
    where.among("environment", params.listed(given, "environment"))
    if tags := params.listed(given, "tags"):
        where.add("list_has_all(coalesce(tags, []), ?)", tags)
    where.between("start_ns", params.moment(given, "fromTimestamp"), params.moment(given, "toTimestamp"))

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        data, total = metrics.daily(db, where, limit=limit, offset=(page - 1) * limit)
        return {"data": data, "meta": params.page_meta(page, limit, total)}

    return Json(await reading(request, read))
