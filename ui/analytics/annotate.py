"""What people add to a trace: votes, comments, tags; and the way into a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from calango.annotations import REMARK_LIMIT, Annotations, Remark, open_annotations
from calango.errors import CalangoError
from calango.records import Message, Observation, Score

from .. import feedback
from ..exchanges import Exchange
from ..refusals import told
from ..render import plain, safe
from ..state import (
    ADD_ITEM,
    ADD_REMARK,
    ADD_TAGS,
    DATASET,
    DATASETS_OPEN,
    REMARK,
    TAGS,
    TAGS_OPEN,
    sent_tags_key,
)
from . import asking
from .view import View


def show(view: View, trace_id: str, root: Observation, scores: Sequence[Score], remarks: Sequence[Remark]) -> None:
    _vote(view, trace_id)
    _scores(view, scores)
    _remarks(view, trace_id, remarks)
    _dataset(view, trace_id, root)


def tags(view: View, trace_id: str, known: Sequence[str]) -> None:
    """Those that the trace has, and the way to add some."""
    texts = view.texts
    sent = st.session_state.setdefault(sent_tags_key(trace_id), [])  # a remote server shows them some moments later
    for tag in sorted({*known, *sent}):
        st.badge(plain(tag), color="gray", icon=":material/sell:")
    box = st.popover(texts("Add tags"), icon=":material/new_label:", key=TAGS_OPEN, on_change="rerun", type="tertiary")
    if not box.open:
        return

    def add() -> None:
        chosen = list(st.session_state[TAGS])
        if _done(view, lambda notes: notes.add_tags(trace_id, chosen)):
            st.session_state[sent_tags_key(trace_id)] = sent + chosen
            st.session_state[TAGS] = []
            st.toast(texts("The tags are there."), icon=":material/sell:")

    with box:
        with st.container(horizontal=True, vertical_alignment="bottom"):  # the open list must not cover the button
            st.multiselect(
                texts("Tags"), [tag for tag in _other_tags(view) if tag not in known], key=TAGS, width=240,
                accept_new_options=True, placeholder=texts("Choose some, or write new ones"),
            )  # fmt: skip
            none = not st.session_state.get(TAGS)
            st.button(texts("Add"), key=ADD_TAGS, type="primary", disabled=none, on_click=add)
        st.caption(texts("Langfuse lets tags be added, not taken away."))
        if view.place.chat.settings.mode == "remote":
            st.caption(texts("Lists and filters here read a copy: it takes tags from observations, not these."))


def _other_tags(view: View) -> list[str]:
    """What other traces have; nothing where there is no one to ask."""
    try:
        (facts,) = asking.answers(view, asking.asked("values", view.address.ever()))
    except CalangoError:
        return []
    return list(facts.values.get("tag", {}))


def _vote(view: View, trace_id: str) -> None:
    """As under an answer of the chat, by the person who looks."""
    place = view.place
    item = Exchange(trace_id, trace_id, None, answers=[Message("assistant", "", "", trace_id)])
    votes = feedback.votes_of(place, [item])
    st.markdown(f"**{view.texts('Your vote')}**")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        feedback.show(place, item, votes.get(trace_id))


def _scores(view: View, scores: Sequence[Score]) -> None:
    if not scores:
        return
    st.markdown(f"**{view.texts('Scores')}**")
    for score in scores:
        value = (
            score.string_value
            if score.string_value is not None
            else f"{score.value:g}"
            if score.value is not None
            else "?"
        )
        who = score.metadata.get("user_id")
        line = f"{plain(score.name)}: **{plain(value)}**"
        if score.comment:
            line += f" — {plain(score.comment)}"
        st.markdown(line)
        about = [view.texts.when(score.timestamp_ns)] if score.timestamp_ns else []
        st.caption(" · ".join([*about, *([plain(str(who))] if who else []), plain(score.source)]))


def _remarks(view: View, trace_id: str, remarks: Sequence[Remark]) -> None:
    texts = view.texts
    st.markdown(f"**{texts('Comments')}**")
    for remark in remarks:
        st.markdown(plain(remark.text))
        st.caption(f"{view.when(remark.at)} · {plain(remark.author or '–')}")

    def add() -> None:
        text = st.session_state[REMARK]
        if _done(view, lambda notes: notes.add_remark(trace_id, text, view.place.user_id)):
            st.session_state[REMARK] = ""
            st.toast(texts("The comment is there."), icon=":material/comment:")

    st.text_area(
        texts("Add a comment"), key=REMARK, max_chars=REMARK_LIMIT, height=80,
        placeholder=texts("What should others know about this turn?"),
    )  # fmt: skip
    st.button(texts("Add comment"), key=ADD_REMARK, on_click=add)


def _dataset(view: View, trace_id: str, root: Observation) -> None:
    texts = view.texts
    box = st.popover(texts("Add to a dataset"), icon=":material/dataset:", key=DATASETS_OPEN, on_change="rerun")
    if not box.open:
        return
    chat = view.place.chat
    with open_annotations(chat.settings, chat.tracing) as notes:
        names = notes.dataset_names()

    def add() -> None:
        name = st.session_state[DATASET] or ""
        if _done(view, lambda notes: notes.add_to_dataset(name, trace_id, root.input, root.output)):
            st.toast(texts("The turn is in the dataset {name}.", name=plain(name)), icon=":material/dataset:")

    with box:
        st.selectbox(
            texts("Dataset"), names, key=DATASET, index=None, accept_new_options=True,
            placeholder=texts("Choose one, or write a new name"),
        )  # fmt: skip
        st.caption(texts("The question becomes the input, the answer the expected output."))
        st.button(texts("Add"), key=ADD_ITEM, type="primary", disabled=not st.session_state.get(DATASET), on_click=add)


def _done(view: View, write: Callable[[Annotations], None]) -> bool:
    """Whether it went well; otherwise the person is told why it did not."""
    chat = view.place.chat
    try:
        with open_annotations(chat.settings, chat.tracing) as notes:
            write(notes)
    except CalangoError as error:
        st.toast(safe(told(view.texts, error)), icon=":material/error:")
        return False
    asking.forget()
    return True
