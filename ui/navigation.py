"""The pages and their addresses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from calango.errors import CalangoError

from . import chat_page, service, sidebar
from .analytics import alerts, bar, conversations, errors, health, notes, overview, traces, users
from .analytics.address import Address
from .analytics.view import View
from .i18n import Texts
from .place import Place, known_user, language_of
from .state import page_state

Show = Callable[[View], None]
Pages = dict[str, StreamlitPage]


def chosen(texts: Texts) -> StreamlitPage:
    """The page that the address names, of those in the navigation."""
    # Before the navigation, or the browser fetches the page's icon from the net to put it on the tab.
    looks = {"page_title": "Calango", "page_icon": "🦎"}
    st.set_page_config(**looks)
    chat = st.Page(chat_page.show, title=texts("Chat"), icon=":material/chat:", url_path="chat", default=True)
    pages: Pages = {"chat": chat}

    def add(path: str, title: str, icon: str, show: Show, *, has_bar: bool = True) -> None:
        run = partial(_run, pages, title, show, has_bar)
        pages[path] = st.Page(run, title=title, icon=icon, url_path=path)

    add("overview", texts("Overview"), ":material/monitoring:", overview.show)
    add("traces", texts("Traces"), ":material/account_tree:", traces.show, has_bar=False)
    add("conversations", texts("Conversations"), ":material/forum:", conversations.show, has_bar=False)
    add("users", texts("Users"), ":material/group:", users.show)
    add("errors", texts("Errors"), ":material/error:", errors.show)
    add("alerts", texts("Alerts"), ":material/notifications:", alerts.show, has_bar=False)
    add("health", texts("Health"), ":material/settings:", health.show, has_bar=False)
    page = st.navigation(list(pages.values()), position="top")
    st.set_page_config(**looks, layout="centered" if page == chat else "wide")
    return page


def _run(pages: Pages, title: str, show: Show, has_bar: bool) -> None:
    chat = service.chat()
    texts = Texts(language_of(chat.settings.locale), chat.settings.zone)
    place = Place(chat, service.lookups(), texts, page_state(), known_user(chat), None)
    view = View(place, pages, Address(st.query_params.to_dict(), chat.settings.time_zone))
    sidebar.show_small(place)
    st.header(title, anchor=False)
    try:
        if not has_bar:
            show(view)
        elif notes.has_answers(view):
            bar.show(view)
            show(view)
    except CalangoError as error:
        notes.problem(view, error)
