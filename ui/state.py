"""Everything that a browser session remembers: the keys of its widgets and one object of its own.

Nothing here is shared: Streamlit gives each browser session a state of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from .turns import RunningTurn

_PAGE = "calango"
ASK = "ask"
LANGUAGE = "language"
MODEL = "model"
NEW = "new-conversation"
STOP = "stop"
RETRY = "retry"


def vote_key(answer: str) -> str:
    return f"vote-{answer}"


def comment_key(answer: str) -> str:
    return f"comment-{answer}"


def save_key(answer: str) -> str:
    return f"save-{answer}"


def session_key(session_id: str) -> str:
    return f"session-{session_id}"


def suggestion_key(number: int) -> str:
    return f"suggestion-{number}"


@dataclass(slots=True)
class PageState:
    """`runs` counts the runs of the page. `running` by session, `shown` the one of them that is on the page.

    `question` waits to be sent by the run that follows a click. `refused` says by session why a message was not sent or
    a turn broke off; `vote_problems` by answer why a vote was not taken.
    """

    runs: int = 0
    running: dict[str, RunningTurn] = field(default_factory=dict[str, RunningTurn])
    shown: RunningTurn | None = None
    question: str | None = None
    refused: dict[str | None, str] = field(default_factory=dict[str | None, str])
    vote_problems: dict[str, str] = field(default_factory=dict[str, str])


def page_state() -> PageState:
    if _PAGE not in st.session_state:
        st.session_state[_PAGE] = PageState()
    return st.session_state[_PAGE]
