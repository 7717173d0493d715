"""Touched traces are added up part by part, and each ends up as one turn."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from calango.store import ObservationRow, Store, turns

START_NS = 1_795_100_000_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = Store.open(tmp_path / "calango.duckdb")
    yield opened
    opened.close()


def insert(store: Store, *traces: str, name: str = "x") -> None:
    rows = [
        ObservationRow(project_id="p", trace_id=trace, id="a", start_ns=START_NS + number, name=name, is_root=True)
        for number, trace in enumerate(traces)
    ]
    store.insert(rows).result(10)


def names(store: Store) -> dict[str, str]:
    with store.read() as db:
        return dict(db.execute("SELECT trace_id, name FROM turns").fetchall())


def test_parts_together_add_up_everything(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(turns, "BATCH", 2)
    insert(store, *"abcde")

    assert [store.write(turns.refresh_some).result(10) for _ in range(3)] == [True, True, False]
    assert names(store).keys() == set("abcde")


def test_what_comes_between_two_parts_is_not_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(turns, "BATCH", 2)
    insert(store, *"abc")
    store.write(turns.refresh_some).result(10)
    insert(store, "a", name="again")
    store.add_up()

    assert names(store) == {"a": "again", "b": "x", "c": "x"}


def test_a_trace_that_is_gone_is_no_turn_any_more(store: Store):
    insert(store, "a", "b")
    store.add_up()
    store.write(
        lambda db: db.execute("DELETE FROM observations WHERE trace_id = 'a'; INSERT INTO touched VALUES ('p', 'a')")
    ).result(10)
    store.add_up()

    assert names(store).keys() == {"b"}
