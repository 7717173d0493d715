"""What a page says when it has nothing to show, or can't."""

from __future__ import annotations

import streamlit as st

from calango.errors import CalangoError, InputError
from calango.mirror.copy import is_begun

from ..refusals import told
from ..render import plain, safe
from ..state import START_OVER, UNFILTER, WIDEN
from .bar import clear_filters, start_over
from .view import View, set_address


def has_answers(view: View) -> bool:
    """Whether there is a local server to ask; says why when there is none."""
    settings, texts = view.place.chat.settings, view.texts
    if settings.mode == "local":
        return True
    if settings.mode == "remote" and is_begun(settings):
        return True
    if settings.mode == "remote":
        st.info(f"**{texts('Nothing was copied from the remote Langfuse yet.')}**", icon=":material/cloud:")
        st.markdown(
            texts(
                "Traces go to {host}. This page reads a copy: run `calango sync`, and again for what is new since."
                " Pages of single traces work without it.",
                host=plain(settings.base_url),
            )
        )
    else:
        st.info(f"**{texts('Tracing is off, so there is nothing to show.')}**", icon=":material/visibility_off:")
        st.markdown(texts("Remove LANGFUSE_TRACING_ENABLED=false and start the page again."))
    return False


def nothing(view: View) -> None:
    """No turns: says what to do about it."""
    texts = view.texts
    st.info(f"**{texts('No turns in this period.')}**", icon=":material/search_off:")
    if view.address.filters:
        st.markdown(texts("Remove the filters, or widen the period."))
        st.button(texts("Remove the filters"), key=UNFILTER, on_click=clear_filters)
    else:
        st.markdown(
            texts(
                "Widen the period, ask something in the chat, or fill the store with made-up conversations:"
                " `calango seed`."
            )
        )
    st.button(texts("Last 365 days"), key=WIDEN, on_click=set_address, kwargs={"since": "365d", "until": None})


def problem(view: View, error: CalangoError) -> None:
    """An error as a person can read it, and the way out."""
    texts = view.texts
    if isinstance(error, InputError):
        st.error(f"**{texts('This address asks for something that is not there.')}**", icon=":material/link_off:")
        st.markdown(safe(told(texts, error)))
        st.button(texts("Start over without filters"), key=START_OVER, on_click=start_over)
        return
    st.error(f"**{texts('Calango can not show this page.')}**", icon=":material/error:")
    st.markdown(safe(told(texts, error)))
    st.button(texts("Try again"))
