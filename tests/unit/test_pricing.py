"""Which price holds, and that money adds up to the last digit."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calango.pricing import Cost, OwnPrice, Prices, Work, list_price
from calango.records import Usage
from calango.tracing.attributes import cost_attributes

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = Decimal("3.6")  # a thousandth of a dollar per second
WORK = Work(prompt_ns=300_000_000, answer_ns=500_000_000)

money = st.decimals(min_value=0, max_value=10_000, places=6)
optional_money = st.none() | money
tokens = st.integers(0, 10**9)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    plain, read, wrote, made = (draw(tokens) for _ in range(4))
    return Usage(plain + read + wrote, made, read, wrote)


def own(match: str = "*", price: str = "1", **values: object) -> OwnPrice:
    return OwnPrice(match, Decimal(price), Decimal(price), **values)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("match", "model", "holds"),
    [
        ("qwen3:*", "qwen3:8b", True),
        ("qwen3:*", "Qwen3:8B", True),
        ("QWEN3:*", "qwen3:8b", True),
        ("qwen3:*", "qwen3", False),
        ("qwen3*", "qwen3", True),
        ("qwen3", "qwen3:8b", False),
        ("8b", "qwen3:8b", False),
        ("gpt-?o", "gpt-4o", True),
        ("gpt-[45]", "gpt-5", True),
        ("gpt.4o", "gpt-4o", False),
        ("*" * 40 + "b", "a" * 2000, False),
    ],
)
def test_a_match_is_a_glob_for_the_whole_name(match: str, model: str, holds: bool):
    assert own(match).holds(model, None, NOW.date()) == holds


@pytest.mark.parametrize(
    ("wanted", "provider", "holds"),
    [
        (None, None, True),
        (None, "openai", True),
        ("openai", "OpenAI", True),
        ("openai", "ollama", False),
        ("openai", None, False),
    ],
)
def test_an_entry_with_a_provider_is_for_calls_of_that_provider(wanted: str | None, provider: str | None, holds: bool):
    assert own(provider=wanted).holds("m", provider, NOW.date()) == holds


@pytest.mark.parametrize(
    ("at", "price"),
    [
        (datetime(2025, 12, 31, 23, 59, tzinfo=UTC), None),
        (datetime(2026, 1, 1, tzinfo=UTC), 1),
        (datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 7, 1, tzinfo=UTC), 2),
        (datetime(2026, 6, 30, 23, tzinfo=timezone(timedelta(hours=-3))), 2),
    ],
)
def test_a_price_holds_from_its_first_day_until_the_day_of_the_next_one_in_utc(at: datetime, price: int | None):
    first = own(since=date(2026, 1, 1), until=date(2026, 7, 1))
    found = Prices((first, own(price="2", since=date(2026, 7, 1)))).own_price("m", at)

    assert (found and found.input) == price


LISTED = Prices().cost(Usage(1_000_000, 0), "gpt-4o", NOW, "openai")


@pytest.mark.parametrize(
    ("prices", "model", "provider", "total", "estimated"),
    [
        (Prices((own("gpt-4o", "7"),)), "gpt-4o", "openai", Decimal(7), False),
        (Prices((own("g*", "7"), own("gpt-4o", "8"))), "gpt-4o", "openai", Decimal(7), False),
        (Prices((own("other", "7"),), HOUR), "gpt-4o", "openai", LISTED.total if LISTED else None, False),
        (Prices((own("deepseek*", "7"),), HOUR), "deepseek-r1:8b", "ollama", Decimal(7), False),
        (Prices((), HOUR), "deepseek-r1:8b", "ollama", Decimal("0.0008"), True),
        (Prices(()), "deepseek-r1:8b", "ollama", None, False),
        (Prices((), HOUR), "unknown", "openai", None, False),
        (Prices((), HOUR), "unknown", None, None, False),
    ],
)
def test_own_prices_come_before_the_list_and_the_list_before_an_estimate(
    prices: Prices, model: str, provider: str | None, total: Decimal | None, estimated: bool
):
    cost = prices.cost(Usage(1_000_000, 0), model, NOW, provider, WORK)

    assert (cost and cost.total, cost is not None and cost.estimated) == (total, estimated)


def test_what_is_known_to_be_free_costs_zero_and_not_nothing():
    assert Prices((own(price="0"),), HOUR).cost(Usage(1, 1), "m", NOW, "ollama", WORK) == Cost(*[Decimal(0)] * 3)


def test_an_estimate_splits_into_prompt_and_answer_also_when_no_tokens_were_counted():
    assert Prices((), HOUR).cost(None, None, NOW, "ollama", WORK) == Cost(
        Decimal("0.0003"), Decimal("0.0005"), Decimal("0.0008"), estimated=True
    )


def test_a_local_model_that_tells_no_durations_has_no_cost():
    assert Prices((), HOUR).cost(Usage(9, 9), "m", NOW, "ollama", None) is None


def test_tokens_that_nobody_counted_make_an_estimate_of_a_price():
    cost = Prices((own(),)).cost(Usage(9, 9, estimated=True), "m", NOW)

    assert cost is not None
    assert cost.estimated


@pytest.mark.parametrize(("a", "b"), [(False, False), (True, False), (False, True), (True, True)])
def test_a_sum_is_an_estimate_when_a_part_of_it_is(a: bool, b: bool):
    one = Decimal(1)

    assert (Cost(one, one, one, a) + Cost(one, one, one, b)).estimated == (a or b)


def test_cached_tokens_cost_what_input_costs_unless_told_otherwise():
    usage = Usage(10_000_000, 0, cache_read=4_000_000, cache_write=1_000_000)

    assert own(price="2").cost(usage).total == 20
    assert own(price="2", cache_read=Decimal("0.5"), cache_write=Decimal(3)).cost(usage).total == 10 + 2 + 3


@given(usages(), usages(), money, money, optional_money, optional_money)
def test_costs_are_exact_and_add_up(
    a: Usage, b: Usage, given_: Decimal, made: Decimal, read: Decimal | None, wrote: Decimal | None
):
    entry = OwnPrice("*", given_, made, cache_read=read, cache_write=wrote)
    cost = entry.cost(a)
    exact = (
        Fraction(given_) * (a.input - a.cache_read - a.cache_write)
        + Fraction(given_ if read is None else read) * a.cache_read
        + Fraction(given_ if wrote is None else wrote) * a.cache_write
        + Fraction(made) * a.output
    ) / 10**6

    assert cost.input + cost.output == cost.total
    assert Fraction(cost.total) == exact
    assert cost + entry.cost(b) == entry.cost(a + b)


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.decimals("0.000001", 100_000, places=6))
def test_an_estimate_is_the_sum_of_its_parts_and_right_to_a_trillionth(prompt: int, answer: int, hour: Decimal):
    cost = Prices((), hour).cost(None, "m", NOW, "ollama", Work(prompt, answer))

    assert cost is not None
    assert cost.input + cost.output == cost.total >= 0
    assert abs(Fraction(cost.total) - Fraction(hour) * (prompt + answer) / (3600 * 10**9)) <= Fraction(1, 10**12)


def test_what_a_cache_cost_is_told_apart_in_a_listed_price():
    cost = list_price(Usage(1000, 100, cache_read=600, cache_write=100), "claude-sonnet-4-5", NOW, "anthropic")

    assert cost is not None
    assert (cost.cache_read, cost.cache_write) == (Decimal("0.00018"), Decimal("0.000375"))
    assert cost.input == Decimal("0.0009") + cost.cache_read + cost.cache_write


def test_what_a_cache_cost_is_told_apart_in_a_price_of_ones_own():
    price = OwnPrice("m", Decimal(10), Decimal(20), cache_read=Decimal(1), cache_write=Decimal(12))
    cost = price.cost(Usage(1000, 0, cache_read=500, cache_write=100))

    assert (cost.cache_read, cost.cache_write) == (Decimal("0.0005"), Decimal("0.0012"))


def test_the_kinds_of_input_that_are_sent_add_up_to_its_cost():
    cost = Cost(Decimal("0.9"), Decimal("0.1"), Decimal(1), cache_read=Decimal("0.2"), cache_write=Decimal("0.3"))
    sent = json.loads(str(cost_attributes(cost)["langfuse.observation.cost_details"]))

    assert sent == {
        "input": 0.4, "output": 0.1, "input_cache_read": 0.2, "input_cache_creation": 0.3, "total": 1.0
    }  # fmt: skip
