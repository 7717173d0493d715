"""Silence for a rule: for some hours, until a moment, or the end of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from ..state import alert_key
from . import alert_calls as calls
from .view import View

_HOURS = (1, 8)


def badge(view: View, until: str | None) -> None:
    if until:
        said = view.texts("muted until {when}", when=view.when(until))
        st.badge(said, color="gray", icon=":material/notifications_off:")


def show(view: View, rule: str, until: str | None, place: str) -> None:
    """For a while, or until a moment; or the end of that."""
    texts = view.texts

    def mute(seconds: float) -> None:
        done = texts("It is silent now.") if seconds else texts("It is no longer muted.")
        calls.tried(view, done, "PUT", "/mutes", {"rule": rule, "seconds": max(0.0, seconds)})

    if until:
        st.button(
            texts("Unmute"), key=alert_key("unmute", place, rule), icon=":material/notifications_active:",
            on_click=mute, args=(0.0,),
        )  # fmt: skip
        return
    box = st.popover(
        texts("Mute"), icon=":material/notifications_off:", key=alert_key("mute", place, rule), on_change="rerun"
    )
    if not box.open:
        return
    with box:
        for hours in _HOURS:
            st.button(
                texts("for {time}", time=f"{hours}\N{NO-BREAK SPACE}h"), key=alert_key("mute", place, rule, str(hours)),
                on_click=mute, args=(hours * 3600.0,), width="stretch",
            )  # fmt: skip
        now = datetime.now(texts.zone)
        tomorrow = (now + timedelta(days=1)).replace(hour=8, minute=0, second=0, microsecond=0)
        chosen = st.datetime_input(
            texts("until"), tomorrow.replace(tzinfo=None), min_value=now.replace(tzinfo=None),
            key=alert_key("until", place, rule), format="DD/MM/YYYY" if texts.locale == "pt_BR" else "MM/DD/YYYY",
        )  # fmt: skip
        if chosen is not None:
            seconds = (chosen.replace(tzinfo=texts.zone) - now).total_seconds()
            st.button(
                texts("Mute until then"), key=alert_key("mute", place, rule, "until"), on_click=mute,
                args=(seconds,), disabled=seconds < 1, width="stretch",
            )  # fmt: skip
