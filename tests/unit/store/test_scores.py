from collections.abc import Generator
from pathlib import Path

import pytest

from calango.store import ScoreRow, Store, query
from calango.store.write import DAY_NS, delete_score, put_scores

NOON = 20_000 * DAY_NS + DAY_NS // 2


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = Store.open(tmp_path / "calango.duckdb")
    yield opened
    opened.close()


def score(**values: object) -> ScoreRow:
    whole = {"id": "s", "name": "user-feedback", "timestamp_ns": NOON, "data_type": "BOOLEAN", "value": 1.0}
    return ScoreRow(**{"project_id": "p", "trace_id": "t", **whole, **values})  # type: ignore[arg-type]


def put(store: Store, *rows: ScoreRow) -> list[ScoreRow]:
    for row in rows:
        store.write(lambda db, row=row: put_scores(db, [row])).result(10)
    with store.read() as db:
        return query.scores(db, query.Where(), order="timestamp_ns, name")


def test_a_score_that_is_sent_again_replaces_the_first_and_keeps_its_time(store: Store):
    (found,) = put(store, score(), score(value=0.0, timestamp_ns=NOON + 5))

    assert (found.value, found.timestamp_ns, found.writes) == (0.0, NOON, 2)


def test_what_a_changed_score_leaves_out_stays(store: Store):
    (found,) = put(store, score(comment="bom"), score(value=0.0))

    assert found.comment == "bom"


def test_a_score_that_is_sent_with_an_earlier_date_changes_the_later_one(store: Store):
    (found,) = put(store, score(), score(value=0.0, timestamp_ns=NOON - DAY_NS))

    assert (found.value, found.timestamp_ns) == (0.0, NOON)


def test_a_later_date_makes_another_score(store: Store):
    assert len(put(store, score(), score(timestamp_ns=NOON + DAY_NS))) == 2


def test_another_name_makes_another_score(store: Store):
    assert len(put(store, score(), score(name="stars"))) == 2


def test_equal_scores_in_one_request_become_one(store: Store):
    store.write(lambda db: put_scores(db, [score(value=1.0), score(value=0.0)])).result(10)

    with store.read() as db:
        assert [found.value for found in query.scores(db, query.Where())] == [0.0]


def test_deleting_removes_it_in_its_project_only(store: Store):
    put(store, score(), score(project_id="q"))
    store.write(lambda db: delete_score(db, "p", "s")).result(10)

    with store.read() as db:
        assert [found.project_id for found in query.scores(db, query.Where())] == ["q"]
