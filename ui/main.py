"""The UI from the top: page, language, service, navigation."""

from __future__ import annotations

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from calango.errors import CalangoError

from . import chat_page, service
from .i18n import Texts
from .place import language_of
from .render import safe


def main() -> None:
    """One run of the script. A part that can't start says what to do, instead of a traceback."""
    st.set_page_config(page_title="Calango", page_icon="🦎", layout="centered")
    texts = Texts(language_of(None))
    try:
        texts = Texts(language_of(service.chat().settings.locale))
        _navigation(texts).run()
    except CalangoError as error:
        st.error(f"**{texts('Calango can not show this page.')}**", icon=":material/error:")
        st.markdown(safe(str(error)))
        st.button(texts("Try again"))


def _navigation(texts: Texts) -> StreamlitPage:
    chat = st.Page(chat_page.show, title=texts("Chat"), icon=":material/chat:", url_path="chat", default=True)
    return st.navigation([chat])
