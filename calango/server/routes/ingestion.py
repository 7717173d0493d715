"""`POST /api/public/ingestion`: the legacy batch. 207 with a verdict per event."""

from __future__ import annotations

import time
from typing import Any

import duckdb
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from calango.server.counting import counted
from calango.server.errors import ApiError, invalid, problem
from calango.server.http import Json, batch_of, context_of, project_of, writing
from calango.server.legacy import Batch, add_event, refusal
from calango.server.mending import bounded, check
from calango.server.shapes import as_dict, as_list
from calango.store import ObservationRow
from calango.store.write import patch_observations, patch_traces, put_scores


async def ingest(request: Request) -> Json:
    body = await batch_of(request)
    events = as_list((as_dict(body) or {}).get("batch"))
    if events is None:
        raise invalid(problem(["batch"], "Invalid input: expected array", "invalid_type", expected="array"))
    batch, project_id, prices = Batch(), project_of(request), context_of(request).prices
    verdict = await run_in_threadpool(_sorted, batch, bounded(events), project_id)

    ended = {patch.id for patch in batch.observations if patch.values.get("end_ns") is not None}
    rows: list[ObservationRow] = []

    def finish(row: ObservationRow) -> None:
        prices.apply(row)
        if row.id in ended:  # said to have ended just now, so that it counts once
            rows.append(row)

    def write(db: duckdb.DuckDBPyConnection) -> None:
        rows.clear()
        patch_traces(db, batch.traces)
        patch_observations(db, batch.observations, finish)
        put_scores(db, batch.scores)

    await writing(request, write)
    context_of(request).metrics.add(counted(rows))
    return Json(verdict, 207)


def _sorted(batch: Batch, events: list[Any], project_id: str) -> dict[str, list[dict[str, Any]]]:
    """Put every event that makes sense into `batch`; what became of each, as the answer says it."""
    now_ns = time.time_ns()
    successes: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for item in events:
        event = as_dict(item) or {}
        event_id = _id(event)
        try:
            check(event)
            add_event(batch, event, project_id, now_ns)
        except ApiError as error:
            errors.append(refusal(event_id, error))
        else:
            successes.append({"id": event_id, "status": 201})
    return {"successes": successes, "errors": errors}


def _id(event: dict[str, Any]) -> str:
    return str(value) if isinstance(value := event.get("id"), str | int) else ""
