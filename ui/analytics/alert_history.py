"""Incidents that there were, and messages: which went, which wait, which were given up, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from . import tables
from .alert_words import limit, metrics, troubles, value
from .tables import Column
from .view import View


def show(view: View, incidents: Sequence[dict[str, Any]], messages: Sequence[dict[str, Any]]) -> None:
    texts = view.texts
    st.subheader(texts("History"), anchor=False)
    first, second = st.tabs([texts("Incidents"), texts("Messages")])
    with first:
        _incidents(view, incidents)
    with second:
        _messages(view, messages)


def _incidents(view: View, incidents: Sequence[dict[str, Any]]) -> None:
    texts = view.texts
    if not incidents:
        st.caption(texts("There were no incidents."))
        return
    columns = [
        Column("rule", texts("Rule")),
        Column("began", texts("Began")),
        Column("lasted", texts("Lasted")),
        Column("metric", texts("Metric")),
        Column("worst", texts("Worst")),
        Column("limit", texts("Limit")),
        Column("state", texts("State")),
    ]

    def opens(row: int) -> None:
        if incidents[row]["turns"]:
            view.go("traces", **incidents[row]["turns"])

    rows = [_incident(view, one) for one in incidents]
    tables.show("incidents", columns, rows, opens, alt=texts("Incidents"))
    st.caption(texts("A click on a row opens the turns behind it."))


def _incident(view: View, found: dict[str, Any]) -> dict[str, Any]:
    texts, about = view.texts, found["asked"]
    began, ended = (datetime.fromisoformat(found[name] or "1970-01-01T00:00Z") for name in ("openedAt", "closedAt"))
    state = texts("over") if found["closedAt"] else texts("open")
    if found["acknowledgedAt"]:
        state += f", {texts('acknowledged')}"
    if found["toldAt"] is None:
        state += f", {texts('not told')}"
    return {
        "rule": found["rule"],
        "began": view.when(found["openedAt"]),
        "lasted": texts.span(((ended if found["closedAt"] else datetime.now(UTC)) - began).total_seconds()),
        "metric": metrics(texts)[about["metric"]].label if about else "–",
        "worst": value(view, about["metric"], found["worst"]) if about else f"{found['worst']:g}",
        "limit": limit(view, about, found["usual"]) if about else "–",
        "state": state,
    }


def _messages(view: View, messages: Sequence[dict[str, Any]]) -> None:
    texts = view.texts
    if not messages:
        st.caption(texts("Nothing was told yet."))
        return
    lost = sum(message["givenUp"] for message in messages)
    if lost:
        said = texts("{count} messages could not be delivered and were given up.", count=texts.number(lost))
        st.warning(said, icon=":material/warning:")
    columns = [
        Column("at", texts("Time")),
        Column("target", texts("Target")),
        Column("title", texts("Message")),
        Column("state", texts("State")),
        Column("tries", texts("Tries"), texts.number),
        Column("error", texts("Error")),
    ]
    rows = [
        {
            "at": view.when(message["createdAt"]),
            "target": message["target"],
            "title": message["title"],
            "state": _state(view, message),
            "tries": message["attempts"],
            "error": troubles(texts)[message["errorCode"]].replace("\\", "") if message["errorCode"] else "",
        }
        for message in messages
    ]
    tables.show("messages", columns, rows, alt=texts("Messages"))


def _state(view: View, message: dict[str, Any]) -> str:
    texts = view.texts
    if message["sentAt"]:
        return texts("✓ sent {when}", when=view.when(message["sentAt"]))
    if message["givenUp"]:
        return texts("✗ given up")
    return texts("… next try {when}", when=view.when(message["retryAt"]))
