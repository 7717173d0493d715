"""Questions about turns, at `/api/calango/insights/…`: parameters in, an answer of `calango.insights` out.

`/rows/…` lists what is behind the answers, as JSON lines that are made while they are sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import available_timezones

import duckdb
import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from calango.errors import InputError
from calango.insights import conversations, costs, errors, listing, quality, turns
from calango.insights.answers import TurnPage
from calango.insights.period import period
from calango.insights.scope import FILTERS, Scope, checked
from calango.server import params
from calango.server.errors import refused
from calango.server.http import Json, added_up, chosen_project, reading

PATH = "/api/calango/insights"
MANY = 10_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    db: duckdb.DuckDBPyConnection
    scope: Scope
    given: QueryParams

    def integer(self, name: str, default: int, maximum: int = MANY) -> int:
        return params.integer(self.given, name, default, minimum=0, maximum=maximum)


def _turns(asked: Asked) -> TurnPage:
    given = asked.given
    return turns.turns(
        asked.db,
        asked.scope,
        order=given.get("order") or "latest",
        limit=asked.integer("limit", 50, 1000),
        offset=asked.integer("offset", 0),
        text=params.text(given, "text"),
        scored=params.text(given, "scored"),
        min_cost_usd=params.number(given, "min_cost_usd"),
        min_latency_ms=params.number(given, "min_latency_ms"),
    )


QUESTIONS: dict[str, Callable[[Asked], Any]] = {
    "overview": lambda asked: costs.overview(asked.db, asked.scope),
    "breakdown": lambda asked: costs.breakdown(
        asked.db,
        asked.scope,
        asked.given.get("by") or asked.scope.period.grain(),
        order=params.text(asked.given, "order"),
        limit=asked.integer("limit", 1000),
        people=params.flag(asked.given, "people") is not False,
    ),
    "errors": lambda asked: errors.errors(asked.db, asked.scope, limit=asked.integer("limit", 100, 1000)),
    "tools": lambda asked: quality.tools(asked.db, asked.scope),
    "satisfaction": lambda asked: quality.satisfaction(
        asked.db, asked.scope, comments=asked.integer("limit", 50, 1000)
    ),
    "conversations": lambda asked: conversations.conversations(
        asked.db, asked.scope, limit=asked.integer("limit", 50, 1000), offset=asked.integer("offset", 0)
    ),
    "turns": _turns,
    "values": lambda asked: turns.values(asked.db, asked.scope, _fields(asked.given)),
}


def _answering(question: str) -> Callable[[Request], Awaitable[Json]]:
    """The answer, with the period that it is about."""
    ask = QUESTIONS[question]

    async def answer(request: Request) -> Json:
        scope, found = await _of_turns(request, lambda db, scope: ask(Asked(db, scope, request.query_params)))
        about = {"start": scope.period.start.isoformat(), "end": scope.period.end.isoformat()}
        return Json({"period": about | {"zone": scope.period.zone}, "answer": found})

    return answer


async def rows(request: Request) -> StreamingResponse:
    """JSON lines, the oldest first; the header `Calango-Rows` says how many there were at the beginning."""
    what = request.path_params["what"]
    scope, (count, first) = await _of_turns(
        request, lambda db, scope: (listing.count(db, scope, what), listing.page(db, scope, what))
    )

    async def lines() -> AsyncGenerator[bytes]:
        page = first
        while True:
            yield b"".join(orjson.dumps(row) + b"\n" for row in page.rows)
            if (after := page.after) is None:
                return
            page = await reading(request, lambda db, after=after: listing.page(db, scope, what, after))

    return StreamingResponse(lines(), media_type="application/x-ndjson", headers={"Calango-Rows": str(count)})


async def _of_turns(request: Request, ask: Callable[[duckdb.DuckDBPyConnection, Scope], T]) -> tuple[Scope, T]:
    """What `ask` says of the turns that the parameters choose, after all of them were added up."""
    try:
        scope = _scope(request, await chosen_project(request))
        await added_up(request)

        def checked(db: duckdb.DuckDBPyConnection) -> T:
            turns.check_exists(db, scope)
            return ask(db, scope)

        return scope, await reading(request, checked)
    except InputError as error:
        raise refused(str(error), error) from None


def _scope(request: Request, project_id: str) -> Scope:
    given = request.query_params
    zone = given.get("zone") or "UTC"
    if zone not in available_timezones():
        raise InputError(f"There is no time zone {zone[:40]}.", "Use an IANA name such as America/Sao_Paulo.").because(
            "no_zone", value=zone[:40]
        )
    asked = period(given.get("since") or "7d", params.text(given, "until"), zone, datetime.now(UTC))
    return Scope(project_id, asked, checked({name: given.get(name) for name in FILTERS}))


def _fields(given: QueryParams) -> tuple[str, ...]:
    asked = tuple(params.listed(given, "fields"))
    if unknown := [name for name in asked if name not in FILTERS]:
        raise InputError(f"There is no filter {unknown[0][:40]}.", f"There are {', '.join(FILTERS)}.")
    return asked or FILTERS


ROUTES = [
    *(Route(f"{PATH}/{question}", _answering(question)) for question in QUESTIONS),
    Route(f"{PATH}/rows/{{what}}", rows),
]
