"""Budgets on the pages: what is near its limit, and a message that a budget holds back."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from calango.budgets.rules import Budget
from calango.questions import Questions
from tests.ui.conftest import ABOUT, Opens, ask, restart, said, texts

TINY = '[[budgets]]\nname = "equipe"\nusd = 0.000001\nper = "day"\nthen = "{then}"\n'


@pytest.fixture
def priced(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which the offline model has a price; tracing is off, so that nothing is started."""
    home.mkdir(parents=True)
    (home / "prices.toml").write_text('[[models]]\nmatch = "*"\ninput = 10\noutput = 10\n')
    monkeypatch.setenv("LANGFUSE_TRACING_ENABLED", "false")
    return home


def test_a_message_that_a_budget_holds_back_is_explained_and_stays_in_the_input(priced: Path, page: Opens) -> None:
    (priced / "budgets.toml").write_text(TINY.format(then="stop"))
    app = ask(page(), "Quanto é 6 * 7?")
    app = ask(app, "E o dobro?")

    assert "O orçamento acabou." in said(app)
    assert "Orçamento equipe: US\\$" in said(app)
    assert "por dia" in said(app)
    assert "Recomeça em" in said(app)
    assert app.chat_input[0].proto.value == "E o dobro?"
    assert len(app.chat_message) == 2


def test_a_message_that_was_held_back_can_be_sent_once_there_is_room(priced: Path, page: Opens) -> None:
    (priced / "budgets.toml").write_text(TINY.format(then="stop"))
    app = ask(ask(page(lang="en"), "Quanto é 6 * 7?"), "Quanto é 2 * 2?")
    assert "The budget is used up." in said(app)
    (priced / "budgets.toml").unlink()
    restart()
    app = ask(app, "Quanto é 2 * 2?")

    assert "used up" not in said(app)
    assert len(app.chat_message) == 4


def test_a_budget_past_its_limit_warns_below_the_answer_once(priced: Path, page: Opens) -> None:
    (priced / "budgets.toml").write_text(TINY.format(then="warn"))
    app = ask(ask(page(), "Quanto é 6 * 7?"), "Quanto é 2 * 2?")

    warnings = [one.value for one in app.warning]
    assert len(warnings) == 1
    assert "**Orçamento equipe:**" in warnings[0]
    assert "Só contam os turnos deste processo." in warnings[0]


@pytest.mark.xdist_group("pages")
def test_the_overview_shows_the_budgets_nearest_their_limit(
    opens: Opens, questions: Questions, store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "b.toml"
    file.write_text(
        '[[budgets]]\nname = "vast"\nusd = 1000000\n'
        '[[budgets]]\nname = "each"\nusd = 0.0001\nper = "all"\neach = "user"\n'
    )
    monkeypatch.setenv("CALANGO_BUDGETS", str(file))
    app = opens("overview")

    dearest = questions.breakdown(ABOUT, "user", order="cost", limit=1)[0].key
    heads = [one.value for one in app.markdown if "Orçamento" in one.value]
    assert heads[0] == f":red[:material/block:] **Orçamento each · {dearest}**".replace("_", "\\_").replace("-", "\\-")
    assert len(heads) == 3
    assert texts()("Budgets") in [one.value for one in app.subheader]


@pytest.mark.xdist_group("pages")
def test_what_the_page_says_of_a_budget_is_what_the_turns_cost(questions: Questions) -> None:
    total = questions.overview(replace(ABOUT, since="2020-01-01", until="2100-01-01")).total
    (share,) = questions.budgets(ABOUT, budgets=(Budget("all", Decimal(1000), "all"),))

    assert float(share.spent_usd) == pytest.approx(total.cost_usd)
    assert share.unpriced_turns > 0
