"""Thumbs and a comment under an answer; what became of the vote is said beside them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from calango.errors import CalangoError
from calango.tracing import THUMBS, Vote
from calango.tracing.feedback import COMMENT_LIMIT

from .exchanges import Exchange
from .place import Place
from .refusals import told
from .render import plain
from .state import comment_key, save_key, vote_key

Votes = dict[str, Vote]
_FRESH_S = 60.0


def votes_of(place: Place, talk: Sequence[Exchange]) -> Votes:
    """The person's thumbs by trace id. Never waits for the network: a remote Langfuse is asked in the background."""
    traces = [item.trace_id for item in talk if item.trace_id and item.answers]
    if not traces or place.chat.tracing is None:
        return {}
    known = _thumbs(place, traces, elsewhere=False)
    if place.chat.settings.mode == "remote":
        asked = place.lookups.get(_key(place), lambda: _thumbs(place, traces), Votes(), fresh_s=_FRESH_S)
        return {**asked, **known}
    return known


def is_pending(place: Place, votes: Votes) -> bool:
    """Whether the state of a vote may change by itself."""
    return any(vote.state == "pending" for vote in votes.values()) or place.lookups.is_pending(_key(place))


def show(place: Place, item: Exchange, vote: Vote | None) -> None:
    """One row: thumbs, comment, state of the vote."""
    texts = place.texts
    key, trace_id = vote_key(item.key), item.trace_id
    stored = None if vote is None or vote.value is None else int(vote.value)
    if st.session_state.get(key) != stored:
        st.session_state[key] = stored
    if trace_id is None:
        st.feedback("thumbs", key=key, disabled=True)
        st.caption(texts("Feedback is disabled because tracing is off."))
        return
    st.feedback("thumbs", key=key, on_change=_voted, args=(place, item))
    _comment(place, item, None if stored is None else vote)
    _state(place, item, vote)


def _comment(place: Place, item: Exchange, vote: Vote | None) -> None:
    texts, key = place.texts, comment_key(item.key)
    if key not in st.session_state:
        st.session_state[key] = (vote.comment if vote else None) or ""
    label = texts("Edit comment") if vote and vote.comment else texts("Comment")
    with st.popover(label, type="tertiary", icon=":material/edit_note:"):
        st.text_area(
            texts("What was good, what was wrong?"),
            key=key,
            max_chars=COMMENT_LIMIT,
            disabled=vote is None,
            placeholder=texts("Optional") if vote else texts("Choose a thumb first; the comment goes with it."),
        )
        st.button(
            texts("Save comment"),
            key=save_key(item.key),
            type="primary",
            disabled=vote is None,
            on_click=_commented,
            args=(place, item),
        )


def _state(place: Place, item: Exchange, vote: Vote | None) -> None:
    texts = place.texts
    problem = place.state.vote_problems.get(item.key)
    if problem:
        st.caption(f":red[{texts('The vote was not taken:')} {plain(problem)}]")
    elif vote is None:
        st.caption(texts("Was this helpful?"))
    elif vote.state == "pending":
        st.caption(f":material/schedule: {texts('Saved; on its way')}")
    elif vote.state == "refused":
        st.caption(f":red[:material/error: {texts('Refused:')} {plain(vote.reason or '?')}]")
    else:
        st.caption(f":material/check: {texts('Received')}")


def _voted(place: Place, item: Exchange) -> None:
    """A thumb was chosen, changed, or clicked again, which takes it back."""
    value = st.session_state[vote_key(item.key)]
    if value is None:
        _send(place, item, None)
        st.session_state[comment_key(item.key)] = ""
    else:
        _send(place, item, bool(value))


def _commented(place: Place, item: Exchange) -> None:
    value = st.session_state[vote_key(item.key)]
    if value is not None:
        _send(place, item, bool(value))


def _send(place: Place, item: Exchange, thumbs: bool | None) -> None:
    trace_id = item.trace_id or ""
    place.state.vote_problems.pop(item.key, None)
    try:
        if thumbs is None:
            place.chat.withdraw_feedback(trace_id, THUMBS, user_id=place.user_id)
            st.toast(place.texts("Your vote was taken back."), icon=":material/undo:")
        else:
            comment = st.session_state.get(comment_key(item.key))
            place.chat.submit_feedback(trace_id, thumbs=thumbs, comment=comment or None, user_id=place.user_id)
            st.toast(place.texts("Thank you for the feedback!"), icon=":material/favorite:")
    except CalangoError as error:
        place.state.vote_problems[item.key] = told(place.texts, error)
    place.lookups.forget(_key(place))


def _thumbs(place: Place, trace_ids: Sequence[str], *, elsewhere: bool = True) -> Votes:
    found = place.chat.votes(trace_ids, user_id=place.user_id, elsewhere=elsewhere)
    return {trace_id: votes[THUMBS] for trace_id, votes in found.items() if THUMBS in votes}


def _key(place: Place) -> tuple[str, str, str | None]:
    return ("votes", place.user_id, place.session_id)
