"""`calango budgets`, and what `ask` says of them."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.support.commands import Calango

PRICES = '[[models]]\nmatch = "*"\ninput = 10\noutput = 10\n'
TINY = '[[budgets]]\nname = "{name}"\nusd = {usd}\nper = "day"\nthen = "{then}"\n'


@pytest.fixture
def priced(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home.mkdir(parents=True)
    (home / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("CALANGO_MODEL", "offline")
    return home


def test_without_budgets_it_says_where_they_are_written(calango: Calango, priced: Path):
    ended = calango("budgets", "--check")

    assert (ended.code, ended.out) == (0, "")
    assert "budgets.toml" in ended.err


def test_a_used_up_budget_is_shown_refuses_a_turn_and_fails_a_check(calango: Calango, priced: Path):
    (priced / "budgets.toml").write_text(
        TINY.format(name="tiny", usd="0.0001", then="stop") + TINY.format(name="vast", usd=1000, then="warn")
    )
    asked = calango("ask", "quanto é 2+2?", "--user", "ana")
    shown, machine, checked = calango("budgets"), calango("budgets", "--json"), calango("budgets", "--check")
    refused = calango("ask", "e o dobro?")

    assert asked.code == 0
    assert "budget 'tiny': US$ 0.0" in asked.err
    assert [share["budget"] for share in orjson.loads(machine.out)] == ["tiny", "vast"]
    assert [line.split()[0] for line in shown.out.splitlines()] == ["budget", "tiny", "vast"]
    assert "exceeded" in shown.out
    assert (shown.code, machine.code, checked.code) == (0, 0, 1)
    assert refused.code == 6
    assert "The budget 'tiny' is used up" in refused.err


def test_a_warning_is_not_repeated_by_the_next_command(calango: Calango, priced: Path):
    (priced / "budgets.toml").write_text(TINY.format(name="tiny", usd="0.0001", then="warn"))
    first, second = calango("ask", "quanto é 2+2?"), calango("ask", "quanto é 2+2?")

    assert "budget 'tiny'" in first.err
    assert "budget 'tiny'" not in second.err


def test_a_mistake_in_the_file_is_named_and_nothing_is_asked(calango: Calango, priced: Path):
    (priced / "budgets.toml").write_text("[[budgets]]\nname = 'x'\n")
    ended = calango("ask", "quanto é 2+2?")

    assert ended.code == 2
    assert "budget 'x': usd must be a number above 0" in ended.err
