"""A rule as a form: only what makes sense for its metric, and what it would say now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any

import streamlit as st

from calango.errors import CalangoError

from ..filter_names import filter_names, outcome_names
from ..refusals import told
from ..render import plain, safe
from ..state import alert_key
from . import alert_calls as calls
from . import alert_preview
from .alert_words import Metric, kind_of, length, metrics, severities
from .asking import answers, asked
from .view import View, set_address

NEW = "*"  # in the address; no rule can be named so
_WINDOWS = ("15m", "1h", "6h", "1d", "7d")
_REMINDERS = ("never", "1h", "6h", "12h", "1d")
_FIRST: Mapping[str, Any] = {"name": "", "metric": "latency_ms_p95", "above": 8000, "window": "1h", "min_turns": 20,
                             "severity": "warning", "remind": "6h", "enabled": True}  # fmt: skip


def _key(name: str) -> str:
    return alert_key("field", name)


def close() -> None:
    """The next form begins anew."""
    for name in ("opened", "problem", "preview"):
        st.session_state.pop(_key(name), None)


def show(view: View, name: str, found: dict[str, Any]) -> None:
    """`name` is that of an own rule, or NEW."""
    texts = view.texts
    before = next((rule["data"] for rule in found["rules"] if rule["source"] == "own" and rule["name"] == name), None)
    if before is None and name != NEW:
        st.info(texts("There is no rule of that name that was made here."), icon=":material/search_off:")
        st.button(texts("All rules"), key=alert_key("cancel"), on_click=set_address, kwargs={"rule": None})
        return
    if st.session_state.get(_key("opened")) != name:
        close()
        _fill(texts, before or _FIRST)
        st.session_state[_key("opened")] = name
    st.subheader(texts("New rule") if before is None else plain(name), anchor=False)
    _fields(view, found, before or _FIRST)
    _buttons(view, None if before is None else name, before or _FIRST)
    if problem := st.session_state.get(_key("problem")):
        st.error(safe(problem), icon=":material/error:")
    seen = st.session_state.get(_key("preview"))
    if seen and seen[0] == _data(view, before or _FIRST):
        alert_preview.show(view, seen[1])


def _fill(texts: Any, data: Mapping[str, Any]) -> None:
    """The fields as the rule has them."""
    kind = kind_of(data)
    metric = metrics(texts)[data["metric"]]
    quiet = (data.get("quiet") or "22:00-07:00").split("-")
    fields: dict[str, Any] = {
        "name": data["name"],
        "metric": data["metric"],
        "kind": kind,
        "limit": data[kind] if kind == "jump" else data[kind] / metric.scale,
        "window": data.get("window", "1h"),
        "min": int(data.get("min_turns", 10)),
        "budget": data.get("budget"),
        "severity": data["severity"],
        "to": list(data.get("to", ())),
        "quiet": bool(data.get("quiet")),
        "quiet-from": time.fromisoformat(quiet[0]),
        "quiet-to": time.fromisoformat(quiet[1]),
        "remind": data["remind"],
    }
    for name, content in fields.items():
        st.session_state[_key(name)] = content
    for name, content in data.get("filters", {}).items():
        st.session_state[_key(f"filter-{name}")] = content


def _fields(view: View, found: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    texts, state = view.texts, st.session_state
    st.text_input(texts("Name"), key=_key("name"), max_chars=80, placeholder=texts("slow answers"))
    left, right = st.columns(2, gap="medium")
    with left:
        _limit(view, found["budgets"], before)
        if _is_of_budget():
            budgets = _with(found["budgets"], state.get(_key("budget")))
            state[_key("budget")] = state.get(_key("budget")) or next(iter(budgets), None)
            st.selectbox(texts("Budget"), budgets, key=_key("budget"))
        else:
            _window(view)
    with right:
        _telling(view, found["targets"])
        if not _is_of_budget():
            _filters(view, metrics(texts)[state[_key("metric")]])


def _window(view: View) -> None:
    texts, state = view.texts, st.session_state
    state[_key("window")] = state.get(_key("window")) or "1h"
    st.selectbox(
        texts("Window"), _with(_WINDOWS, state[_key("window")]), key=_key("window"), format_func=length,
        help=texts("What is measured: the turns that began in this time before now."),
    )  # fmt: skip
    if not _counts_nothing():
        sample = metrics(texts)[state[_key("metric")]].sample
        state[_key("min")] = state.get(_key("min"), 10)
        st.number_input(
            texts("At least so many {what}", what=sample), min_value=0, step=1, key=_key("min"),
            help=texts("With fewer in the window nothing is said."),
        )  # fmt: skip


def _is_of_budget() -> bool:
    """A budget has its own period and filters."""
    return st.session_state[_key("metric")] == "budget_share"


def _counts_nothing() -> bool:
    """No traffic needs no least number of turns."""
    return st.session_state[_key("metric")] == "turns" and st.session_state[_key("kind")] == "below"


def _data(view: View, before: Mapping[str, Any]) -> dict[str, Any]:
    """What is in the fields, as a rule."""
    state = st.session_state
    metric, kind, severity = (state[_key(name)] for name in ("metric", "kind", "severity"))
    about = metrics(view.texts)[metric]
    shown = state[_key("limit")] or 0.0
    found: dict[str, Any] = {
        "name": state[_key("name")].strip(),
        "metric": metric,
        kind: shown if kind == "jump" else round(shown * about.scale, 9),
        "severity": severity,
        "remind": state[_key("remind")],
        "enabled": before.get("enabled", True),
    }
    if _is_of_budget():
        found["budget"] = state.get(_key("budget")) or ""
    else:
        chosen = {name: state.get(_key(f"filter-{name}")) for name in _filterable(view, about)}
        found["filters"] = {name: wanted for name, wanted in chosen.items() if wanted}
        found["window"] = state.get(_key("window")) or "1h"
        found["min_turns"] = 1 if _counts_nothing() else int(state.get(_key("min")) or 0)
    if state.get(_key("to")):
        found["to"] = list(state[_key("to")])
    start, end = state.get(_key("quiet-from")), state.get(_key("quiet-to"))
    if severity != "critical" and state.get(_key("quiet")) and start is not None and end is not None:
        found["quiet"] = f"{start:%H:%M}-{end:%H:%M}"
    return found


def _limit(view: View, budgets: Sequence[str], before: Mapping[str, Any]) -> None:
    texts, state = view.texts, st.session_state
    known = metrics(texts)
    if not budgets and before["metric"] != "budget_share":
        del known["budget_share"]

    def begin() -> None:
        """Another metric or kind begins with what is usual for it."""
        limits = known[state[_key("metric")]].limits
        state[_key("limit")] = float(limits.get(state[_key("kind")], 1))

    def measure() -> None:
        state[_key("kind")] = next(iter(known[state[_key("metric")]].limits))
        begin()

    st.selectbox(
        texts("Metric"), list(known), key=_key("metric"), format_func=lambda name: known[name].label, on_change=measure
    )
    metric = known[state[_key("metric")]]
    kinds = {"above": texts("is more than"), "below": texts("is less than"), "jump": texts("is unusual for the hour")}
    allowed = list(metric.limits)
    if before["metric"] == state[_key("metric")] and kind_of(before) not in allowed:
        allowed.append(kind_of(before))
    st.selectbox(texts("Alert when it"), allowed, key=_key("kind"), format_func=kinds.__getitem__, on_change=begin)
    is_jump = state[_key("kind")] == "jump"
    about = None
    if is_jump:
        about = texts("The usual is the median of the same hours of the last four weeks. 3: three times; 0.5: half.")
    most = 100.0 if metric.is_share and not is_jump and not _is_of_budget() else None
    st.number_input(
        texts("Times the usual") if is_jump else texts("Limit ({unit})", unit=metric.unit),
        min_value=0.01 if is_jump else 0.0, max_value=most,
        step=1.0 if metric.unit == texts("turns") and not is_jump else 0.5, key=_key("limit"), help=about,
    )  # fmt: skip


def _telling(view: View, targets: list[str]) -> None:
    texts, state = view.texts, st.session_state
    names = {name: label for name, (label, _) in severities(texts).items()}
    st.selectbox(texts("Severity"), list(names), key=_key("severity"), format_func=names.__getitem__)
    state[_key("to")] = [name for name in state.get(_key("to"), ()) if name in targets]
    st.multiselect(
        texts("Targets"), targets, key=_key("to"), placeholder=texts("all") if targets else texts("there are none yet"),
        disabled=not targets,
    )  # fmt: skip
    reminders = {"never": texts("never")}
    st.selectbox(
        texts("Remind after"), _with(_REMINDERS, state[_key("remind")]), key=_key("remind"),
        format_func=lambda name: reminders.get(name) or length(name),
    )  # fmt: skip
    if state[_key("severity")] == "critical":  # they never wait
        return
    state[_key("quiet")] = state.get(_key("quiet"), False)
    st.toggle(texts("Quiet hours: messages wait for their end"), key=_key("quiet"))
    if state[_key("quiet")]:
        with st.container(horizontal=True):
            for name, label, usual in (("quiet-from", texts("from"), 22), ("quiet-to", texts("to"), 7)):
                state[_key(name)] = state.get(_key(name)) or time(usual)
                st.time_input(label, key=_key(name))


def _filterable(view: View, metric: Metric) -> dict[str, str]:
    return {name: label for name, label in filter_names(view.texts).items() if name not in metric.unfiltered}


def _filters(view: View, metric: Metric) -> None:
    """What there is to choose from is asked for when somebody looks."""
    texts, state = view.texts, st.session_state
    names, outcomes = _filterable(view, metric), outcome_names(texts)
    box = st.expander(texts("Only some turns"), icon=":material/filter_list:", key=_key("filters"), on_change="rerun")
    for name in names:  # else a closed box would forget them
        state[_key(f"filter-{name}")] = state.get(_key(f"filter-{name}"))
    if not box.open:
        return
    (facts,) = answers(view, asked("values", view.address.ever()))
    with box:
        for name, label in names.items():
            options = list(outcomes) if name == "outcome" else list(facts.values.get(name, {}))
            st.selectbox(
                label, _with(options, state[_key(f"filter-{name}")]), key=_key(f"filter-{name}"), index=None,
                placeholder=texts("all"), accept_new_options=name != "outcome",
                format_func=lambda wanted: outcomes.get(wanted, wanted),
            )  # fmt: skip


def _with(options: Any, chosen: str | None) -> list[str]:
    return list(options) if chosen is None or chosen in options else [*options, chosen]


def _buttons(view: View, name: str | None, before: Mapping[str, Any]) -> None:
    """What is sent is read when a button is clicked: a field may have been left by that very click."""
    texts = view.texts
    with st.container(horizontal=True, gap="small"):
        st.button(
            texts("Save"), key=alert_key("save"), type="primary", icon=":material/check:", on_click=_save,
            args=(view, name, before),
        )  # fmt: skip
        st.button(
            texts("What would it say now?"), key=alert_key("preview"), icon=":material/visibility:", on_click=_look,
            args=(view, before),
        )  # fmt: skip
        st.button(texts("Cancel"), key=alert_key("cancel"), on_click=set_address, kwargs={"rule": None})


def _save(view: View, name: str | None, before: Mapping[str, Any]) -> None:
    method, path = ("POST", "/rules") if name is None else ("PUT", f"/rules/{calls.quoted(name)}")
    try:
        calls.tell(view, method, path, _data(view, before))
    except CalangoError as error:
        st.session_state[_key("problem")] = told(view.texts, error)
        return
    st.toast(view.texts("The rule watches from now on."), icon=":material/check:")
    set_address(rule=None)


def _look(view: View, before: Mapping[str, Any]) -> None:
    st.session_state.pop(_key("problem"), None)
    data = _data(view, before)
    try:
        answer = calls.tell(view, "POST", "/preview", data | {"name": data["name"] or "rule"})
    except CalangoError as error:
        st.session_state[_key("problem")] = told(view.texts, error)
        return
    st.session_state[_key("preview")] = (data, answer)
