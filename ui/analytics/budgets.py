"""The budgets nearest their limit, whatever period the page is about."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from calango.budgets.setup import budgets_of
from calango.questions import Range
from calango.records import BudgetShare

from ..budgets import limit, title
from ..render import plain
from .asking import Ask, asked
from .view import View

_SHOWN = 6
_OF_ONE = 2  # users, sessions or tags of a budget, so that one does not hide the others
_PER_ROW = 3
_MARKS = {"ok": "", "near": ":orange[:material/warning:] ", "exceeded": ":red[:material/block:] "}


def asks(view: View) -> list[Ask]:
    """The question whose answer `show` takes; none where there are no budgets."""
    settings = view.place.chat.settings
    rules = budgets_of(settings)
    return [asked("budgets", Range(zone=settings.time_zone), budgets=rules, limit=_OF_ONE)] if rules else []


def show(view: View, shares: Sequence[BudgetShare]) -> None:
    st.subheader(view.texts("Budgets"), anchor=False)
    st.caption(view.texts("Those nearest their limit, as of now: period and filters of this page do not change them."))
    nearest = shares[:_SHOWN]
    for first in range(0, len(nearest), _PER_ROW):
        for column, share in zip(st.columns(_PER_ROW), nearest[first : first + _PER_ROW], strict=False):
            with column, st.container(border=True, height="stretch"):
                _show(view, share)


def _show(view: View, share: BudgetShare) -> None:
    texts = view.texts
    most = limit(texts, share, plain(view.cost(share.limit_usd, both=False)))
    spent = texts("{spent} of {limit}", spent=plain(view.cost(share.spent_usd, both=False)), limit=most)
    st.markdown(f"{_MARKS[share.state]}**{title(texts, share)}**")
    st.progress(min(1.0, share.share), text=f"{spent} · {plain(texts.percent(share.share))}")
    notes: list[str] = []
    if share.resets_at is not None:
        notes.append(texts("It starts anew at {when}.", when=plain(view.when(share.resets_at))))
    if share.unpriced_turns:
        notes.append(texts("Not counting {count} turns without a price.", count=texts.number(share.unpriced_turns)))
    if notes:
        st.caption(" ".join(notes))
