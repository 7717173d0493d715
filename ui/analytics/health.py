"""How Calango is set up and whether it is well: what `calango status` shows, and what the server holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from calango import local, status
from calango.errors import CalangoError

from ..refusals import told
from ..render import plain, safe
from .view import View


def show(view: View) -> None:
    texts, settings = view.texts, view.place.chat.settings
    facts = status.gather(settings)
    modes = {"local": texts("traces: local"), "remote": texts("traces: remote"), "off": texts("tracing off")}
    st.subheader(texts("Setup"), anchor=False)
    _facts(
        {
            texts("Version"): facts["version"],
            texts("Mode"): modes[facts["mode"]],
            texts("Backend"): facts["backend"],
            texts("Model"): facts["model"],
            texts("Graph"): facts["graph"],
            "CALANGO_HOME": facts["home"],
            texts("Collector"): facts["collector"],
            texts("Time zone"): settings.time_zone,
            texts("Second currency"): _currency(view),
        }
    )
    if facts["model_note"]:
        st.caption(safe(facts["model_note"]))
    st.subheader(texts("Waiting to be delivered"), anchor=False)
    _outbox(view, facts["outbox"])
    if facts["collector_outbox"]:
        st.caption(texts("To the collector"))
        _outbox(view, facts["collector_outbox"])
    if settings.mode == "local":
        st.subheader(texts("Local server"), anchor=False)
        _server(view)
    st.caption(texts("`calango doctor` sends a turn and a vote, reads both back, and names the broken link."))


def _facts(facts: dict[str, Any]) -> None:
    """One line each; what is not set is left out."""
    lines = [f"{name}: **{plain(str(value))}**" for name, value in facts.items() if value not in (None, "")]
    st.markdown("  \n".join(lines))


def _currency(view: View) -> str | None:
    settings = view.place.chat.settings
    if settings.currency is None or settings.currency_rate is None:
        return None
    return f"{settings.currency} ({view.texts.decimal(float(settings.currency_rate), 4)})"


def _outbox(view: View, waiting: dict[str, Any]) -> None:
    texts = view.texts
    if not waiting:
        st.caption(texts("Nothing is sent anywhere."))
        return
    with st.container(horizontal=True, gap="large"):
        for label, name in (
            (texts("Batches of spans"), "spans"),
            (texts("Votes"), "votes"),
            (texts("Refused"), "parked"),
            (texts("Traces given up"), "dropped"),
        ):
            st.metric(label, texts.number(waiting[name]), width="content")
    if waiting["last_error"]:
        st.warning(f"{texts('Last error')}: {plain(waiting['last_error'])}", icon=":material/warning:")
    if waiting["parked"]:
        st.caption(texts("`calango outbox list` shows what was refused, and why."))


def _server(view: View) -> None:
    texts = view.texts
    server = local.find(view.place.chat.settings.home)
    if server is None:
        st.info(texts("The local server does not run. It starts by itself when it is needed."))
        return
    try:
        found = status.of_server(server)
    except CalangoError as error:
        st.warning(safe(told(texts, error)))
        return
    started = datetime.fromtimestamp(found["started_ns"] / 1e9, UTC)
    counts = found["counts"]
    with st.container(horizontal=True, gap="large"):
        for label, value in (
            (texts("Traces"), texts.number(counts["traces"])),
            (texts("Observations"), texts.number(counts["observations"])),
            (texts("Scores"), texts.number(counts["scores"])),
            (texts("Database"), f"{texts.decimal(found.get('database_bytes', 0) / 1e6)}\N{NO-BREAK SPACE}MB"),
        ):
            st.metric(label, value, width="content")
    _facts(
        {
            texts("Address"): server.base_url,
            texts("Version"): found["version"],
            texts("Schema"): found["schema"],
            texts("Runs since"): texts.when(int(started.timestamp() * 1e9)),
            texts("File"): found.get("database"),
        }
    )
