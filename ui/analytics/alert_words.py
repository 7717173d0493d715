"""Alert rules in words: what each metric is called, in which unit people think of it, what a rule asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..filter_names import filter_names, outcome_names
from ..i18n import Texts
from ..render import plain
from .view import View

KINDS = ("above", "below", "jump")
_UNITS = {"m": "min", "h": "h", "d": "d"}


@dataclass(frozen=True, slots=True)
class Metric:
    """`scale`: what people write times this is what the rule says. `limits`: what a new rule begins with, by kind.

    `sample` is what the least number counts. `unfiltered` are filters that would make no sense.
    """

    label: str
    unit: str
    limits: Mapping[str, float]
    sample: str
    scale: float = 1.0
    is_share: bool = False
    unfiltered: tuple[str, ...] = ()


def metrics(texts: Texts) -> dict[str, Metric]:
    seconds, percent, usd, turns = texts("seconds"), "%", texts("USD"), texts("turns")
    share: dict[str, Any] = {"scale": 0.01, "is_share": True}
    return {
        "latency_ms_p95": Metric(texts("Latency p95"), seconds, {"above": 8, "jump": 2}, turns, 1000),
        "first_token_ms_p95": Metric(texts("First token p95"), seconds, {"above": 3, "jump": 2}, turns, 1000),
        "error_rate": Metric(
            texts("Turns that failed"), percent, {"above": 5, "jump": 3}, turns, unfiltered=("outcome",), **share
        ),
        "tool_failure_rate": Metric(
            texts("Tool calls that failed"), percent, {"above": 10, "jump": 3}, texts("tool calls"), **share
        ),
        "satisfaction": Metric(texts("Satisfaction"), percent, {"below": 70, "jump": 0.7}, texts("votes"), **share),
        "cost_usd": Metric(texts("Cost"), usd, {"above": 10, "jump": 3}, turns),
        "cost_usd_per_user": Metric(
            texts("Cost of the dearest user"), usd, {"above": 2, "jump": 3}, turns, unfiltered=("user",)
        ),
        "budget_share": Metric(texts("Share of a budget"), percent, {"above": 80}, turns, **share),
        "turns": Metric(texts("Turns"), turns, {"below": 1, "above": 1000, "jump": 3}, turns),
    }


def severities(texts: Texts) -> dict[str, tuple[str, Any]]:
    """What it is called, and the color of its badge."""
    return {
        "info": (texts("notice"), "blue"),
        "warning": (texts("warning"), "orange"),
        "critical": (texts("critical"), "red"),
    }


def troubles(texts: Texts) -> dict[str, str]:
    """Why a message was not delivered, by the server's code."""
    return {
        "not_installed": texts('The package for messages is not installed: pip install "calango\\[alerts]".'),
        "unreadable": texts("The target is no address that Apprise can read."),
        "failed": texts("The service failed."),
        "not_taken": texts("The service did not take the message."),
        "private": texts("The target is in a private network: CALANGO_ALERTS_PRIVATE=true allows that."),
        "gone": texts("Its rule or target is no longer there."),
    }


def kind_of(data: Mapping[str, Any]) -> str:
    return next(kind for kind in KINDS if kind in data)


def value(view: View, metric: str, number: float | None) -> str:
    """With its unit; a dash for None."""
    if number is None:
        return "–"
    if metric.startswith("cost_usd"):
        return view.cost(number, both=False)
    if "_ms_" in metric:
        return view.texts.duration(number)
    return view.texts.number(round(number)) if metric == "turns" else view.texts.percent(number)


def length(window: str) -> str:
    """ "15m" -> "15 min"."""
    return f"{window[:-1]}\N{NO-BREAK SPACE}{_UNITS.get(window[-1:], window[-1:])}"


def limit(view: View, data: Mapping[str, Any], usual: float | None = None) -> str:
    """What its value may not pass. `usual` completes a jump."""
    texts, kind = view.texts, kind_of(data)
    if kind == "above":
        return texts("at most {value}", value=value(view, data["metric"], data[kind]))
    if kind == "below":
        return texts("at least {value}", value=value(view, data["metric"], data[kind]))
    times = texts.decimal(data[kind], 2)
    said = texts("at most {times} × the usual", times=times)
    if data[kind] < 1:
        said = texts("at least {times} × the usual", times=times)
    return said if usual is None else f"{said} ({value(view, data['metric'], usual)})"


def sentence(view: View, data: Mapping[str, Any]) -> str:
    """ "Latency p95: at most 8 s, in 1 h", with its filters; plain text for markdown."""
    label = metrics(view.texts)[data["metric"]].label
    if data.get("budget"):
        return plain(f"{label} “{data['budget']}”: {limit(view, data)}")
    said = f"{label}: {limit(view, data)} · {view.texts('in {time}', time=length(data['window']))}"
    names, outcomes = filter_names(view.texts), outcome_names(view.texts)
    filters = "".join(
        f" · {names[name]}: {outcomes.get(wanted, wanted) if name == 'outcome' else wanted}"
        for name, wanted in data["filters"].items()
    )
    return plain(said + filters)
