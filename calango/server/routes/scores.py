"""Scores: create one or many, list (v1, v2 by page, v3 by cursor), read one, delete."""

from __future__ import annotations

import time
from typing import Any

import duckdb
from starlette.datastructures import QueryParams
from starlette.requests import Request

from calango.server import params, wire_scores
from calango.server.errors import ApiError, invalid, not_found, problem
from calango.server.http import Json, batch_of, project_of, reading, writing
from calango.server.mending import bounded, check
from calango.server.routes.configs import configs_of, configured
from calango.server.routes.traces import traces_by_id
from calango.server.shapes import as_dict, as_list
from calango.server.wire import trace_of_score
from calango.store import ScoreRow, query
from calango.store.tables import Row
from calango.store.write import delete_score, put_scores

_OBJECT_WANTED = problem([], "Invalid input: expected object", "invalid_type", expected="object")
_OPERATORS = frozenset({"<", ">", "<=", ">=", "!=", "="})
_V3_GROUPS = ("details", "subject", "annotation")
_LISTS = {
    "id": "id",
    "name": "name",
    "environment": "environment",
    "configId": "config_id",
    "queueId": "queue_id",
    "authorUserId": "author_user_id",
    "traceId": "trace_id",
    "sessionId": "session_id",
    "observationId": "observation_id",
    "experimentId": "dataset_run_id",
}


async def create(request: Request) -> Json:
    """One object: 200 with its id. A list (SDK 5): 202, or 207 with what was refused; the others are stored."""
    body = await batch_of(request)
    project_id, now_ns = project_of(request), time.time_ns()
    items = as_list(body)
    sent = [body] if items is None else bounded(items)
    configs = await reading(request, lambda db: configs_of(db, project_id, sent)) if _names_config(sent) else {}
    if items is None:
        single = as_dict(body)
        if single is None:
            raise invalid(_OBJECT_WANTED)
        check(single)
        row = wire_scores.score_row(_with_config(single, configs), project_id, now_ns)
        await writing(request, lambda db: put_scores(db, [row]))
        return Json({"id": row.id})
    rows: list[ScoreRow] = []
    errors: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        try:
            single = as_dict(item)
            if single is None:
                raise invalid(_OBJECT_WANTED)
            check(single)
            rows.append(wire_scores.score_row(_with_config(single, configs), project_id, now_ns))
        except ApiError as error:
            errors.append({"message": f"Score {index}: {_explained(error)}"})
    await writing(request, lambda db: put_scores(db, rows))
    if errors:
        return Json({"accepted": len(rows), "rejected": len(errors), "errors": errors}, 207)
    return Json({"message": "Accepted"}, 202)


def _names_config(sent: list[Any]) -> bool:
    return any((as_dict(item) or {}).get("configId") is not None for item in sent)


def _with_config(body: dict[str, Any], configs: dict[str, Row]) -> dict[str, Any]:
    return configured(body, configs.get(str(body.get("configId"))))


def _explained(error: ApiError) -> str:
    problems = error.error if isinstance(error.error, list) else []
    return "; ".join(f"{'.'.join(map(str, item['path']))}: {item['message']}" for item in problems) or error.message


def _paged(where: query.Where, given: QueryParams) -> None:
    """The filters of v1 and v2."""
    for name, column in (
        ("name", "name"),
        ("source", "source"),
        ("dataType", "data_type"),
        ("configId", "config_id"),
        ("queueId", "queue_id"),
        ("traceId", "trace_id"),
        ("sessionId", "session_id"),
        ("datasetRunId", "dataset_run_id"),
    ):
        where.equal(column, params.text(given, name))
    where.among("id", params.listed(given, "scoreIds"))
    where.among("observation_id", params.listed(given, "observationId"))
    where.among("environment", params.listed(given, "environment"))
    where.between("timestamp_ns", params.moment(given, "fromTimestamp"), params.moment(given, "toTimestamp"))
    operator, value = params.text(given, "operator"), params.number(given, "value")
    if operator is not None and value is not None:
        if operator not in _OPERATORS:
            raise invalid(problem(["operator"], "Invalid option", "invalid_value", values=sorted(_OPERATORS)))
        where.add(f"value {operator} ?", value)


async def list_v1(request: Request) -> Json:
    return await _list_paged(request, only_traces=True)


async def list_v2(request: Request) -> Json:
    return await _list_paged(request, only_traces=False)


