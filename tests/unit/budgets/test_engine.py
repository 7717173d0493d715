"""Budgets and running turns: the engine, a graph whose turns all cost the same, and the real local server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calango import local
from calango.budgets import guard as guards
from calango.engine import CalangoEngine
from calango.errors import BudgetExceeded, ConfigError
from calango.loader import LoadedGraph
from calango.mirror import copy
from calango.mirror.sync import state_name
from calango.questions import Questions, Range
from calango.records import TurnResult
from calango.tracing import Tracing
from calango.tracing.destination import destination
from tests.support.graphs import asking_graph
from tests.support.priced import priced_graph, set_budgets
from tests.support.projects import new_project
from tests.support.servers import eventually, settings_for

pytestmark = pytest.mark.xdist_group("budgets")
Build = Callable[..., CalangoEngine]
STOP = '[[budgets]]\nname = "team"\nusd = {usd}\nthen = "stop"\n'


@pytest.fixture
def with_engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Build]:
    """Builds engines of the home; each is traced into the local server, which starts when it is asked."""
    monkeypatch.setattr(guards, "WAIT_S", 30.0)  # on a machine that has much else to do, too
    engines: list[CalangoEngine] = []

    def build(graph: LoadedGraph | None = None, *, traced: bool = True, **values: Any) -> CalangoEngine:
        settings = settings_for(home, **values)
        to = destination(settings)
        tracing = Tracing(settings, to) if traced and to is not None else None
        engines.append(CalangoEngine(graph or priced_graph(), settings, tracing=tracing))
        return engines[-1]

    yield build
    for engine in engines:
        end(engine, 0.1)
    local.stop(home)


def end(engine: CalangoEngine, deliver_s: float = 10) -> None:
    """As if its process ended: all is on disk and, as far as possible, delivered."""
    engine.close()
    if engine.tracing is not None:
        engine.tracing.close(deliver_s)


def stored(home: Path) -> float:
    server = local.find(home)
    assert server is not None
    with Questions(server) as ask:
        return ask.overview(Range("365d")).total.cost_usd or 0.0


def tried(engine: CalangoEngine, **options: Any) -> TurnResult | BudgetExceeded:
    try:
        return engine.run("oi", **options)
    except BudgetExceeded as error:
        return error


def test_a_used_up_budget_refuses_the_next_turn_and_says_what_to_do(home, with_engine):
    set_budgets(home, STOP.format(usd=0.02))
    engine = with_engine(traced=False)
    for _ in range(2):
        engine.run("oi")

    with pytest.raises(BudgetExceeded) as error:
        engine.run("oi", session_id="refused")
    assert "'team' is used up: US$ 0.0200 of US$ 0.0200 a month. It starts anew at 20" in error.value.message
    assert "budgets.toml" in error.value.hint
    assert error.value.share.spent_usd == Decimal("0.02")
    assert engine.state("refused").values == {}


def test_an_async_caller_is_refused_in_the_same_way(home, with_engine):
    set_budgets(home, STOP.format(usd=0.01))
    engine = with_engine(traced=False)
    engine.run("oi")

    with pytest.raises(BudgetExceeded):
        asyncio.run(engine.arun("oi"))


def test_what_turns_before_a_restart_cost_counts(home, with_engine):
    set_budgets(home, STOP.format(usd=0.03))
    first = with_engine()
    for _ in range(3):
        first.run("oi")
    end(first)

    assert isinstance(tried(with_engine()), BudgetExceeded)


def test_turns_that_the_store_has_too_do_not_count_twice(home, with_engine, monkeypatch):
    monkeypatch.setattr(guards, "CLOSE_S", 0.0)  # the store is asked before each turn
    set_budgets(home, STOP.format(usd=0.10))
    engine = with_engine()
    results: list[TurnResult | BudgetExceeded] = []
    for number in range(11):
        results.append(tried(engine))
        if number in {3, 7}:
            engine.tracing.flush(10)
            assert eventually(lambda expected=number: round(stored(home), 6) == (expected + 1) / 100)

    assert [isinstance(result, TurnResult) for result in results] == [True] * 10 + [False]


def test_many_turns_at_once_pass_the_limit_by_less_than_the_cost_of_one(home, with_engine):
    set_budgets(home, STOP.format(usd=0.20))
    first = with_engine()
    for _ in range(4):
        first.run("oi")
    end(first)

    engine = with_engine(priced_graph(lambda: time.sleep(0.05)))
    with ThreadPoolExecutor(60) as pool:
        results = list(pool.map(lambda number: tried(engine, session_id=f"s{number}"), range(60)))
    spent = 0.04 + sum(float(r.cost_usd or 0) for r in results if isinstance(r, TurnResult))
    refused = [r for r in results if isinstance(r, BudgetExceeded)]

    assert 0.20 <= round(spent, 6) < 0.21
    assert all("expected to cost" in str(r) or "US$ 0.2000 of" in str(r) for r in refused)


def test_turns_at_once_before_anything_is_known_of_their_cost_are_stopped_as_their_cost_grows(home, with_engine):
    asked, leave = threading.Event(), threading.Event()

    def stay() -> None:
        asked.set()
        leave.wait(20)

    set_budgets(home, STOP.format(usd=0.01))
    engine = with_engine(priced_graph(stay), traced=False)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(engine.run, "oi", session_id="a")
        assert asked.wait(20)
        refused = tried(engine, session_id="b")
        leave.set()
        running.result(20)

    assert isinstance(refused, BudgetExceeded)


def test_each_user_has_a_budget_of_their_own(home, with_engine):
    set_budgets(home, STOP.format(usd=0.01) + 'each = "user"\n')
    engine = with_engine()
    outcomes = [tried(engine, user_id=user) for user in ("ana", "ana", "bob", "bob")]

    assert [isinstance(one, TurnResult) for one in outcomes] == [True, False, True, False]
    assert "of user 'ana'" in str(outcomes[1])


def test_a_budget_with_filters_is_about_turns_that_fit(home, with_engine):
    set_budgets(home, STOP.format(usd=0.01) + 'filters = { tag = "batch" }\n')
    engine = with_engine(traced=False)
    outcomes = [tried(engine, tags=tags) for tags in (["batch"], ["batch"], [])]

    assert [isinstance(one, TurnResult) for one in outcomes] == [True, False, True]


def test_a_warning_comes_once_near_the_limit_and_once_past_it_also_across_restarts(home, with_engine):
    set_budgets(home, '[[budgets]]\nname = "team"\nusd = 0.04\nwarn_at = 0.5\n')
    engine = with_engine()
    told = [[share.state for share in engine.run("oi").budgets] for _ in range(3)]
    end(engine)
    engine = with_engine()
    told += [[share.state for share in engine.run("oi").budgets] for _ in range(2)]

    assert told == [[], ["near"], [], ["exceeded"], []]


def test_the_result_as_json_carries_what_is_told_of_budgets(home, with_engine):
    set_budgets(home, '[[budgets]]\nname = "team"\nusd = 0.01\nper = "all"\n')
    shares = with_engine(traced=False).run("oi").as_dict()["budgets"]

    assert [(s["budget"], s["spent_usd"], s["state"], s["resets_at"]) for s in shares] == [
        ("team", "0.010000", "exceeded", None)
    ]


def test_a_new_day_begins_at_midnight_of_the_local_calendar(home, with_engine):
    set_budgets(home, STOP.format(usd=0.01) + 'per = "day"\n')
    engine = with_engine(traced=False)
    zone = ZoneInfo("America/Sao_Paulo")
    clock = [datetime(2026, 11, 20, 23, 59, tzinfo=zone)]
    engine._guard.now = lambda: clock[0]
    before = [tried(engine), tried(engine)]
    clock[0] = datetime(2026, 11, 21, 0, 0, tzinfo=zone)

    assert [isinstance(one, TurnResult) for one in [*before, tried(engine)]] == [True, False, True]
    assert "2026-11-21T00:00:00-03:00" in str(before[1])


def test_a_store_that_does_not_answer_blocks_nobody_and_own_turns_count(home, with_engine, monkeypatch):
    set_budgets(home, STOP.format(usd=0.02))

    def broken(*_: Any, **__: Any) -> Any:
        raise local.LocalServerError("no server")

    monkeypatch.setattr(local, "ensure", broken)
    engine = with_engine()
    outcomes = [tried(engine) for _ in range(3)]

    assert [isinstance(one, TurnResult) for one in outcomes] == [True, True, False]
    assert ["does not answer" in (share.missing or "") for share in outcomes[0].budgets] == [True]


def test_a_turn_whose_model_has_no_price_is_counted_as_such(home, with_engine):
    set_budgets(home, STOP.format(usd=0.01))
    with_engine(priced_graph(model="unknown"), traced=False).run("oi")
    engine = with_engine(priced_graph(model="unknown"))
    engine.run("oi")
    end(engine)
    result = with_engine().run("oi")

    assert [(share.spent_usd, share.unpriced_turns) for share in result.budgets] == [(Decimal("0.01"), 1)]


def test_far_from_every_limit_a_turn_does_not_wait_for_the_store(home, with_engine, monkeypatch):
    monkeypatch.setattr(guards, "FRESH_S", 0.0)  # what is known is always old
    set_budgets(home, STOP.format(usd=1000))
    engine = with_engine()
    engine.run("oi")
    asked = engine._guard.ledger.ask
    leave = threading.Event()
    monkeypatch.setattr(engine._guard.ledger, "ask", lambda question: (leave.wait(20), asked(question))[1])

    assert engine.run("oi").status == "ok"
    assert not leave.is_set()
    leave.set()


def test_a_mistake_in_the_file_lets_no_engine_start(home, with_engine):
    set_budgets(home, STOP.format(usd=-1))

    with pytest.raises(ConfigError, match="usd must be a number above 0"):
        with_engine(traced=False)


def test_an_answer_to_an_interrupted_turn_is_refused_too_and_can_be_given_later(home, with_engine):
    set_budgets(home, STOP.format(usd=0.01))
    spender, engine = with_engine(traced=True), with_engine(asking_graph(), traced=True)
    engine.run("book", session_id="s")
    spender.run("oi")
    end(spender)

    with pytest.raises(BudgetExceeded):
        with_engine(asking_graph()).resume("s", "Friday")
    assert engine.is_waiting("s")


def test_in_remote_mode_the_copy_counts_under_the_users_as_they_are_traced(home, with_engine, monkeypatch):
    set_budgets(home, STOP.format(usd=0.01) + 'each = "user"\n')
    remote = {"public_key": "pk-lf-x", "secret_key": "sk-lf-x", "base_url": "http://127.0.0.1:9", "mask_users": "hash"}
    without_copy = with_engine(**remote)
    told = without_copy.run("oi", user_id="bob").budgets
    settings = settings_for(home, **remote)
    project = new_project(local.ensure(settings_for(home)), copy.name_of(settings))
    (home / state_name(settings.base_url, "pk-lf-x")).write_text("{}")
    spent = {
        "user.id": without_copy.tracing.sent_user("ana"),
        "langfuse.observation.type": "generation",
        "langfuse.observation.cost_details": '{"total": 5}',
    }
    now = str(time.time_ns())
    span = {
        "traceId": "1" * 32, "spanId": "1" * 16, "startTimeUnixNano": now, "endTimeUnixNano": now,
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in spent.items()],
    }  # fmt: skip
    with project.client() as client:
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
        client.post("/api/public/otel/v1/traces", json=body).raise_for_status()
    engine = with_engine(**remote)

    assert "nothing was copied" in (told[0].missing or "")
    assert isinstance(tried(engine, user_id="ana"), BudgetExceeded)
    assert isinstance(tried(engine, user_id="eva"), TurnResult)
