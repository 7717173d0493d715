"""The turn that is running: read from its `RunningTurn`, drawn as it grows, and stopped from here."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

import streamlit as st
from streamlit import config
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime import Runtime
from streamlit.runtime.scriptrunner import StopException, get_script_run_ctx

from .answer import AGENT, show_question, show_segment, show_tool
from .i18n import Texts
from .render import Code, Prose, segments
from .state import PageState
from .turns import Progress, RunningTurn, ToolUse

_FRAME_S = 0.08  # between two drawings, so that a fast model does not flood the browser
_BEAT_S = 0.25  # without news; drawing is what lets Streamlit interrupt the script
_DISCONNECT_S = 0.05
_FOLLOWED_S = 1.0

Piece = Prose | Code | ToolUse


def follow(texts: Texts, turn: RunningTurn) -> None:
    """Draw until the turn is over. A click anywhere starts the script anew and ends up here again."""
    show_question(turn.text)
    with st.chat_message("assistant", avatar=AGENT):
        area = st.container()
        working = st.empty()
    drawing = _Drawing(texts, area)
    progress = turn.progress
    while True:
        drawing.update(pieces(progress))
        if progress.is_done:
            return
        seconds = texts.number(int(time.monotonic() - turn.started_s))
        working.caption(f":material/more_horiz: {texts('Working … {seconds} s', seconds=seconds)}")
        time.sleep(_FRAME_S)
        progress = turn.wait(progress, _BEAT_S)


def pieces(progress: Progress) -> list[Piece]:
    found: list[Piece] = []
    for part in progress.parts:
        found += [part] if isinstance(part, ToolUse) else segments(part)
    return found


class _Drawing:
    """Keeps what is on the page, and sends only what differs."""

    def __init__(self, texts: Texts, area: DeltaGenerator) -> None:
        self._texts = texts
        self._area = area
        self._slots: list[DeltaGenerator] = []
        self._drawn: list[Piece] = []

    def update(self, wanted: list[Piece]) -> None:
        for number, piece in enumerate(wanted):
            if number == len(self._slots):
                self._slots.append(self._area.empty())
            elif self._drawn[number] == piece:
                continue
            with self._slots[number].container():
                if isinstance(piece, ToolUse):
                    show_tool(self._texts, piece)
                else:
                    show_segment(piece)
        for slot in self._slots[len(wanted) :]:
            slot.empty()
        self._drawn = wanted + self._drawn[len(wanted) :]


@contextmanager
def stoppable(state: PageState) -> Generator[None]:
    """The stop button of the input ends the script; inside here it ends the shown turn as well.

    Streamlit ends the script in the same way when the browser goes away, and, with `runner.fastReruns`, when a click
    starts the next run beside it. Then the turn goes on.
    """
    state.runs += 1
    this_run = state.runs
    try:
        yield
    except StopException:
        # No `st` in here: whatever touches the session's state or the page would be stopped again.
        turn = state.shown
        if turn is not None and _is_connected() and not _is_followed(state, this_run):
            turn.stop()
        raise


def _is_connected() -> bool:
    context = get_script_run_ctx()
    if context is None or not Runtime.exists():
        return True
    time.sleep(_DISCONNECT_S)  # a browser that goes away is struck off right after the script is told to stop
    return Runtime.instance().is_active_session(context.session_id)


def _is_followed(state: PageState, this_run: int) -> bool:
    """Whether another run of the page has begun. It is waited for only where one may run beside this one."""
    if not config.get_option("runner.fastReruns"):
        return False
    deadline = time.monotonic() + _FOLLOWED_S
    while state.runs == this_run and time.monotonic() < deadline:
        time.sleep(_FRAME_S)
    return state.runs != this_run
