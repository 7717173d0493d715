from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from calango.currency import Currency, Money, convert, second, told
from calango.reader import SessionUsage
from calango.usage_tool import described
from tests.support.servers import settings_for

REAIS = Currency("BRL", Decimal("5.5"))
USD = Decimal("0.0123")


@pytest.mark.parametrize(
    ("beside", "estimated", "text"),
    [
        (None, False, "US$ 0.012300"),
        (None, True, "≈ US$ 0.012300"),
        (REAIS, False, "US$ 0.012300 (R$ 0.067650)"),
        (REAIS, True, "≈ US$ 0.012300 (R$ 0.067650)"),
        (Currency("CHF", Decimal("0.9")), False, "US$ 0.012300 (CHF 0.011070)"),
    ],
)
def test_money_is_told_in_usd_and_beside_it_in_the_second_currency(beside, estimated, text):
    assert told(USD, beside, estimated=estimated) == text


def test_a_caller_may_write_amounts_its_own_way():
    assert told(USD, REAIS, write=lambda money: f"{money.code}{money.amount:.2f}") == "USD0.01 (BRL0.07)"


def test_a_conversion_keeps_every_digit():
    assert convert(Decimal("0.000000001"), Currency("BRL", Decimal("5.4321"))) == Money(Decimal("5.4321E-9"), "BRL")


def test_the_second_currency_follows_from_two_settings(home: Path):
    assert second(settings_for(home)) is None
    assert second(settings_for(home, currency="brl", currency_rate="5.5")) == REAIS


@pytest.mark.parametrize(
    ("locale", "cost", "text"),
    [
        ("pt_BR", USD, "custo de ≈ US$ 0.012300 (R$ 0.067650)"),
        ("en", USD, "a cost of ≈ US$ 0.012300 (R$ 0.067650)"),
        ("en", None, "no known cost"),
    ],
)
def test_the_agent_tells_what_a_conversation_cost(locale, cost, text):
    assert text in described(SessionUsage(1, 2, 3, cost, 4.0, cost_estimated=True), locale, REAIS)
