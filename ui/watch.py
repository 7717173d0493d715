"""Draws the page again by itself once something has happened that it waits for: a vote's arrival, a turn's end."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from . import facts, feedback, links
from .exchanges import Exchange
from .place import Place
from .turns import RunningTurn

_EVERY_S = 1.0


def show(place: Place, talk: Sequence[Exchange], votes: feedback.Votes, turn: RunningTurn | None) -> None:
    """Draws nothing, and does nothing where nothing can change by itself.

    Timers of fragments go on after a script was stopped: that is how a stopped turn gets its final look.
    """

    def seen() -> object:
        if turn is not None:
            return turn.progress.is_done
        now = feedback.votes_of(place, talk)
        return _waits(place, talk, now), {trace: (vote.state, vote.value) for trace, vote in now.items()}

    drawn = seen()

    @st.fragment(run_every=_EVERY_S)
    def watch() -> None:
        if seen() != drawn:
            st.rerun()

    if turn is not None or any(_waits(place, talk, votes)):
        watch()


def _waits(place: Place, talk: Sequence[Exchange], votes: feedback.Votes) -> tuple[bool, ...]:
    return (
        place.session_id is not None and place.chat.is_running(place.session_id),
        facts.is_pending(place, talk),
        feedback.is_pending(place, votes),
        links.is_pending(place, talk),
    )
