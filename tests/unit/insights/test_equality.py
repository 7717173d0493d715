"""Answers equal what pandas makes of the exported rows: another language, another program, the same numbers."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import pandas as pd
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from calango.insights import conversations, costs, errors, quality, turns
from calango.insights.period import Period, period
from calango.insights.scope import Scope
from calango.seed.turns import drawn
from calango.seed.wire import request, scores
from calango.server.costs import PriceBook
from calango.server.mapping import observations_of
from calango.server.wire_scores import score_row
from calango.store import Store, archive
from calango.store.write import put_scores

pytestmark = pytest.mark.xdist_group("equality")
TURNS, DAYS, UNTIL, PROJECT = 20_000, 45, date(2026, 11, 21), "p"
ZONES = ("UTC", "America/Sao_Paulo", "America/New_York")  # in New York a day of November has 25 hours
NS = 1_000_000_000


@dataclass
class Data:
    store: Store
    observations: pd.DataFrame
    turns: pd.DataFrame
    scores: pd.DataFrame

    def ask(self, question: Any, about: Period, *, filters: tuple[tuple[str, str], ...] = (), **more: Any) -> Any:
        with self.store.read() as db:
            return question(db, Scope(PROJECT, about, filters), **more)

    def of(self, about: Period) -> pd.DataFrame:
        return self.turns[(self.turns.start >= about.start_ns) & (self.turns.start < about.end_ns)]


def whole(zone: str = "UTC") -> Period:
    return period("2026-10-01", "2026-11-25", zone, datetime(2026, 11, 25, tzinfo=UTC))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Generator[Data]:
    folder = tmp_path_factory.mktemp("equality")
    store = Store.open(folder / "calango.duckdb")
    prices, coming = PriceBook(), drawn(TURNS, DAYS, UNTIL, seed=5)
    while batch := list(islice(coming, 500)):
        rows = observations_of(
            ExportTraceServiceRequest.FromString(request(batch)), PROJECT, now_ns=time.time_ns()
        ).rows
        for row in rows:
            prices.apply(row)
        store.insert(rows)
        votes = [score_row(score, PROJECT, time.time_ns()) for score in scores(batch)]
        store.write(lambda db, votes=votes: put_scores(db, votes))
    store.add_up()
    out = folder / "out"
    out.mkdir()
    with store.read() as db:
        archive.export(db, PROJECT, out, "parquet")
    observations = pd.read_parquet(out / "observations.parquet", dtype_backend="numpy_nullable")
    yield Data(store, observations, _turns(observations), pd.read_parquet(out / "scores.parquet"))
    store.close()


def _turns(rows: pd.DataFrame) -> pd.DataFrame:
    """A frame of turns from the observations, independently of the store's own."""
    roots = rows[rows.is_root].set_index("trace_id")
    said = roots.metadata_json.map(lambda text: json.loads(text)["status"].strip('"'))
    calls = rows[rows.type == "GENERATION"]
    spent = rows.groupby("trace_id").agg(
        cost=("total_cost", lambda values: values.dropna().astype(float).sum() if values.notna().any() else None),
        tokens=("total_tokens", "sum"), first=("completion_start_ns", "min"),
    )  # fmt: skip
    unpriced = calls[calls.total_cost.isna() & (calls.total_tokens > 0)].groupby("trace_id").size()
    return pd.DataFrame(
        {
            "start": roots.start_ns, "latency": (roots.end_ns - roots.start_ns) / 1e6, "user": roots.user_id,
            "session": roots.session_id, "environment": roots.environment, "release": roots.release,
            "outcome": said, "cost": spent.cost.astype(float), "tokens": spent.tokens,
            "first": ((spent["first"] - roots.start_ns) / 1e6).astype(float), "unpriced": unpriced,
        }
    ).fillna({"unpriced": 0})  # fmt: skip


def p95(values: pd.Series) -> float:
    return float(values.quantile(0.95))


def errors_in(levels: pd.Series) -> int:
    return int((levels == "ERROR").sum())


def same(found: float | None, wanted: float) -> bool:
    return found == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_the_total_is_the_same(data: Data):
    found, wanted = data.ask(costs.total, whole()), data.turns

    assert (found.turns, found.users, found.sessions) == (TURNS, wanted.user.nunique(), wanted.session.nunique())
    assert same(found.cost_usd, wanted.cost.sum())
    assert (found.tokens_total, found.unpriced_calls) == (wanted.tokens.sum(), wanted.unpriced.sum())
    assert same(found.latency_ms_mean, wanted.latency.mean())
    assert same(found.latency_ms_p95, wanted.latency.quantile(0.95))
    assert same(found.first_token_ms_p50, wanted["first"].quantile(0.5))
    assert found.interrupted == (wanted.outcome == "interrupted").sum() > 0
    assert same(found.success_rate, (wanted.outcome == "ok").sum() / wanted.outcome.isin(["ok", "error"]).sum())


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("grain", ["hour", "day", "week", "month"])
def test_time_is_cut_where_the_zone_cuts_it(data: Data, zone: str, grain: str):
    local = pd.to_datetime(data.turns.start, utc=True).dt.tz_convert(zone).dt.tz_localize(None)
    rule = {"hour": "h", "day": "D", "week": "W-SUN", "month": "M"}[grain]
    wanted = data.turns.groupby(local.dt.to_period(rule).dt.start_time).agg(
        turns=("cost", "size"), cost=("cost", "sum")
    )
    found = data.ask(costs.breakdown, whole(zone), by=grain, limit=5000)

    assert [group.key[:13] for group in found] == [f"{start:%Y-%m-%dT%H}" for start in wanted.index]
    assert [group.measures.turns for group in found] == wanted.turns.tolist()
    assert [group.measures.cost_usd or 0.0 for group in found] == pytest.approx(wanted.cost.tolist())


