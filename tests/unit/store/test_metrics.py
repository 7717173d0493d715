from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from calango.store import ObservationRow, ScoreRow, Store, query
from calango.store.metrics import MetricsQuery, granularity_for, run
from calango.store.views import AGGREGATIONS, BOOLEAN, CATEGORICAL, NUMERIC, OBSERVATIONS, TRACES, View
from calango.store.write import put_scores

HOUR = 3_600_000_000_000
START = 500_000 * HOUR  # a full hour


def row(id_: str, hour: int, ms: int, **values: Any) -> ObservationRow:
    start = START + hour * HOUR
    return ObservationRow("p", values.pop("trace_id", "t"), id_, start, end_ns=start + ms * 1_000_000, **values)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Generator[Store]:
    opened = Store.open(Path(tmp_path_factory.mktemp("metrics")) / "calango.duckdb")
    rows = [
        row("a", 0, 10, name="llm", model="m", total_tokens=5, total_cost=Decimal("0.1"), user_id="ana", is_root=True),
        row("b", 0, 20, name="llm", model="m", total_tokens=7, total_cost=Decimal("0.2"), user_id="ana", parent_id="a"),
        row("c", 2, 25, name="tool", trace_id="u", user_id="bob"),
    ]
    opened.insert(rows).result(10)
    scores = [
        ScoreRow("p", "1", "stars", START, "NUMERIC", value=4.0, trace_id="t"),
        ScoreRow("p", "2", "up", START, "BOOLEAN", value=1.0, string_value="True", trace_id="t"),
        ScoreRow("p", "3", "topic", START, "CATEGORICAL", value=0.0, string_value="billing", trace_id="u"),
    ]
    opened.write(lambda db: put_scores(db, scores)).result(10)
    yield opened
    opened.close()


def ask(store: Store, view: View = OBSERVATIONS, **values: Any) -> list[dict[str, Any]]:
    where = query.of_project("p").between(view.time, START, START + 4 * HOUR)
    with store.read() as db:
        return run(db, MetricsQuery(view=view, where=where, from_ns=START, to_ns=START + 4 * HOUR, **values))


def test_a_group_per_value_the_largest_first(store: Store):
    found = ask(store, dimensions=("name",), metrics=(("latency", "sum"), ("totalTokens", "sum")))

    assert found == [
        {"name": "llm", "sum_latency": 30, "sum_totalTokens": 12},
        {"name": "tool", "sum_latency": 25, "sum_totalTokens": 0},
    ]


def test_money_is_summed_exactly(store: Store):
    assert ask(store, metrics=(("totalCost", "sum"),)) == [{"sum_totalCost": 0.3}]


def test_a_quantile_lies_between_two_values(store: Store):
    assert ask(store, metrics=(("latency", "p50"), ("latency", "p75"))) == [{"p50_latency": 20, "p75_latency": 22.5}]


def test_hours_without_anything_are_there_with_zero(store: Store):
    found = ask(store, metrics=(("count", "count"),), granularity="hour")

    assert [entry["count_count"] for entry in found] == [2, 0, 1, 0]


def test_no_metric_means_the_count(store: Store):
    assert ask(store) == [{"count": 3}]


def test_unique_users_are_counted_once(store: Store):
    assert ask(store, metrics=(("uniqueUserIds", "count"),)) == [{"count_uniqueUserIds": 2}]


def test_an_order_that_was_asked_for_wins(store: Store):
    found = ask(store, dimensions=("name",), metrics=(("count", "count"),), order=(("count_count", "asc"),))

    assert [entry["name"] for entry in found] == ["tool", "llm"]


def test_no_more_rows_than_asked_for(store: Store):
    assert len(ask(store, dimensions=("name",), metrics=(("count", "count"),), limit=1)) == 1


def test_scores_are_averaged_by_name(store: Store):
    found = ask(store, NUMERIC, dimensions=("name",), metrics=(("value", "avg"),))

    assert found == [{"name": "stars", "avg_value": 4.0}, {"name": "up", "avg_value": 1.0}]


def test_scores_know_the_trace_of_their_root(store: Store):
    found = ask(store, BOOLEAN, dimensions=("booleanValue", "userId"), metrics=(("count", "count"),))

    assert found == [{"booleanValue": True, "userId": "ana", "count_count": 1}]


def test_categories_are_counted(store: Store):
    found = ask(store, CATEGORICAL, dimensions=("stringValue",), metrics=(("count", "count"),))

    assert found == [{"stringValue": "billing", "count_count": 1}]


def test_traces_have_their_observations_and_scores(store: Store):
    found = ask(store, TRACES, dimensions=("id",), metrics=(("observationsCount", "sum"), ("scoresCount", "sum")))

    assert found == [
        {"id": "t", "sum_observationsCount": 2, "sum_scoresCount": 2},
        {"id": "u", "sum_observationsCount": 1, "sum_scoresCount": 1},
    ]


@pytest.mark.parametrize("view", [OBSERVATIONS, TRACES, NUMERIC, BOOLEAN, CATEGORICAL])
def test_every_dimension_and_measure_of_a_view_works(store: Store, view: View):
    for name in view.dimensions:
        assert ask(store, view, dimensions=(name,), metrics=(("count", "count"),)), name
    for name in view.measures:
        assert ask(store, view, metrics=((name, "count"),)), name


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_every_aggregation_works(store: Store, how: str):
    assert ask(store, metrics=(("latency", how),))[0][f"{how}_latency"] is not None


@pytest.mark.parametrize(
    ("hours", "granularity"), [(0.5, "minute"), (40, "hour"), (24 * 40, "day"), (24 * 200, "week"), (24 * 900, "month")]
)
def test_automatic_buckets_are_about_fifty(hours: float, granularity: str):
    assert granularity_for(0, int(hours * HOUR)) == granularity
