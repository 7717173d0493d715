"""An empty conversation: what this is, what one could ask, and who answers."""

from __future__ import annotations

import streamlit as st

from . import offline
from .place import Place
from .state import suggestion_key


def show(place: Place, model: str | None) -> None:
    texts, why = place.texts, offline.why(place)
    st.title(texts("What can I do for you?"))
    st.markdown(texts("Every answer is traced: you see its tokens, cost and time, and can rate exactly that answer."))
    with st.container(horizontal=True, gap="small"):
        for number, question in enumerate(_suggestions(place)):
            st.button(question, key=suggestion_key(number), on_click=_ask, args=(place, question))
    if offline.is_offline(place, model):
        with st.container(border=True):
            st.markdown(f":material/info: **{texts('The offline model answers. It is no language model.')}**")
            st.caption(texts("It calculates, tells the time and looks things up in the handbook."))
            if why:
                st.caption(why)


def _suggestions(place: Place) -> list[str]:
    texts = place.texts
    return [
        texts("What is 12% of 3,500?"),
        texts("What time is it?"),
        texts("What is a trace?"),
    ]


def _ask(place: Place, question: str) -> None:
    place.state.question = question
