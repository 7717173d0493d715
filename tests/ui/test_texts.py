"""Both languages are complete, and numbers follow them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from string import Formatter

import pytest

from calango import bundled
from calango.currency import Money

i18n = bundled.module("ui", "i18n")
UI = Path(__file__).parents[2] / "ui"


def keys_in_code() -> Iterator[str]:
    for file in UI.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_texts(node.func):
                assert isinstance(node.args[0], ast.Constant), f"{file.name}:{node.lineno} translates no literal"
                yield str(node.args[0].value)


def _is_texts(function: ast.expr) -> bool:
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    return name in {"texts", "_texts"}


@pytest.mark.parametrize("locale", i18n.LANGUAGES)
def test_every_key_of_the_code_is_translated_and_no_other(locale: str) -> None:
    catalog = i18n.catalog(locale)
    assert set(catalog) == set(keys_in_code())
    assert all(catalog.values())


@pytest.mark.parametrize("locale", i18n.LANGUAGES)
def test_translations_fill_in_the_same_values(locale: str) -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert all(fields(key) == fields(text) for key, text in i18n.catalog(locale).items())


def test_numbers_money_and_times_follow_the_language() -> None:
    now = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
    ns = int(now.timestamp()) * 10**9
    pt, en = i18n.Texts("pt_BR"), i18n.Texts("en")
    assert (pt.number(12345), en.number(12345)) == ("12.345", "12,345")
    small, plain = Money(Decimal("0.000125")), Money(Decimal(3))
    assert (pt.money(small), en.money(small)) == ("US$\xa00,000125", "$0.000125")
    assert (pt.money(plain), en.money(plain)) == ("US$\xa03,00", "$3.00")
    assert pt.money(Money(Decimal("0.0123"), "BRL")) == "R$\xa00,0123"
    assert (pt.duration(2345), en.duration(2345)) == ("2,3\xa0s", "2.3\xa0s")
    assert pt.duration(340.4) == "340\xa0ms"
    assert pt.when(ns).startswith("01/03/2026")
    assert en.when(ns).startswith("3/1/26")


def test_no_file_of_the_ui_allows_raw_html() -> None:
    for file in UI.rglob("*.py"):
        assert "unsafe_allow_html" not in file.read_text(encoding="utf-8")
