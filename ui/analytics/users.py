"""Who uses it: how much, at what cost, how content. A click shows the overview of that user."""

from __future__ import annotations

from typing import Any

import streamlit as st

from calango.insights.answers import Group

from . import notes, tables
from .asking import answers, asked
from .tables import Column
from .view import View

_MOST = 1000


def show(view: View) -> None:
    texts = view.texts
    (groups,) = answers(view, asked("breakdown", view.address.about, by="user", order="turns", limit=_MOST))
    if not groups:
        notes.nothing(view)
        return
    columns = [
        Column("user", texts("User"), width=220),
        Column("turns", texts("Turns"), texts.number),
        Column("conversations", texts("Conversations"), texts.number),
        view.cost_column(),
        Column("satisfaction", texts("Satisfaction"), texts.percent),
        Column("votes", texts("Votes"), texts.number),
        Column("errors", texts("Failed turns"), texts.number),
        Column("p95", texts("Latency p95"), texts.duration),
        Column("seen", texts("Last seen"), width=140),
    ]

    def opens(row: int) -> None:
        if groups[row].key is not None:
            view.go("overview", user=groups[row].key)

    st.caption(texts("A click on a row shows the overview of that user."))
    tables.show("users", columns, [_row(view, group) for group in groups], opens, alt=texts("Users"), height=640)
    if len(groups) == _MOST:
        st.caption(texts("The {count} with the most turns.", count=texts.number(_MOST)))


def _row(view: View, group: Group) -> dict[str, Any]:
    found = group.measures
    return {
        "user": group.key if group.key is not None else view.texts("without a name"),
        "turns": found.turns,
        "conversations": found.sessions,
        "cost": found.cost_usd,
        "estimated": found.cost_estimated,
        "satisfaction": found.votes_up / found.votes if found.votes else None,
        "votes": found.votes,
        "errors": found.error,
        "p95": found.latency_ms_p95,
        "seen": view.when(group.last_seen),
    }
