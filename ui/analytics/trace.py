"""One trace: how it went, what was said and used, and what people think of it. Works with any Langfuse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import streamlit as st

from calango import ids
from calango.annotations import Remark, open_annotations
from calango.errors import NotFound
from calango.records import Observation, Score

from ..answer import show_text
from ..render import plain
from ..state import OBSERVATION
from . import annotate, waterfall
from .asking import together
from .tree import Node, nodes
from .view import View

_SHOWN_CHARS = 20_000


def show(view: View, trace_id: str) -> None:
    """Raises InputError for what is no trace id, NotFound, BackendUnreachable."""
    ids.check_trace_id(trace_id)
    chat = view.place.chat
    with open_annotations(chat.settings, chat.tracing) as reader:
        found, scores, remarks, tags = together(
            [
                lambda: reader.observations(trace_id),
                lambda: reader.scores(trace_id),
                lambda: reader.remarks(trace_id),
                lambda: reader.tags(trace_id),
            ]
        )
    if not found:
        raise NotFound(
            f"There is no trace {trace_id}.", "It may not have arrived yet: traces are sent a moment after the turn."
        ).because("no_trace", value=trace_id)
    tree = nodes(found)
    root = tree[0].observation
    view.link(view.texts("All turns"), "traces", icon=":material/arrow_back:", trace=None)
    _head(view, found, root, sorted({*root.tags, *tags}))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _said(view, root)
    with right:
        annotate.show(view, trace_id, root, scores, remarks)
    st.subheader(view.texts("What happened"), anchor=False)
    waterfall.show(view.texts, tree)
    _detail(view, tree)
    _raw(view, trace_id, found, scores, remarks)


def _head(view: View, found: Sequence[Observation], root: Observation, tags: Sequence[str]) -> None:
    texts, trace_id = view.texts, root.trace_id
    ends = [item.end_ns for item in found if item.end_ns is not None]
    costs = [item.cost_usd for item in found if item.cost_usd is not None and item.type in {"GENERATION", "EMBEDDING"}]
    generations = [item for item in found if item.type == "GENERATION"]
    tokens = sum(item.usage.get("total", 0) or sum(item.usage.values()) for item in generations)
    unpriced = sum(item.cost_usd is None and bool(item.usage) for item in generations)
    took = texts.duration((max(ends) - min(item.start_ns for item in found)) / 1e6) if ends else "…"
    spent = sum(costs, Decimal(0)) if costs else None
    estimated = any(item.cost_estimated for item in generations)
    cost = view.cost(spent, both=False, estimated=estimated)
    failed = next((item for item in found if item.level == "ERROR"), None)
    with st.container(horizontal=True, gap="large"):
        for label, value in (
            (texts("Started"), texts.when(min(item.start_ns for item in found))),
            (texts("Duration"), took),
            (view.cost_label(spent, estimated=estimated), cost),
            (texts("Tokens"), texts.number(tokens)),
        ):
            st.metric(label, plain(value) if "$" in value else value, width="content")
    if unpriced and generations:
        st.caption(
            f":orange[:material/warning: {texts('Calls without a price: {count}', count=texts.number(unpriced))}]"
        )
    if failed is not None:
        st.error(plain((failed.status_message or failed.name)[:500]), icon=":material/error:")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if root.user_id:
            view.link(root.user_id, "overview", icon=":material/person:", user=root.user_id, trace=None)
        if root.session_id:
            view.link(
                texts("Its conversation"), "conversations", icon=":material/forum:", session=root.session_id,
                user=None, outcome=None,
            )  # fmt: skip
        annotate.tags(view, trace_id, tags)
        tracing = view.place.chat.tracing
        if tracing is not None and (url := tracing.trace_url(trace_id)):
            st.link_button(texts("On the server"), url, icon=":material/open_in_new:", type="tertiary")
    st.caption(f"trace `{trace_id}`")


def _said(view: View, root: Observation) -> None:
    for label, value in ((view.texts("Question"), root.input), (view.texts("Answer"), root.output)):
        st.markdown(f"**{label}**")
        with st.container(border=True):
            show_value(view, value)


def show_value(view: View, value: Any) -> None:
    """Text as text, a chat's messages one by one, anything else as JSON."""
    if value is None or value in ("", [], {}):
        st.caption(view.texts("nothing"))
    elif isinstance(value, str):
        show_text(value[:_SHOWN_CHARS])
    elif isinstance(value, list) and all(isinstance(item, dict) and "content" in item for item in value):
        for message in value:
            st.caption(plain(str(message.get("role") or message.get("type") or "?")))
            content = message["content"]
            show_text(content[:_SHOWN_CHARS]) if isinstance(content, str) else st.json(content, expanded=1)
            if message.get("tool_calls"):
                st.json(message["tool_calls"], expanded=2)
    else:
        st.json(value, expanded=2)


