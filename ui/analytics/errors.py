"""What broke: errors that are the same but for ids and numbers, with the likely cause and examples."""

from __future__ import annotations

import streamlit as st

from calango.insights.answers import ErrorPattern

from ..render import plain
from . import notes
from .asking import answers, asked
from .view import View


def show(view: View) -> None:
    about, texts = view.address.about, view.texts
    overview, patterns = answers(view, asked("overview", about), asked("errors", about))
    if not overview.total.turns:
        notes.nothing(view)
        return
    if not patterns:
        st.success(
            texts("No errors in {count} turns.", count=texts.number(overview.total.turns)),
            icon=":material/check_circle:",
        )
        return
    st.markdown(
        texts(
            "{failed} of {turns} turns failed. An error inside a turn need not make it fail.",
            failed=texts.number(overview.total.error), turns=texts.number(overview.total.turns),
        )
    )  # fmt: skip
    view.link(texts("All turns that failed"), "traces", icon=":material/account_tree:", outcome="error")
    for pattern in patterns:
        with st.container(border=True):
            _pattern(view, pattern)


def _pattern(view: View, found: ErrorPattern) -> None:
    texts = view.texts
    st.code(found.pattern, language=None, wrap_lines=True)
    facts = [
        texts("**{count}** turns", count=texts.number(found.turns)),
        texts("**{count}** users", count=texts.number(found.users)),
        texts("**{count}** times in all", count=texts.number(found.count)),
        texts("first {when}", when=view.when(found.first_seen)),
        texts("last {when}", when=view.when(found.last_seen)),
        texts("in {names}", names=plain(", ".join(found.observations))),
    ]
    st.markdown(" · ".join(facts))
    if found.cause:
        st.markdown(f":material/help: **{texts('Likely cause')}:** {texts.explained(found.cause)}")
    if found.fix:
        st.markdown(f":material/build: **{texts('What helps')}:** {texts.explained(found.fix)}")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(texts("Examples"), width="content")
        for number, trace_id in enumerate(found.example_traces, 1):
            view.link(f"{number} · {trace_id[:6]}", "traces", trace=trace_id, icon=":material/account_tree:")
