"""The UI from the top: page, language, service, navigation."""

from __future__ import annotations

import streamlit as st

from calango.errors import CalangoError

from . import navigation, service
from .i18n import Texts
from .place import language_of
from .refusals import told
from .render import safe


def main() -> None:
    """One run of the script. A part that can't start says what to do, instead of a traceback."""
    texts = Texts(language_of(None))
    try:
        texts = Texts(language_of(service.chat().settings.locale))
        page = navigation.chosen(texts)
        page.run()
    except CalangoError as error:
        st.error(f"**{texts('Calango can not show this page.')}**", icon=":material/error:")
        st.markdown(safe(told(texts, error)))
        st.button(texts("Try again"))
