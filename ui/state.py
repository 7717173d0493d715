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
# the pages beside the chat
PERIOD = "period"
PERIOD_DAYS = "period-days"
FILTERS_OPEN = "filters"
UNFILTER = "no-filters"
START_OVER = "start-over"
WIDEN = "widen"
SEARCH = "search"
ORDER = "order"
SCORED = "scored"
MIN_COST = "min-cost"
MIN_LATENCY = "min-latency"
LIVE = "live"
OBSERVATION = "observation"
REMARK = "remark"
ADD_REMARK = "add-remark"
TAGS_OPEN = "tags"
TAGS = "new-tags"
ADD_TAGS = "add-tags"
DATASETS_OPEN = "datasets"
DATASET = "dataset"
ADD_ITEM = "add-item"


def vote_key(answer: str) -> str:
    return f"vote-{answer}"


def comment_key(answer: str) -> str:
    return f"comment-{answer}"


def save_key(answer: str) -> str:
    return f"save-{answer}"


def session_key(session_id: str) -> str:
    return f"session-{session_id}"


def filter_key(name: str) -> str:
    return f"filter-{name}"


def unfilter_key(name: str) -> str:
    return f"unfilter-{name}"


def table_key(name: str, rows: int) -> str:
    return f"table-{name}-{rows}"


def turn_page_key(step: int) -> str:
    return f"turn-page-{step}"


def sent_tags_key(trace_id: str) -> str:
    return f"sent-tags-{trace_id}"


def alert_key(*parts: str) -> str:
    return "-".join(("alert", *parts))


def suggestion_key(number: int) -> str:
    return f"suggestion-{number}"


@dataclass(slots=True)
class PageState:
    """`runs` counts the runs of the page. `running` by session, `shown` the one of them that is on the page.

    `user_id` and `locale` are what the address last said; other pages do not repeat it.
    `question` waits to be sent by the run that follows a click. `refused` says by session why a message was not sent or
    a turn broke off, and `unsent` is the message that a budget held back, until it is in the input again;
    `vote_problems` says by answer why a vote was not taken.
    """

    runs: int = 0
    user_id: str | None = None
    locale: str | None = None
    running: dict[str, RunningTurn] = field(default_factory=dict[str, RunningTurn])
    shown: RunningTurn | None = None
    question: str | None = None
    refused: dict[str | None, str] = field(default_factory=dict[str | None, str])
    unsent: dict[str, str] = field(default_factory=dict[str, str])
    vote_problems: dict[str, str] = field(default_factory=dict[str, str])


def page_state() -> PageState:
    if _PAGE not in st.session_state:
        st.session_state[_PAGE] = PageState()
    return st.session_state[_PAGE]
