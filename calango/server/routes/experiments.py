"""Experiments (SDK 5, and 4.14): runs that exist as attributes of their spans."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import duckdb
import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request

from calango.server import params
from calango.server.bodies import expected
from calango.server.errors import invalid, problem, refused
from calango.server.http import Json, project_of, reading
from calango.server.shapes import parsed, parsed_dict
from calango.server.times import MAX_NS, iso_ms, iso_ms_or_none, parse_bound
from calango.server.wire_scores import score_v3
from calango.server.wire_v2 import metadata_v2
from calango.store import ObservationRow, query
from calango.store.filters import FilterError, where_of

_GROUPS = ("core", "metadata", "scores")
_ITEM_GROUPS = ("core", "dataset", "io", "metadata", "itemMetadata", "experimentMetadata", "scores")
_COLUMNS = {"id": "experiment_id", "name": "experiment_name", "datasetId": "experiment_dataset_id"}
_ITEM_COLUMNS = {
    "experimentId": "experiment_id",
    "experimentName": "experiment_name",
    "experimentItemId": "experiment_item_id",
    "datasetId": "experiment_dataset_id",
}
_SCORES = frozenset({"details", "subject"})


def _groups(given: QueryParams, allowed: tuple[str, ...], default: tuple[str, ...]) -> frozenset[str]:
    asked = params.listed(given, "fields")
    options = "|".join(f'"{name}"' for name in allowed)
    problems = [
        problem(["fields", index], f"Invalid option: expected one of {options}", "invalid_value", values=list(allowed))
        for index, name in enumerate(asked)
        if name not in allowed
    ]
    if problems:
        raise invalid(*problems)
    return frozenset(asked or default)


def _where(request: Request, columns: dict[str, str]) -> query.Where:
    given = request.query_params
    start = params.moment(given, "fromStartTime")
    if start is None:
        raise invalid(expected(["fromStartTime"], "string", None, given=False))
    where = query.visible(query.of_project(project_of(request))).add("experiment_id IS NOT NULL")
    where.between("start_ns", start, params.moment(given, "toStartTime"))
    for name, column in columns.items():
        where.among(column, params.listed(given, name))
    if filters := params.document(given, "filter"):
        try:
            extra = where_of(filters, columns, parse_bound)
        except FilterError as error:
            raise refused(str(error)) from None
        where.add(extra.sql, *extra.params)
    return where


def _cursor(given: QueryParams) -> tuple[int, str] | None:
    """Time (ns) and id of the last entry that was answered."""
    cursor = given.get("cursor")
    if not cursor:
        return None
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor))
        at, id_ = position["at"], position["id"]
    except (binascii.Error, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise refused("Invalid cursor format") from None
    if not isinstance(at, int) or abs(at) > MAX_NS or not isinstance(id_, str):
        raise refused("Invalid cursor format")
    return at, id_


def _next(at: int, id_: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps({"v": 1, "at": at, "id": id_})).decode()


_EXPERIMENTS = """
    SELECT experiment_id, max(experiment_name), min(start_ns), max(coalesce(end_ns, start_ns)) AS ended,
        count(DISTINCT experiment_item_id), max(experiment_dataset_id), max(experiment_json)
    FROM observations WHERE {where} GROUP BY experiment_id HAVING {after} ORDER BY ended DESC, experiment_id LIMIT ?
"""


async def list_experiments(request: Request) -> Json:
    given, project_id = request.query_params, project_of(request)
    groups = _groups(given, _GROUPS, ("core",))
    limit = params.integer(given, "limit", 50, minimum=1, maximum=100)
    score_limit = params.integer(given, "scoreLimit", 50, minimum=1, maximum=50)
    where, cursor = _where(request, _COLUMNS), _cursor(given)
    after = "ended < ? OR (ended = ? AND experiment_id > ?)" if cursor else "true"
    position = [cursor[0], cursor[0], cursor[1]] if cursor else []

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        sql = _EXPERIMENTS.format(where=where.sql, after=after)
        rows = db.execute(sql, [*where.params, *position, limit + 1]).fetchall()
        data: list[dict[str, Any]] = []
        for id_, name, start, end, items, dataset_id, described in rows[:limit]:
            said = parsed_dict(described)
            entry: dict[str, Any] = {
                "id": id_,
                "name": name or id_,
                "description": said.get("description") or "",
                "startTime": iso_ms(start),
                "endTime": iso_ms(end),
                "itemCount": items,
                "datasetId": dataset_id,
            }
            if "metadata" in groups:
                entry["metadata"] = parsed_dict(said.get("metadata"))
            if "scores" in groups:
                of_run = query.of_project(project_id).equal("dataset_run_id", id_)
                entry["scores"] = [score_v3(score, _SCORES) for score in query.scores(db, of_run, limit=score_limit)]
            data.append(entry)
        meta = {"cursor": _next(rows[limit - 1][3], rows[limit - 1][0])} if len(rows) > limit else {}
        return {"data": data, "meta": meta}

    return Json(await reading(request, read))


async def list_items(request: Request) -> Json:
    """One entry per item: the observation that is the item's root."""
    given, project_id = request.query_params, project_of(request)
    groups = _groups(given, _ITEM_GROUPS, ("core", "dataset"))
    limit = params.integer(given, "limit", 50, minimum=1, maximum=100)
    score_limit = params.integer(given, "scoreLimit", 50, minimum=1, maximum=50)
    where, cursor = _where(request, _ITEM_COLUMNS), _cursor(given)
    where.add("json_extract_string(experiment_json, '/item.root_observation_id') = id")
    if cursor:
        where.add("start_ns < ? OR (start_ns = ? AND id > ?)", cursor[0], cursor[0], cursor[1])

    def read(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        rows = query.observations(db, where, order="start_ns DESC, id", limit=limit + 1)
        data = [_item(row, groups) for row in rows[:limit]]
        if "scores" in groups:
            for row, entry in zip(rows, data, strict=False):
                of_item = query.of_project(project_id).equal("trace_id", row.trace_id)
                found = query.scores(db, of_item.add("observation_id IS NULL OR observation_id = ?", row.id))
                entry["scores"] = [score_v3(score, _SCORES) for score in found[:score_limit]]
        meta = {"cursor": _next(rows[limit - 1].start_ns, rows[limit - 1].id)} if len(rows) > limit else {}
        return {"data": data, "meta": meta}

    return Json(await reading(request, read))


def _item(row: ObservationRow, groups: frozenset[str]) -> dict[str, Any]:
    said = parsed_dict(row.experiment_json)
    entry: dict[str, Any] = {
        "id": row.id,
        "traceId": row.trace_id,
        "startTime": iso_ms(row.start_ns),
        "endTime": iso_ms_or_none(row.end_ns),
        "level": row.level,
        "environment": row.environment,
        "experimentId": row.experiment_id,
        "experimentName": row.experiment_name or row.experiment_id,
        "experimentItemId": row.experiment_item_id,
    }
    if "dataset" in groups:
        version = said.get("item.version")
        entry |= {"experimentDatasetId": row.experiment_dataset_id, "experimentItemVersion": version}
    if "io" in groups:
        expected_output = parsed(said.get("item.expected_output"))
        entry |= {"input": parsed(row.input), "output": parsed(row.output), "expectedOutput": expected_output}
    if "metadata" in groups:
        entry["metadata"] = metadata_v2(row, frozenset())
    if "itemMetadata" in groups:
        entry["experimentItemMetadata"] = parsed_dict(said.get("item.metadata"))
    if "experimentMetadata" in groups:
        entry["experimentMetadata"] = parsed_dict(said.get("metadata"))
    return entry
