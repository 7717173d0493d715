"""What each metric is, from turns that were made so that the right answer is known."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from calango.alerts import measure
from calango.alerts.rules import METRICS, Rule
from calango.store import ObservationRow, ScoreRow, Store
from calango.store.write import put_scores

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECOND = 1_000_000_000


def at_ns(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND


def turn(
    trace: str, start: datetime, *, user: str = "ana", seconds: int = 1, failed: bool = False, usd: str | None = None,
    first_token_s: int | None = None, tools: tuple[bool, ...] = (),
) -> list[ObservationRow]:  # fmt: skip
    """`tools`: one call each, and whether it failed."""
    start_ns = at_ns(start)
    level = "ERROR" if failed else "DEFAULT"
    root = ObservationRow("p", trace, "root", start_ns, end_ns=start_ns + seconds * SECOND, is_root=True, level=level,
                          user_id=user)  # fmt: skip
    call = ObservationRow("p", trace, "call", start_ns, type="GENERATION", parent_id="root")
    call.total_cost = None if usd is None else Decimal(usd)
    call.completion_start_ns = None if first_token_s is None else start_ns + first_token_s * SECOND
    used = [
        ObservationRow("p", trace, f"tool-{number}", start_ns, type="TOOL", parent_id="root",
                       level="ERROR" if broken else "DEFAULT")
        for number, broken in enumerate(tools)
    ]  # fmt: skip
    return [root, call, *used]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Generator[Store]:
    made = Store.open(tmp_path_factory.mktemp("measure") / "calango.duckdb")
    half = NOW - timedelta(minutes=30)
    rows = [
        *turn("a", half, seconds=1, usd="0.5", first_token_s=1, tools=(False, True)),
        *turn("b", half, seconds=2, usd="0.25", first_token_s=2, tools=(False, False)),
        *turn("c", half, seconds=4, user="bia", usd="1", first_token_s=3),
        *turn("d", half, seconds=9, user="bia", failed=True, first_token_s=9),
        *turn("before", NOW - timedelta(hours=2), seconds=90, usd="100", failed=True, tools=(True,)),
        *turn("at the end", NOW, seconds=90, usd="100", failed=True),
    ]
    made.insert(rows).result(10)
    votes = [
        ScoreRow("p", f"v-{trace}", "user-feedback", at_ns(half), "NUMERIC", value=value, trace_id=trace)
        for trace, value in (("a", 1.0), ("b", 1.0), ("c", 0.0), ("before", 0.0))
    ]
    made.write(lambda db: put_scores(db, votes)).result(10)
    made.add_up()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("metric", "value", "sample"),
    [
        ("latency_ms_p95", 8250.0, 4),  # between the two slowest of 1, 2, 4 and 9 s
        ("first_token_ms_p95", 8100.0, 4),
        ("error_rate", 0.25, 4),
        ("tool_failure_rate", 0.25, 4),  # of 4 calls
        ("satisfaction", 2 / 3, 3),  # of 3 votes
        ("cost_usd", 1.75, 4),
        ("cost_usd_per_user", 1.0, 2),  # bia's two turns
        ("turns", 4.0, 4),
    ],
)
def test_a_metric_is_that_of_the_turns_that_began_in_the_window(store: Store, metric: str, value: float, sample: int):
    with store.read() as db:
        found = measure.read(db, "p", Rule("x", metric, "above", 0), NOW)

    assert found.value == pytest.approx(value)
    assert found.sample == sample


def test_the_dearest_user_is_named(store: Store):
    with store.read() as db:
        assert measure.read(db, "p", Rule("x", "cost_usd_per_user", "above", 0), NOW).subject == "bia"


@pytest.mark.parametrize("metric", METRICS)
def test_without_turns_nothing_is_known_but_that_there_were_none(store: Store, metric: str):
    value = 0.0 if metric in {"turns", "cost_usd"} else None
    with store.read() as db:
        found = measure.read(db, "p", Rule("x", metric, "above", 0), NOW - timedelta(days=30))

    assert (found.value, found.sample) == (value, 0)


def test_a_filter_leaves_the_others_out(store: Store):
    with store.read() as db:
        found = measure.read(db, "p", Rule("x", "error_rate", "above", 0, filters=(("user", "bia"),)), NOW)

    assert (found.value, found.sample) == (0.5, 2)


def test_the_last_windows_stand_beside_each_other(store: Store):
    with store.read() as db:
        points = measure.series(db, "p", Rule("x", "turns", "above", 0), NOW)

    assert [point.value for point in points[-3:]] == [0.0, 1.0, 4.0]  # one began as the hour before did
    assert points[-1].end == NOW
    assert len(points) == measure.POINTS


NEW_YORK = ZoneInfo("America/New_York")
AFTER_CHANGE = datetime(2026, 11, 9, 9, 0, tzinfo=NEW_YORK)  # clocks went back an hour on November 1


@pytest.fixture
def weeks(tmp_path: Path) -> Generator[Store]:
    """So many turns at half past eight by the clock of New York, 1 to 4 weeks before; others an hour beside that."""
    made = Store.open(tmp_path / "calango.duckdb")
    rows: list[ObservationRow] = []
    for week, count in ((1, 2), (2, 4), (3, 6), (4, 40)):
        then = AFTER_CHANGE - timedelta(weeks=week)  # by the clock
        for number in range(count):
            rows += turn(f"{week}-{number}", then - timedelta(minutes=30))
        for number in range(9):
            rows += turn(f"early-{week}-{number}", then - timedelta(minutes=90))
            rows += turn(f"late-{week}-{number}", then + timedelta(minutes=30))
    made.insert(rows).result(10)
    made.add_up()
    yield made
    made.close()


def test_what_is_usual_is_the_median_of_the_same_clock_across_a_change_of_it(weeks: Store):
    with weeks.read() as db:
        found = measure.read(db, "p", Rule("x", "turns", "jump", 3), AFTER_CHANGE)

    assert found.usual == 5  # of 2, 4, 6 and 40


def test_one_week_makes_nothing_usual(weeks: Store):
    with weeks.read() as db:
        found = measure.read(db, "p", Rule("x", "turns", "jump", 3), AFTER_CHANGE - timedelta(weeks=3))

    assert found.usual is None
