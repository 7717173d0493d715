"""Conversations: how they end, where people give up, what they come for; and the list that leads to each."""

from __future__ import annotations

from typing import Any

import streamlit as st

from calango.insights.answers import Conversation, Conversations

from ..i18n import Texts
from . import bar, charts, notes, paging, replay, tables
from .asking import answers, asked
from .tables import Column
from .view import View


def show(view: View) -> None:
    """The list, or the one conversation that the address names."""
    if not notes.has_answers(view):
        return
    if session_id := view.address.given.get("session"):
        replay.show(view, session_id)
        return
    bar.show(view)
    (found,) = answers(
        view, asked("conversations", view.address.about, limit=paging.PER_PAGE, offset=paging.offset(view))
    )
    if not found.count:
        notes.nothing(view)
        return
    if not found.latest:
        paging.nothing_here(view)
        return
    _figures(view, found)
    _list(view, found)


def ends(texts: Texts) -> dict[str, str]:
    return {
        "resolved": texts("resolved"),
        "unresolved": texts("not resolved"),
        "abandoned": texts("abandoned"),
        "escalated": texts("handed to a person"),
        "open": texts("no verdict"),
    }


def _figures(view: View, found: Conversations) -> None:
    texts = view.texts
    with st.container(horizontal=True, gap="large"):
        for label, value in (
            (texts("Conversations"), texts.number(found.count)),
            (texts("Turns, median"), "–" if found.turns_p50 is None else texts.decimal(found.turns_p50)),
            (texts("Length, median"), _seconds(view, found.duration_s_p50)),
            (texts("Response time, median"), _seconds(view, (found.response_ms_p50 or 0) / 1000)),
        ):  # fmt: skip
            st.metric(label, value, width="content")
    left, middle, right = st.columns(3, gap="medium")
    names = ends(texts)
    with left:
        outcomes = {names.get(name, name): count for name, count in found.outcomes.items()}
        charts.draw(
            charts.bars(outcomes, unit=texts("conversations"), what=texts("Outcome")), texts.locale,
            title=texts("How they end"),
        )  # fmt: skip
    with middle:
        if found.dropoffs:
            drops = charts.bars(
                found.dropoffs, unit=texts("conversations"), what=texts("number of the last turn"),
                title=texts("number of the last turn"), color=charts.RED,
                sort=None,
            )  # fmt: skip
            charts.draw(drops, texts.locale, title=texts("Where people give up"))
    with right:
        if found.intents:
            intents = {" → ".join(names): count for names, count in found.intents}
            charts.draw(
                charts.bars(intents, unit=texts("conversations"), what=texts("Intents"), color=charts.BLUE),
                texts.locale, title=texts("What people come for"),
            )  # fmt: skip
    st.caption(
        texts(
            "Resolved and not resolved follow from the vote on the last turn; abandoned: the last turn failed, was"
            " stopped or waits; handed to a person: a tag or tool says so."
        )
    )


def _seconds(view: View, seconds: float | None) -> str:
    return "–" if seconds is None else view.texts.span(seconds)


def _list(view: View, found: Conversations) -> None:
    texts, names = view.texts, ends(view.texts)
    columns = [
        Column("at", texts("Last turn"), width=120),
        Column("first", texts("Begins with"), width=250),
        Column("outcome", texts("Outcome")),
        Column("turns", texts("Turns"), texts.number),
        Column("duration", texts("Length"), texts.span),
        Column("response", texts("Response time"), texts.duration),
        view.cost_column(both=False),
        Column("votes", texts("Votes")),
        Column("user", texts("User")),
    ]
    rows = [_row(view, one, names) for one in found.latest]

    def opens(row: int) -> None:
        view.go("conversations", session=found.latest[row].session_id)

    st.caption(texts("A click on a row replays the conversation."))
    tables.show("conversations", columns, rows, opens, alt=texts("Conversations"), height=paging.height(len(rows)))
    paging.show(view, len(rows), found.count)


def _row(view: View, one: Conversation, names: dict[str, str]) -> dict[str, Any]:
    return {
        "at": view.when(one.ended_at),
        "first": plain_line(one.first_input or one.session_id),
        "outcome": names.get(one.outcome, one.outcome),
        "turns": one.turns,
        "duration": one.duration_s,
        "response": one.response_ms_mean,
        "cost": one.cost_usd,
        "estimated": one.cost_estimated,
        "votes": tables.thumbs(one.votes_up, one.votes),
        "user": one.user_id or "–",
    }


def plain_line(text: str) -> str:
    return " ".join(text.split())[:160]