def _detail(view: View, tree: Sequence[Node]) -> None:
    texts = view.texts
    by_id = {node.observation.id: node for node in tree}
    first = next((node for node in tree if node.observation.level == "ERROR"), tree[0]).observation.id
    if st.session_state.get(OBSERVATION) not in by_id:
        st.session_state[OBSERVATION] = first

    def label(id_: str) -> str:
        node = by_id[id_]
        mark = "✗ " if node.observation.level == "ERROR" else ""
        indent = "\N{NO-BREAK SPACE}" * 2 * min(node.depth, 12)
        return f"{indent}{mark}{node.observation.name or id_} · {node.observation.type}"

    st.selectbox(texts("Step in detail"), list(by_id), key=OBSERVATION, format_func=label)
    item = by_id[st.session_state[OBSERVATION]].observation
    _facts(view, item)
    given, made, more = st.tabs([texts("Input"), texts("Output"), texts("Metadata")])
    with given:
        show_value(view, item.input)
    with made:
        show_value(view, item.output)
    with more:
        show_value(view, dict(item.metadata))


def _facts(view: View, item: Observation) -> None:
    texts = view.texts
    facts = [
        (texts("Duration"), texts.duration(item.duration_ms) if item.duration_ms is not None else None),
        (
            texts("First token after"),
            texts.duration(item.time_to_first_token_ms) if item.time_to_first_token_ms is not None else None,
        ),
        (texts("Model"), item.model),
        (texts("Prompt"), f"{item.prompt_name} v{item.prompt_version}" if item.prompt_name else None),
        (texts("Tokens"), ", ".join(f"{name} {texts.number(count)}" for name, count in item.usage.items()) or None),
        (texts("Cost"), view.cost(item.cost_usd, estimated=item.cost_estimated) if item.cost_usd is not None else None),
    ]
    if item.type in {"GENERATION", "EMBEDDING"} and item.cost_usd is None and item.usage:
        facts[-1] = (texts("Cost"), texts("no price"))
    st.markdown(" · ".join(f"{label}: **{plain(value)}**" for label, value in facts if value))
    if item.status_message:
        (st.error if item.level == "ERROR" else st.warning)(plain(item.status_message[:2000]))


def _raw(
    view: View, trace_id: str, found: Sequence[Observation], scores: Sequence[Score], remarks: Sequence[Remark]
) -> None:
    data = {
        "id": trace_id,
        "observations": [asdict(item) for item in found],
        "scores": [asdict(score) for score in scores],
        "comments": [asdict(remark) for remark in remarks],
    }
    text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    box = st.expander(view.texts("Raw JSON"), icon=":material/data_object:", on_change="rerun", key="raw")
    if box.open:
        with box:
            st.download_button(
                view.texts("Download"), text, f"{trace_id}.json", "application/json", icon=":material/download:",
                on_click="ignore",
            )  # fmt: skip
            st.code(text[: 10 * _SHOWN_CHARS], language="json", wrap_lines=True)
