"""A trace as tree and waterfall in one drawing: names to the left, indented by depth, time to the right."""

from __future__ import annotations

import json
from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from ..i18n import Texts
from .charts import BLUE, GRAY, GREEN, ORANGE, RED, locale
from .tree import Node

_SHOWN = 300
_ROW = 24
_INDENT = "\N{NO-BREAK SPACE}" * 3
_KEEP = "\N{ZERO WIDTH SPACE}"  # in front, or Vega trims the indent away
_NAMES_PX, _CHAR_PX = 320, 6
_FRAME_PX = 90  # legend and axis
_COLORS = {"GENERATION": BLUE, "EMBEDDING": BLUE, "TOOL": ORANGE, "AGENT": GREEN}


def show(texts: Texts, tree: Sequence[Node]) -> None:
    shown = tree[:_SHOWN]
    whole = max(node.start_ms + (node.duration_ms or 0) for node in shown) or 1.0
    kinds = {
        "chain": texts("step"),
        "GENERATION": texts("model"),
        "TOOL": texts("tool"),
        "AGENT": texts("agent"),
        "ERROR": texts("failed"),
    }
    colors = {"chain": GRAY, "ERROR": RED} | _COLORS
    rows = [
        {
            "row": number,
            "name": f"{_KEEP}{_INDENT * min(node.depth, 12)}{_label(node)}",
            "start": node.start_ms / 1000,
            "end": max(node.start_ms + (node.duration_ms or 0), node.start_ms + whole / 300) / 1000,
            "kind": kinds[_kind(node)],
            "type": node.observation.type,
            "took": texts.duration(node.duration_ms) if node.duration_ms is not None else "…",
        }
        for number, node in enumerate(shown)
    ]
    frame = pd.DataFrame(rows)
    present = [kind for kind in kinds if kinds[kind] in set(frame["kind"])]
    color = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=[kinds[kind] for kind in present], range=[colors[kind] for kind in present]),
        legend=alt.Legend(orient="top", title=None),
    )
    names = {str(row["row"]): row["name"] for row in rows}
    room = min(_NAMES_PX, 20 + _CHAR_PX * max(len(row["name"]) for row in rows))
    y = alt.Y(
        "row:O",
        title=None,
        axis=alt.Axis(
            labelExpr=f"{_vega(names)}[datum.label]", labelLimit=room, labelOverlap=False,
            labelAlign="left", labelPadding=room, ticks=False,
            domain=False, minExtent=room,
        ),
    )  # fmt: skip
    tips = [
        alt.Tooltip("name:N", title=" "),
        alt.Tooltip("type:N", title=texts("Type")),
        alt.Tooltip("took:N", title=texts("Duration")),
    ]
    base = alt.Chart(frame)
    drawn = base.mark_bar(height=14, cornerRadius=2).encode(
        x=alt.X("start:Q", title=texts("seconds since the start"), scale=alt.Scale(domain=[0, whole / 1000 * 1.08])),
        x2="end:Q",
        y=y,
        color=color,
        tooltip=tips,
    )
    took = base.mark_text(align="left", dx=4, color=GRAY, fontSize=11).encode(
        x="end:Q", y=alt.Y("row:O"), text="took:N"
    )
    chart = (drawn + took).configure(locale=locale(texts.locale))
    st.altair_chart(chart, alt=texts("Waterfall"), height=_ROW * len(rows) + _FRAME_PX)
    if len(tree) > len(shown):
        st.caption(texts("The first {count} of {all}.", count=texts.number(len(shown)), all=texts.number(len(tree))))


def _kind(node: Node) -> str:
    item = node.observation
    if item.level == "ERROR":
        return "ERROR"
    kind = "GENERATION" if item.type == "EMBEDDING" else item.type
    return kind if kind in _COLORS else "chain"


def _label(node: Node) -> str:
    item = node.observation
    return f"{item.name or item.id}{f' ({item.model})' if item.model and item.model != item.name else ''}"


def _vega(names: dict[str, str]) -> str:
    """A literal of Vega's expression language."""
    return json.dumps(names, ensure_ascii=True)