async def _list_paged(request: Request, *, only_traces: bool) -> Json:
    """v1 knows scores of traces only; both carry the user, tags and session of the trace."""
    given, project_id = request.query_params, project_of(request)
    page, limit = params.page_of(given)
    where = query.of_project(project_id)
    _paged(where, given)
    if only_traces:
        where.add("trace_id IS NOT NULL")
    user_id, tags = params.text(given, "userId"), params.listed(given, "traceTags")
    shape = wire_scores.score_v1 if only_traces else wire_scores.score_v2

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        if user_id is not None or tags:
            wanted = query.TraceFilter(user_id=user_id, tags=tuple(tags))
            ids, _ = query.trace_ids(db, project_id, wanted, limit=2**31)
            where.add("trace_id IN (SELECT unnest(?::VARCHAR[]))", ids)
        rows = query.scores(db, where, limit=limit, offset=(page - 1) * limit)
        total = query.score_writes(db, where)
        traces = traces_by_id(db, project_id, sorted({row.trace_id for row in rows if row.trace_id}), io=False)
        data = [shape(row) | {"trace": trace_of_score(traces.get(row.trace_id or ""))} for row in rows]
        return {"data": data, "meta": params.page_meta(page, limit, total)}

    return Json(await reading(request, read))


async def get_v1(request: Request) -> Json:
    return Json(wire_scores.score_v1(await _one(request, "trace_id IS NOT NULL")))


async def get_v2(request: Request) -> Json:
    return Json(wire_scores.score_v2(await _one(request, "true")))


async def _one(request: Request, condition: str) -> ScoreRow:
    where = query.of_project(project_of(request)).equal("id", request.path_params["score_id"]).add(condition)
    rows = await reading(request, lambda db: query.scores(db, where, limit=1))
    if not rows:
        raise not_found("Score not found")
    return rows[0]


async def list_v3(request: Request) -> Json:
    given = request.query_params
    limit = params.integer(given, "limit", 50, minimum=1, maximum=100)
    groups = _groups(given)
    where = query.of_project(project_of(request))
    for name, column in _LISTS.items():
        where.among(column, params.listed(given, name))
    where.among("source", [source.upper() for source in params.listed(given, "source")])
    where.between("timestamp_ns", params.moment(given, "fromTimestamp"), params.moment(given, "toTimestamp"))
    _check_targets(given)
    _values(where, given)
    if cursor := given.get("cursor"):
        timestamp, last_id = wire_scores.cursor_position(cursor)
        where.add("(timestamp_ns // 1000000, id) < (CAST(? AS BIGINT), ?)", timestamp // query.MS, last_id)

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        rows = query.scores(db, where, limit=limit + 1)
        meta: dict[str, Any] = {"limit": limit}
        if len(rows) > limit:
            meta["cursor"] = wire_scores.cursor_after(rows[limit - 1])
        return {"data": [wire_scores.score_v3(row, groups) for row in rows[:limit]], "meta": meta}

    return Json(await reading(request, read))


def _groups(given: QueryParams) -> frozenset[str]:
    asked = params.listed(given, "fields")
    for index, name in enumerate(asked):
        if name not in {*_V3_GROUPS, "core"}:
            options = "|".join(f'"{group}"' for group in _V3_GROUPS)
            message = f"Invalid option: expected one of {options}"
            raise invalid(problem(["fields", index], message, "invalid_value", values=list(_V3_GROUPS)))
    return frozenset(asked)


def _check_targets(given: QueryParams) -> None:
    named = [name for name in ("traceId", "sessionId", "experimentId") if given.get(name)]
    if len(named) > 1:
        raise invalid(problem([*named], "traceId, sessionId and experimentId are mutually exclusive"))
    if given.get("observationId") and named != ["traceId"]:
        raise invalid(problem(["observationId"], "observationId requires traceId"))


def _values(where: query.Where, given: QueryParams) -> None:
    """`value`, `valueMin` and `valueMax`, which need one data type."""
    types = [name.upper() for name in params.listed(given, "dataType")]
    where.among("data_type", types)
    values = params.listed(given, "value")
    low, high = params.number(given, "valueMin"), params.number(given, "valueMax")
    if values and (len(types) != 1 or types[0] not in {"NUMERIC", "BOOLEAN", "CATEGORICAL"}):
        raise invalid(problem(["value"], "value requires a single dataType from NUMERIC, BOOLEAN or CATEGORICAL"))
    if (low is not None or high is not None) and types != ["NUMERIC"]:
        raise invalid(problem(["dataType"], "valueMin and valueMax require dataType=NUMERIC"))
    if values and types == ["CATEGORICAL"]:
        where.among("string_value", values)
    elif values:
        where.among("value", [_number(value, types[0]) for value in values])
    if low is not None:
        where.add("value >= ?", low)
    if high is not None:
        where.add("value <= ?", high)


def _number(value: str, data_type: str) -> float:
    if data_type == "BOOLEAN":
        if value not in {"true", "false"}:
            raise invalid(problem(["value"], 'Each value must be "true" or "false" for dataType BOOLEAN'))
        return float(value == "true")
    found = params.finite(value)
    if found is None:
        raise invalid(problem(["value"], "Each value must be a finite number for dataType NUMERIC"))
    return found


async def delete(request: Request) -> Json:
    """202 also when there is no such score, as Langfuse does; it is gone when this answers."""
    project_id, score_id = project_of(request), request.path_params["score_id"]
    await writing(request, lambda db: delete_score(db, project_id, score_id))
    return Json({"message": "Score deletion queued successfully"}, 202)