def test_a_period_ends_where_its_last_day_does_in_a_zone_with_a_long_day(data: Data):
    about = period("2026-11-01", "2026-11-01", "America/New_York", datetime(2026, 11, 25, tzinfo=UTC))

    assert (about.end_ns - about.start_ns) / NS == 25 * 3600
    assert data.ask(costs.total, about).turns == len(data.of(about)) > 0


@pytest.mark.parametrize("by", ["user", "session", "environment", "release", "outcome"])
def test_groups_are_the_same(data: Data, by: str):
    wanted = data.turns.groupby(by).agg(
        turns=("cost", "size"),
        cost=("cost", "sum"),
        tokens=("tokens", "sum"),
        p95=("latency", p95),
    )
    found = {group.key: group.measures for group in data.ask(costs.breakdown, whole(), by=by, limit=100_000)}

    assert set(found) == set(wanted.index)
    for key, row in wanted.iterrows():
        one = found[key]
        assert (one.turns, one.tokens_total) == (row.turns, row.tokens)
        assert same(one.cost_usd or 0.0, row.cost)
        assert same(one.latency_ms_p95, row.p95)


def test_models_are_the_same(data: Data):
    calls = data.observations[data.observations.type == "GENERATION"]
    calls = calls.assign(cost=calls.total_cost.astype(float), ms=(calls.end_ns - calls.start_ns) / 1e6)
    wanted = calls.groupby("model").agg(
        calls=("id", "size"), turns=("trace_id", "nunique"), cost=("cost", "sum"), p95=("ms", p95),
        failed=("level", errors_in),
    )  # fmt: skip
    found = {group.key: group.measures for group in data.ask(costs.breakdown, whole(), by="model")}

    assert set(found) == set(wanted.index)
    for key, row in wanted.iterrows():
        one = found[key]
        assert (one.calls, one.turns, one.error) == (row.calls, row.turns, row.failed)
        assert same(one.cost_usd or 0.0, row.cost)
        assert same(one.latency_ms_p95, row.p95)


def test_filters_choose_the_same_turns(data: Data):
    chosen = data.turns[(data.turns.environment == "staging") & (data.turns.outcome == "error")]
    found = data.ask(costs.total, whole(), filters=(("environment", "staging"), ("outcome", "error")))

    assert found.turns == len(chosen) > 0
    assert same(found.cost_usd or 0.0, chosen.cost.sum())


def test_tools_are_the_same(data: Data):
    rows = data.observations[data.observations.type == "TOOL"]
    wanted = rows.groupby("name").agg(calls=("id", "size"), failures=("level", errors_in))
    found = {one.name: (one.calls, one.failures) for one in data.ask(quality.tools, whole())}

    assert found == {name: (row.calls, row.failures) for name, row in wanted.iterrows()}


def test_votes_are_the_same(data: Data):
    thumbs = data.scores[data.scores.name == "user-feedback"]
    stars = data.scores[data.scores.name == "user-rating"]
    found = data.ask(quality.satisfaction, whole())

    assert (found.thumbs.count, found.rated.count) == (len(thumbs), TURNS)
    assert same(found.thumbs.share, thumbs.value.mean())
    assert same(found.stars_mean, stars.value.mean())
    assert same(found.rated.share, data.scores.trace_id.nunique() / TURNS)


def test_errors_are_the_same_turns(data: Data):
    failed = data.observations[data.observations.level == "ERROR"]
    found = data.ask(errors.errors, whole(), limit=1000)

    assert sum(one.count for one in found) == len(failed)
    assert any(one.cause for one in found)


def test_conversations_are_the_same(data: Data):
    wanted = data.turns.groupby("session").size()
    found = data.ask(conversations.conversations, whole())

    assert (found.count, sum(found.outcomes.values())) == (len(wanted), len(wanted))
    assert same(found.turns_mean, wanted.mean())


@pytest.mark.parametrize(("order", "column"), [("slowest", "latency"), ("dearest", "cost")])
def test_the_extremes_are_the_same(data: Data, order: str, column: str):
    found = data.ask(turns.turns, whole(), order=order, limit=20)

    assert [one.trace_id for one in found.turns] == data.turns[column].nlargest(20).index.tolist()
    assert found.total == TURNS


def test_the_period_before_is_compared_with(data: Data):
    about = period("2026-11-11", "2026-11-20", "America/Sao_Paulo", datetime(2026, 11, 25, tzinfo=UTC))
    found = data.ask(costs.overview, about)

    assert found.trends["turns"].now == len(data.of(about))
    assert found.trends["turns"].before == len(data.of(about.before()))
