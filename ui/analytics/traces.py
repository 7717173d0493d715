"""Turns in a list, to be searched, filtered and followed; a click on one opens it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from calango.errors import CalangoError
from calango.insights.answers import Turn, TurnPage

from ..filter_names import outcome_names
from ..i18n import Texts
from ..state import LIVE, MIN_COST, MIN_LATENCY, ORDER, SCORED, SEARCH
from . import bar, notes, paging, tables, trace
from .address import Address
from .asking import Ask, answers, asked, fresh
from .tables import Column
from .view import View, set_address

_EVERY_S = 3.0
_QUESTION_CHARS = 160


def show(view: View) -> None:
    """The list, or the one trace that the address names."""
    if trace_id := view.address.given.get("trace"):
        trace.show(view, trace_id)
        return
    if not notes.has_answers(view):
        return
    bar.show(view)
    _controls(view)
    if view.address.given.get("live") == "1":
        _follow(view)
    else:
        _list(view, answers(view, question(view))[0])


def _follow(view: View) -> None:
    """The list, drawn again by itself. What is clicked in it changes the address while the rest of the page stays."""

    @st.fragment(run_every=_EVERY_S)
    def drawn() -> None:
        here = replace(view, address=Address(st.query_params.to_dict(), view.address.zone))
        try:
            _list(here, fresh(here, question(here)))
        except CalangoError as error:  # else the fragment would show where it was raised
            notes.problem(here, error)

    drawn()


def orders(texts: Texts) -> dict[str, str]:
    return {
        "latest": texts("latest first"),
        "slowest": texts("slowest first"),
        "dearest": texts("dearest first"),
        "tokens": texts("most tokens first"),
        "worst": texts("worst rated first"),
    }


def scored(texts: Texts) -> dict[str, str]:
    return {
        "up": texts("thumbs up"),
        "down": texts("thumbs down"),
        "rated": texts("rated"),
        "unrated": texts("not rated"),
    }


def _controls(view: View) -> None:
    texts, given = view.texts, view.address.given
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.session_state[SEARCH] = given.get("text", "")
        st.text_input(
            texts("Search in questions and answers"), key=SEARCH, icon=":material/search:", width=300,
            on_change=lambda: set_address(text=st.session_state[SEARCH].strip()),
        )  # fmt: skip
        _choice(view, "outcome", texts("Outcome"), outcome_names(texts), "traces-outcome", 170)
        _choice(view, "scored", texts("Rating"), scored(texts), SCORED, 150)
        _choice(view, "order", texts("Order"), orders(texts), ORDER, 180, default="latest")
        _least(view, "min_cost", texts("At least US$"), MIN_COST, 0.001, "%.4f")
        _least(view, "min_latency", texts("At least seconds"), MIN_LATENCY, 0.5, "%.1f")
        st.session_state[LIVE] = given.get("live") == "1"
        st.toggle(
            texts("Follow live"), key=LIVE, help=texts("Looks for new turns every 3 seconds."),
            on_change=lambda: set_address(live="1" if st.session_state[LIVE] else None),
        )  # fmt: skip


def _choice(
    view: View, name: str, label: str, options: dict[str, str], key: str, width: int, default: str | None = None
) -> None:
    def changed() -> None:
        chosen = st.session_state[key]
        set_address(**{name: None if chosen == default else chosen})

    value = view.address.given.get(name, default)
    known = list(options) if value is None or value in options else [value, *options]
    st.session_state[key] = value
    st.selectbox(
        label, known, key=key, index=None if default is None else 0, placeholder=view.texts("all"), width=width,
        on_change=changed, format_func=lambda value: options.get(value, value),
    )  # fmt: skip


def _least(view: View, name: str, label: str, key: str, step: float, shown: str) -> None:
    def changed() -> None:
        value = st.session_state[key]
        set_address(**{name: f"{value:g}" if value else None})

    st.session_state[key] = view.address.amount(name)
    st.number_input(label, min_value=0.0, value=None, step=step, format=shown, key=key, width=150, on_change=changed)


def question(view: View) -> Ask:
    """What the address asks for."""
    address = view.address
    latency = address.amount("min_latency")
    return asked(
        "turns",
        address.about,
        order=address.given.get("order"),
        scored=address.given.get("scored"),
        text=address.given.get("text"),
        min_cost_usd=address.amount("min_cost"),
        min_latency_ms=None if latency is None else latency * 1000,
        limit=paging.PER_PAGE,
        offset=paging.offset(view),
    )


def _list(view: View, found: TurnPage) -> None:
    if not found.turns and paging.offset(view):
        paging.nothing_here(view)
        return
    if not found.turns:
        _nothing(view)
        return
    listing(view, found.turns, "turns")
    paging.show(view, len(found.turns), found.total)


def _nothing(view: View) -> None:
    given = view.address.given
    if any(given.get(name) for name in ("text", "scored", "min_cost", "min_latency")):
        st.info(f"**{view.texts('No turn is like that.')}**", icon=":material/search_off:")
        st.button(
            view.texts("Clear the search"), key="clear-search", on_click=set_address,
            kwargs={"text": None, "scored": None, "min_cost": None, "min_latency": None},
        )  # fmt: skip
    else:
        notes.nothing(view)


def listing(view: View, turns: list[Turn], name: str) -> None:
    """Turns as a table; a click opens the trace."""
    texts = view.texts
    marks = {"ok": "✓", "error": "✗", "cancelled": "◼", "interrupted": "…"}
    outcomes = outcome_names(texts)
    columns = [
        Column("at", texts("Time"), width=120),
        Column("question", texts("Question"), width=270),
        Column("outcome", texts("Outcome"), width=110),
        Column("latency", texts("Latency"), texts.duration),
        view.cost_column(both=False),
        Column("tokens", texts("Tokens"), texts.number),
        Column("votes", texts("Votes")),
        Column("user", texts("User")),
        Column("model", texts("Model")),
        Column("tags", texts("Tags")),
    ]
    rows: list[dict[str, Any]] = [
        {
            "at": view.when(turn.started_at),
            "question": " ".join((turn.input or turn.name or turn.trace_id).split())[:_QUESTION_CHARS],
            "outcome": f"{marks.get(turn.outcome, '')} {outcomes.get(turn.outcome, turn.outcome)}",
            "latency": turn.latency_ms,
            "cost": turn.cost_usd,
            "estimated": turn.cost_estimated,
            "tokens": turn.tokens_total,
            "votes": tables.thumbs(turn.votes_up, turn.votes),
            "user": turn.user_id or "–",
            "model": turn.model or "–",
            "tags": ", ".join(turn.tags),
        }
        for turn in turns
    ]
    height = paging.height(len(rows))
    tables.show(
        name, columns, rows, lambda row: view.go("traces", trace=turns[row].trace_id), alt=texts("Turns"), height=height
    )
    st.caption(texts("A click on a row opens the turn."))
