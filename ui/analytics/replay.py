"""One conversation as it went: its messages in order, with what each answer took and what people thought of it."""

from __future__ import annotations

import streamlit as st

from calango.errors import NotFound
from calango.insights.answers import Turn, TurnPage

from ..answer import AGENT, show_question, show_text
from ..filter_names import outcome_names
from ..render import plain
from . import tables
from .asking import answers, asked
from .view import View

_MOST = 200
_CUT = 600  # characters of a question or an answer that the server sends in lists


def show(view: View, session_id: str) -> None:
    """Raises InputError when there is no such conversation."""
    texts = view.texts
    view.link(texts("All conversations"), "conversations", icon=":material/arrow_back:", session=None)
    (found,) = answers(view, asked("turns", view.address.ever(session=session_id), order="latest", limit=_MOST))
    if not found.turns:
        raise NotFound(f"There is no conversation {session_id[:80]}.").because("no_session", value=session_id[:80])
    turns = list(reversed(found.turns))
    _head(view, session_id, turns, found)
    for turn in turns:
        _turn(view, turn)


def _head(view: View, session_id: str, turns: list[Turn], found: TurnPage) -> None:
    texts = view.texts
    costs = [turn.cost_usd for turn in turns if turn.cost_usd is not None]
    spent = sum(costs) if costs else None
    estimated = any(turn.cost_estimated for turn in turns)
    ups, votes = sum(turn.votes_up for turn in turns), sum(turn.votes for turn in turns)
    with st.container(horizontal=True, gap="large"):
        for label, value in (
            (texts("Turns"), texts.number(found.total)),
            (view.cost_label(spent, estimated=estimated), view.cost(spent, both=False, estimated=estimated)),
            (texts("Started"), view.when(turns[0].started_at)),
            (texts("Votes"), tables.thumbs(ups, votes) or "–"),
        ):
            st.metric(label, plain(value) if "$" in value else value, width="content")
    user = turns[0].user_id
    if user:
        view.link(user, "overview", icon=":material/person:", user=user, session=None)
    st.caption(f"{texts('Conversation')} `{session_id.replace('`', '')}`")
    if found.total > len(turns):
        st.caption(texts("The latest {count} of {total} turns.", count=len(turns), total=texts.number(found.total)))


def _turn(view: View, turn: Turn) -> None:
    texts = view.texts
    if turn.input:
        show_question(_said(turn.input))
    with st.chat_message("assistant", avatar=AGENT):
        if turn.output:
            show_text(_said(turn.output))
        if turn.outcome != "ok":
            name = outcome_names(texts).get(turn.outcome, turn.outcome)
            why = f": {plain(turn.error)}" if turn.error else ""
            (st.error if turn.outcome == "error" else st.warning)(f"{name}{why}")
        facts = [
            view.when(turn.started_at),
            plain(turn.model or "–"),
            texts.duration(turn.latency_ms),
            plain(view.cost(turn.cost_usd, estimated=turn.cost_estimated))
            if turn.cost_usd is not None
            else texts("no price"),
            ":material/thumb_up: " * turn.votes_up + ":material/thumb_down: " * (turn.votes - turn.votes_up),
        ]
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(" · ".join(fact for fact in facts if fact), width="content")
            view.link(texts("Open"), "traces", trace=turn.trace_id, session=None, icon=":material/account_tree:")


def _said(text: str) -> str:
    return f"{text}…" if len(text) >= _CUT else text
