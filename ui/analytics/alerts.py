"""What is wrong now, which rules watch, who is told, and what was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from ..filter_names import filter_names
from ..render import plain
from ..state import alert_key
from . import alert_calls as calls
from . import alert_form, alert_history, alert_mute, alert_rules, notes
from .address import Address
from .alert_words import limit, metrics, severities, troubles, value
from .asking import together
from .view import View, set_address

_SHOWN = 200


def show(view: View) -> None:
    """The page, or the form of the one rule that the address names."""
    if view.place.chat.settings.mode == "off" and not notes.has_answers(view):
        return
    found, told = together(
        [
            lambda: calls.ask(view, "", limit=str(_SHOWN)),
            lambda: calls.ask(view, "/messages", limit=str(_SHOWN))["messages"],
        ]
    )
    given = view.address.given
    view = replace(view, address=Address({"lang": given.get("lang", "")}, view.address.zone))
    if given.get("rule") is not None:
        alert_form.show(view, given["rule"], found)
        return
    alert_form.close()
    _what_is_watched(view, is_copy=found["watchesCopy"])
    _buttons(view, found["rules"])
    _open(view, found)
    alert_rules.show(view, found["rules"])
    _targets(view, found["targets"])
    alert_history.show(view, found["incidents"], told)


def _what_is_watched(view: View, *, is_copy: bool) -> None:
    texts, settings = view.texts, view.place.chat.settings
    if settings.mode == "remote" and not is_copy:
        st.info(
            texts(
                "Turns go to {host}, but the rules look at what the local server of this machine received."
                " A server that copies the remote project watches the copy: `calango stop`, then `calango serve`.",
                host=plain(settings.base_url),
            ),
            icon=":material/cloud:",
        )
    every = settings.alerts_every_s
    said = texts("Rules are evaluated when “Check now” is pressed.")
    if every:
        said = texts("Rules are evaluated every {time} while `calango serve` runs.", time=texts.span(every))
    st.caption(f"{said} {texts('A server that was started in the background ends when nobody uses it.')}")


def _buttons(view: View, rules: Sequence[dict[str, Any]]) -> None:
    texts = view.texts
    with st.container(horizontal=True, gap="small"):
        st.button(
            texts("New rule"), key=alert_key("new"), type="primary", icon=":material/add:", on_click=set_address,
            kwargs={"rule": alert_form.NEW},
        )  # fmt: skip
        st.button(
            texts("Check now"), key=alert_key("check"), icon=":material/refresh:", disabled=not rules,
            on_click=calls.tried, args=(view, texts("All rules were evaluated."), "POST", "/check"),
        )  # fmt: skip


def _open(view: View, found: dict[str, Any]) -> None:
    texts = view.texts
    st.subheader(texts("Open incidents"), anchor=False)
    running = [one for one in found["incidents"] if one["closedAt"] is None]
    if running:
        muted = {rule["name"]: rule["mutedUntil"] for rule in found["rules"]}
        for incident in running:
            with st.container(border=True):
                _incident(view, incident, muted.get(incident["rule"]))
    elif found["rules"]:
        st.success(texts("Nothing is wrong, as far as the rules below know."), icon=":material/check_circle:")
    else:
        st.info(texts("Nobody watches yet: make a rule, or write one into `alerts.toml`."), icon=":material/info:")


def _incident(view: View, found: dict[str, Any], muted_until: str | None) -> None:
    texts, about = view.texts, found["asked"]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(found['rule'])}**", width="content")
        if about:
            label, color = severities(texts)[about["severity"]]
            st.badge(label, color=color)
        if found["acknowledgedAt"]:
            st.badge(texts("acknowledged"), color="gray", icon=":material/done:")
        alert_mute.badge(view, muted_until)
    since = datetime.fromisoformat(found["openedAt"])
    lasted = texts.span((datetime.now(UTC) - since).total_seconds())
    facts = [texts("since {when} ({time})", when=view.when(found["openedAt"]), time=lasted)]
    if about:
        metric = about["metric"]
        facts = [
            f"{metrics(texts)[metric].label}: **{plain(value(view, metric, found['value']))}**",
            plain(limit(view, about, found["usual"])),
            texts("worst {value}", value=plain(value(view, metric, found["worst"]))),
            *facts,
        ]
    if found["subject"]:
        facts.append(f"{filter_names(texts)[found['subjectKind']]}: {plain(found['subject'])}")
    st.markdown(" · ".join(facts))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if found["turns"]:
            view.link(texts("The turns behind it"), "traces", icon=":material/account_tree:", **found["turns"])
        if not found["acknowledgedAt"]:
            st.button(
                texts("Acknowledge"), key=alert_key("ack", found["id"]), icon=":material/done:",
                help=texts("No more reminders, only word of its end."), on_click=calls.tried,
                args=(view, texts("Acknowledged."), "POST", f"/incidents/{calls.quoted(found['id'])}/acknowledge"),
            )  # fmt: skip
        alert_mute.show(view, found["rule"], muted_until, "incident")


def _targets(view: View, targets: Sequence[str]) -> None:
    texts = view.texts
    st.subheader(texts("Targets"), anchor=False)
    if not targets:
        st.info(
            texts("Messages go nowhere yet. Name where to in `alerts.toml`; addresses hold secrets, so only there:"),
            icon=":material/forward_to_inbox:",
        )
        st.code('[targets]\nteam = "${TEAM_WEBHOOK}"   # slack://…, discord://…, mailto://…, json://…', language="toml")
        return
    for name in targets:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f":material/forward_to_inbox: **{plain(name)}**", width="content")
            st.button(texts("Send a test message"), key=alert_key("try", name), on_click=_try, args=(view, name))
            _trial(view, st.session_state.get(alert_key("tried", name)))
    st.caption(texts("Their addresses are in `alerts.toml` and the environment alone."))


def _try(view: View, name: str) -> None:
    answer = calls.tried(view, "", "POST", f"/targets/{calls.quoted(name)}/try")
    st.session_state[alert_key("tried", name)] = answer


def _trial(view: View, answer: dict[str, Any] | None) -> None:
    if answer is None:
        return
    if answer["delivered"]:
        st.markdown(f":green[:material/check: {view.texts('It was taken.')}]", width="content")
    else:
        why = troubles(view.texts)[answer["errorCode"]]
        st.markdown(f":red[:material/error: {why}]", width="content")
