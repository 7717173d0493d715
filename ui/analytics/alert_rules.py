"""The rules: what each asks, what it last read, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from ..render import plain
from ..state import alert_key
from . import alert_calls as calls
from . import alert_mute
from .alert_preview import reading_in_words
from .alert_words import kind_of, metrics, sentence, severities
from .view import View, set_address


def show(view: View, rules: Sequence[dict[str, Any]]) -> None:
    texts = view.texts
    st.subheader(texts("Rules"), anchor=False)
    for rule in rules:
        with st.container(border=True):
            _rule(view, rule)
    if any(rule["source"] == "file" for rule in rules):
        st.caption(
            texts(
                "Rules of the file are changed there: `alerts.toml` in CALANGO_HOME, or what CALANGO_ALERTS names."
                " The server reads it when it starts."
            )
        )


def _rule(view: View, rule: dict[str, Any]) -> None:
    texts = view.texts
    is_own = rule["source"] == "own"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(rule['name'])}**", width="content")
        label, color = severities(texts)[rule["severity"]]
        st.badge(label, color=color)
        _state(view, rule)
        alert_mute.badge(view, rule["mutedUntil"])
        if not is_own:
            st.badge(texts("of the file"), color="gray", icon=":material/description:")
    st.markdown(sentence(view, rule["data"]))
    st.caption(" · ".join(_details(view, rule)))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if is_own:
            _own_buttons(view, rule)
        if rule["enabled"] and not rule["hidden"]:
            alert_mute.show(view, rule["name"], rule["mutedUntil"], "rule")


def _own_buttons(view: View, rule: dict[str, Any]) -> None:
    texts, name = view.texts, rule["name"]
    path = f"/rules/{calls.quoted(name)}"
    st.button(
        texts("Change"), key=alert_key("edit", name), icon=":material/edit:", on_click=set_address,
        kwargs={"rule": name},
    )  # fmt: skip
    switched = rule["data"] | {"enabled": not rule["enabled"]}
    st.button(
        texts("Switch off") if rule["enabled"] else texts("Switch on"), key=alert_key("switch", name),
        icon=":material/power_settings_new:", on_click=calls.tried, args=(view, "", "PUT", path, switched),
    )  # fmt: skip
    box = st.popover(texts("Delete"), icon=":material/delete:", key=alert_key("delete", name), on_change="rerun")
    if box.open:
        with box:
            st.markdown(texts("The rule goes, its incident ends, its history stays."))
            st.button(
                texts("Delete it"), key=alert_key("deleted", name), type="primary", on_click=calls.tried,
                args=(view, texts("The rule is gone."), "DELETE", path),
            )  # fmt: skip


def _state(view: View, rule: dict[str, Any]) -> None:
    texts, reading = view.texts, rule["reading"]
    if rule["hidden"]:
        st.badge(texts("not used: the file has a rule of this name"), color="orange", icon=":material/warning:")
    elif rule["goneBudget"]:
        st.badge(texts("not used: its budget is no longer there"), color="orange", icon=":material/warning:")
    elif not rule["enabled"]:
        st.badge(texts("off"), color="gray", icon=":material/power_settings_new:")
    elif reading is None:
        st.badge(texts("not evaluated yet"), color="gray", icon=":material/hourglass_empty:")
    elif reading["exceeded"]:
        st.badge(texts("alert"), color="red", icon=":material/error:")
    elif reading["enough"]:
        st.badge(texts("fine"), color="green", icon=":material/check:")
    else:
        st.badge(texts("too little to judge"), color="gray", icon=":material/hourglass_empty:")


def _details(view: View, rule: dict[str, Any]) -> list[str]:
    """The last reading, who is told, and when not."""
    texts, data, reading = view.texts, rule["data"], rule["reading"]
    said: list[str] = []
    if reading is not None:
        said = reading_in_words(view, data, reading)
        said.append(texts("read {when}", when=view.when(reading["at"])))
    to = ", ".join(plain(name) for name in rule["to"])
    said.append(texts("to {targets}", targets=to) if to else texts("tells nobody"))
    if rule["goneTargets"]:
        gone = ", ".join(plain(name) for name in rule["goneTargets"])
        said.append(f":orange[{texts('no longer a target: {targets}', targets=gone)}]")
    if data.get("quiet") and data["severity"] != "critical":
        said.append(texts("quiet {hours}", hours=data["quiet"]))
    if data.get("min_turns", 1) > 1 and (kind_of(data) == "above" or data["metric"] != "turns"):
        sample = metrics(texts)[data["metric"]].sample
        said.append(texts("from {count} {what} on", count=texts.number(int(data["min_turns"])), what=sample))
    return said
