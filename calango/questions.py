"""Asks the local server what `calango.insights` answers. One small client for the UI and the command line."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from calango import local_api
from calango.budgets.ledger import spent
from calango.budgets.rules import Budget
from calango.budgets.shares import share_of
from calango.budgets.wire import Question, asked
from calango.errors import BackendRefused, InputError
from calango.insights.answers import (
    Conversations,
    ErrorPattern,
    Facts,
    Group,
    Overview,
    Satisfaction,
    ToolUse,
    TurnPage,
)
from calango.local import LocalServer
from calango.records import BudgetShare

ROOT = f"{local_api.ROOT}/insights"
ANSWER_S = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Range:
    """What a question is about: `since` and `until` as in `calango.insights.period`, the time zone, and filters."""

    since: str = "7d"
    until: str | None = None
    zone: str = "UTC"
    filters: tuple[tuple[str, str], ...] = ()

    def params(self) -> dict[str, Any]:
        given: dict[str, Any] = {"since": self.since, "until": self.until, "zone": self.zone, **dict(self.filters)}
        return {name: value for name, value in given.items() if value is not None}


class Questions:
    """Each method asks one question. Raises InputError for what can't be asked, BackendUnreachable, BackendRefused."""

    def __init__(self, server: LocalServer, project_id: str | None = None) -> None:
        """`project_id`: another project than the key's own, which only the home's key may name."""
        self._project = {} if project_id is None else {"project": project_id}
        self._http = local_api.client_of(server, ANSWER_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def overview(self, about: Range) -> Overview:
        return self._ask(Overview, "overview", about)

    def breakdown(
        self, about: Range, by: str, *, order: str | None = None, limit: int = 1000, people: bool = True
    ) -> list[Group]:
        """Not `people`: without users and sessions, which is faster."""
        wanted = None if people else "false"
        return self._ask(list[Group], "breakdown", about, by=by, order=order, limit=limit, people=wanted)

    def errors(self, about: Range, *, limit: int = 100) -> list[ErrorPattern]:
        return self._ask(list[ErrorPattern], "errors", about, limit=limit)

    def tools(self, about: Range) -> list[ToolUse]:
        return self._ask(list[ToolUse], "tools", about)

    def satisfaction(self, about: Range, *, comments: int = 50) -> Satisfaction:
        return self._ask(Satisfaction, "satisfaction", about, limit=comments)

    def conversations(self, about: Range, *, limit: int = 50, offset: int = 0) -> Conversations:
        return self._ask(Conversations, "conversations", about, limit=limit, offset=offset)

    def turns(self, about: Range, **options: Any) -> TurnPage:
        """`order`, `limit`, `offset`, `text`, `scored`, `min_cost_usd`, `min_latency_ms`: see `insights.turns`."""
        return self._ask(TurnPage, "turns", about, **options)

    def values(self, about: Range) -> Facts:
        return self._ask(Facts, "values", about)

    def budgets(self, about: Range, *, budgets: Sequence[Budget], limit: int = 1000) -> list[BudgetShare]:
        """What the store knows to be spent, nearest the limit first; of a budget with parts, its `limit` dearest.

        Of `about` only the zone counts.
        """
        now = datetime.now(ZoneInfo(about.zone))
        question = Question([asked(budget, budget.period(now), limit=limit) for budget in budgets])
        told = spent(self._http, question, self._project.get("project"))
        shares = [
            share_of(budget, one.key, budget.period(now), one.usd, unpriced=one.unpriced)
            for budget, found in zip(budgets, told.spent, strict=True)
            for one in found
        ]
        return sorted(shares, key=lambda share: -share.share)

    @contextmanager
    def rows(self, about: Range, what: str) -> Generator[tuple[int, Iterator[bytes]]]:
        """How many rows there are of `what` (see `insights.listing`), and the rows as JSON lines, as they come."""
        with (
            _explained(),
            local_api.streamed(self._http, f"{ROOT}/rows/{what}", self._project | about.params()) as answer,
        ):
            yield int(answer.headers["calango-rows"]), local_api.lines(answer)

    def _ask(self, kind: type[T], question: str, about: Range, **more: Any) -> T:
        params = self._project | about.params() | {name: value for name, value in more.items() if value is not None}
        with _explained():
            answer = local_api.asked(self._http, "GET", f"{ROOT}/{question}", params=params)
        return cast("T", _reader(kind).validate_python(answer["answer"]))


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except BackendRefused as error:
        raise (InputError(error.message).because(error.code, **error.facts) if error.status == 400 else error) from None


@lru_cache(maxsize=32)
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
