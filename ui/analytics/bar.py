"""The row above a page: the period and the filters. Both live in the address."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import streamlit as st

from calango.errors import InputError

from ..filter_names import filter_names, outcome_names
from ..i18n import Texts
from ..render import plain
from ..state import FILTERS_OPEN, PERIOD, PERIOD_DAYS, filter_key, unfilter_key
from .address import DEFAULT_SINCE, FILTERS
from .asking import answers, asked
from .view import View, set_address

_OWN = "own"
_LABEL_CHARS = 40


def periods(texts: Texts) -> dict[str, str]:
    return {
        "today": texts("Today"),
        "24h": texts("Last 24 hours"),
        "7d": texts("Last 7 days"),
        "30d": texts("Last 30 days"),
        "90d": texts("Last 90 days"),
        "365d": texts("Last 365 days"),
    }


def show(view: View) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _period(view)
        _filters(view)
        for name, value in view.address.filters.items():
            _chip(view, name, value)


def clear_filters() -> None:
    set_address(**dict.fromkeys(FILTERS))


def start_over() -> None:
    """Away with whatever the address says, but for the language."""
    set_address(**{name: None for name in st.query_params if name != "lang"})


def _period(view: View) -> None:
    texts, address = view.texts, view.address
    known = periods(texts)
    is_own = address.until is not None or address.since not in known

    def changed() -> None:
        chosen = st.session_state[PERIOD]
        if chosen != _OWN:
            set_address(since=None if chosen == DEFAULT_SINCE else chosen, until=None)
        else:
            today = datetime.now(texts.zone).date()
            set_address(since=(today - timedelta(days=6)).isoformat(), until=today.isoformat())

    st.session_state[PERIOD] = _OWN if is_own else address.since
    st.selectbox(
        texts("Period"),
        [*known, _OWN],
        key=PERIOD,
        format_func=lambda name: known.get(name) or texts("From … to …"),
        on_change=changed,
        width=190,
    )
    if is_own:
        _days(view)


def _days(view: View) -> None:
    try:
        found = view.address.period()
    except InputError:
        return
    first = found.start.date()
    last = min(found.end.date(), datetime.now(found.end.tzinfo).date())
    if view.address.until is not None and len(view.address.until) == 10:
        last = date.fromisoformat(view.address.until)

    def changed() -> None:
        days = st.session_state[PERIOD_DAYS]
        if len(days) == 2:
            set_address(since=days[0].isoformat(), until=days[1].isoformat())

    st.date_input(
        view.texts("Days"),
        (first, max(first, last)),
        key=PERIOD_DAYS,
        format="DD/MM/YYYY" if view.texts.locale == "pt_BR" else "MM/DD/YYYY",
        on_change=changed,
        width=240,
    )


def _filters(view: View) -> None:
    texts = view.texts
    box = st.popover(texts("Filters"), icon=":material/filter_list:", key=FILTERS_OPEN, on_change="rerun")
    if not box.open:  # what there is to choose from is asked for when somebody looks
        return
    (facts,) = answers(view, asked("values", view.address.whole))
    names, outcomes = filter_names(texts), outcome_names(texts)
    with box:
        for name in FILTERS:
            counts = facts.values.get(name, {})
            options = list(
                dict.fromkeys([*([view.address.filters.get(name)] if name in view.address.filters else []), *counts])
            )
            if not options:
                continue

            def label(value: str, counts: dict[str, int] = counts, name: str = name) -> str:
                shown = outcomes.get(value, value) if name == "outcome" else value
                return f"{shown} ({texts.number(counts[value])})" if value in counts else shown

            key = filter_key(name)
            st.session_state[key] = view.address.filters.get(name)
            st.selectbox(
                names[name],
                options,
                key=key,
                format_func=label,
                placeholder=texts("all"),
                on_change=_filtered,
                args=(name,),
                index=None,
            )


def _filtered(name: str) -> None:
    set_address(**{name: st.session_state[filter_key(name)]})


def _chip(view: View, name: str, value: str) -> None:
    names, outcomes = filter_names(view.texts), outcome_names(view.texts)
    shown = outcomes.get(value, value) if name == "outcome" else value
    shown = shown if len(shown) <= _LABEL_CHARS else f"{shown[:_LABEL_CHARS]}…"
    st.button(
        f"{names[name]}: {plain(shown)}",
        key=unfilter_key(name),
        icon=":material/close:",
        help=view.texts("Remove this filter"),
        on_click=set_address,
        kwargs={name: None},
    )
