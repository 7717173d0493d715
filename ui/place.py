"""Where a page is: which person, which conversation, which language. All three may come from the address."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from calango import ids
from calango.chat import ChatService

from .i18n import DEFAULT, LANGUAGES, Texts
from .lookups import Lookups
from .state import PageState, page_state
from .turns import Finished


@dataclass(frozen=True, slots=True)
class Place:
    """`session_id` is None in a conversation that has not begun."""

    chat: ChatService
    lookups: Lookups
    texts: Texts
    state: PageState
    user_id: str
    session_id: str | None

    def finished(self, key: str) -> Finished | None:
        """What this process knows of a finished turn, by `Exchange.key`."""
        return self.lookups.peek(("finished", key))

    def remember(self, key: str, turn: Finished) -> None:
        self.lookups.put(("finished", key), turn)


def language_of(preferred: str | None) -> str:
    """`?lang=` when it is one of ours, or was so on another page of this session; else what is preferred."""
    state = page_state()
    asked = st.query_params.get("lang", "")
    if asked in LANGUAGES:
        state.locale = asked
    return state.locale or preferred or DEFAULT


def user_of(chat: ChatService) -> str:
    """Who sits there: `?user=` of the chat, or what it was before another page was looked at; else CALANGO_USER.

    InputError when it can't be a user id.
    """
    state = page_state()
    asked = st.query_params.get("user")
    if asked is None:
        return known_user(chat)
    state.user_id = ids.check_id("user_id", asked)
    return state.user_id


def known_user(chat: ChatService) -> str:
    """The same on pages whose `?user=` is a filter."""
    return page_state().user_id or ids.check_id("user_id", chat.settings.user)


def session_of() -> str | None:
    """`?session=`. InputError when it can't be a session id."""
    asked = st.query_params.get("session")
    return None if asked is None else ids.check_id("session_id", asked)


def go_to(session_id: str | None) -> None:
    """Show another conversation, or a new one, from the next line on."""
    if session_id is None:
        st.query_params.pop("session", None)
    else:
        st.query_params["session"] = session_id
