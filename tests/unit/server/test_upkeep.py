"""What a server does without being asked."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

import pytest

from calango.server.auth import Keyring
from calango.server.costs import PriceBook
from calango.server.http import Context
from calango.server.upkeep import Keeping, Upkeep
from calango.store import ObservationRow, Store, turns
from tests.support.servers import client_of, eventually, running_server


@pytest.fixture
def context(tmp_path: Path) -> Generator[Context]:
    store = Store.open(tmp_path / "calango.duckdb")
    yield Context(store, Keyring({}), PriceBook(), "home", "i", "v", frozenset(), loopback=True)
    store.close()


@pytest.fixture
def upkeep(context: Context) -> Generator[Upkeep]:
    jobs = Upkeep(context, Keeping(), quiet_s=0.05)
    jobs.start()
    yield jobs
    jobs.stop()


def insert(store: Store) -> None:
    store.insert([ObservationRow(project_id="p", trace_id="t", id="o", start_ns=time.time_ns())]).result(10)


def is_fresh(store: Store) -> bool:
    with store.read() as db:
        return turns.is_fresh(db)


def test_turns_are_added_up_when_nobody_asks_any_more(context: Context, upkeep: Upkeep):
    insert(context.store)
    context.last_request = time.monotonic()

    assert eventually(lambda: is_fresh(context.store))


def test_what_rested_answers_as_before(context: Context):
    insert(context.store)
    context.store.rest()

    with context.store.read() as db:
        assert db.execute("SELECT count(*) FROM observations").fetchone() == (1,)


def test_a_server_with_a_bound_on_days_lets_go_of_older_traces(tmp_path: Path):
    old = "2020-01-01T00:00:00.000Z"
    event = {"id": "e", "type": "trace-create", "timestamp": old, "body": {"id": "old", "timestamp": old}}
    with running_server(tmp_path) as server, client_of(server) as api:
        api.post("/api/public/ingestion", json={"batch": [event]}).raise_for_status()

    with running_server(tmp_path, retention_days=7) as server, client_of(server) as api:
        assert eventually(lambda: api.get("/api/public/traces/old").status_code == 404)
