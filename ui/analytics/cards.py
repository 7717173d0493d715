"""One figure as a card: its value, how it changed, whether that is more than noise, and the way to the turns behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

from calango.insights.answers import Trend

from ..render import plain
from .view import View


@dataclass(frozen=True, slots=True)
class Card:
    """`link` is the label of the way to `page` with `query`. `more_is` says whether growth is good news."""

    label: str
    value: str
    trend: Trend | None
    link: str
    page: str = "traces"
    query: dict[str, str] = field(default_factory=dict[str, str])
    more_is: str = "neither"
    is_share: bool = False
    notes: Sequence[str] = ()
    help: str | None = None


def show(view: View, cards: Sequence[Card], per_row: int = 3) -> None:
    for first in range(0, len(cards), per_row):
        for column, card in zip(st.columns(per_row), cards[first : first + per_row], strict=False):
            with column, st.container(border=True, height="stretch"):
                _card(view, card)


def _card(view: View, card: Card) -> None:
    trend = card.trend
    change = changed(view, trend, is_share=card.is_share) if trend is not None else None
    color = "off"
    if trend is not None and trend.is_notable and card.more_is != "neither":
        color = "normal" if card.more_is == "good" else "inverse"
    st.metric(
        card.label,
        plain_dollars(card.value),
        change,
        delta_color=color,
        delta_description=significance(view, trend) if trend is not None and change is not None else None,
        help=card.help,
    )
    if card.notes:
        st.caption(" · ".join(card.notes))
    view.link(card.link, card.page, icon=":material/arrow_forward:", **card.query)


def changed(view: View, trend: Trend, *, is_share: bool = False) -> str | None:
    """ "+12%", or "+1,2 p.p." for shares; None when there is nothing to compare."""
    texts = view.texts
    if is_share:
        if trend.now is None or trend.before is None:
            return None
        points = 100 * (trend.now - trend.before)
        return texts.signed(texts("{points} pp", points=texts.decimal(abs(points))), points)
    if trend.change is None:
        return None
    return texts.signed(texts.percent(abs(trend.change)), trend.change)


def significance(view: View, trend: Trend) -> str:
    texts = view.texts
    if trend.is_notable:
        return texts("more than noise")
    return texts("may be noise")


def plain_dollars(text: str) -> str:
    return plain(text) if "$" in text else text
