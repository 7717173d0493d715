import os
from collections.abc import Generator
from pathlib import Path

import pytest

from calango.server.upkeep import DAY_NS, Keeping, forget_old
from calango.store import ObservationRow, ScoreRow, Store, query, retention
from calango.store.write import put_scores

NOW = 1795164108315135988


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = Store.open(tmp_path / "calango.duckdb")
    yield opened
    opened.close()


def span(trace_id: str, days_ago: float, **values: object) -> ObservationRow:
    start_ns = NOW - int(days_ago * DAY_NS)
    return ObservationRow(**{"project_id": "p", "trace_id": trace_id, "id": os.urandom(8).hex(),
                             "start_ns": start_ns, **values})  # type: ignore[arg-type]  # fmt: skip


def score(id_: str, trace_id: str | None) -> ScoreRow:
    return ScoreRow(project_id="p", id=id_, name="up", timestamp_ns=NOW, data_type="BOOLEAN", trace_id=trace_id)


def traces(store: Store) -> set[str]:
    with store.read() as db:
        return {row.trace_id for row in query.observations(db, query.Where())}


def test_everything_is_kept_unless_asked_otherwise(store: Store):
    store.insert([span("old", 10_000)]).result(10)

    assert forget_old(store, Keeping(), NOW) == 0
    assert traces(store) == {"old"}


def test_traces_go_when_their_last_sign_of_life_is_old_enough(store: Store):
    store.insert([span("old", 8), span("new", 6), span("long", 9), span("long", 1)]).result(10)

    assert forget_old(store, Keeping(days=7), NOW) == 1
    assert traces(store) == {"new", "long"}


def test_scores_go_with_their_trace(store: Store):
    store.insert([span("old", 8), span("new", 6)]).result(10)
    store.write(lambda db: put_scores(db, [score("a", "old"), score("b", "new")])).result(10)
    forget_old(store, Keeping(days=7), NOW)

    with store.read() as db:
        assert [found.id for found in query.scores(db, query.Where())] == ["b"]


def test_a_trace_of_the_same_id_in_another_project_is_judged_by_itself(store: Store):
    store.insert([span("t", 8), span("t", 6, project_id="q")]).result(10)
    forget_old(store, Keeping(days=7), NOW)

    with store.read() as db:
        assert [row.project_id for row in query.observations(db, query.Where())] == ["q"]


def test_the_oldest_go_until_the_rest_fits(store: Store):
    rows = [span(f"{number:03}", 100 - number / 10, input=os.urandom(4000).hex()) for number in range(1000)]
    store.insert(rows).result(30)
    store.write(lambda _db: None, fold=True).result(30)
    limit = 4_000_000
    forget_old(store, Keeping(megabytes=limit / 1e6), NOW)

    with store.read() as db:
        assert retention.used_bytes(db) <= limit
    left = traces(store)
    assert 100 < len(left) < 900
    assert left == {f"{number:03}" for number in range(1000 - len(left), 1000)}
