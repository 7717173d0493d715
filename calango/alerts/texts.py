"""Messages, in the language of the people who get them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal
from urllib.parse import urlencode

from calango.alerts.incidents import Incident, News
from calango.alerts.rules import SHARES, Rule
from calango.insights.times import iso

Locale = Literal["pt_BR", "en"]


@dataclass(frozen=True, slots=True)
class Text:
    """`chart` draws the PNG beside it, for channels that take one."""

    title: str
    body: str
    chart: Callable[[], bytes | None] | None = field(default=None, repr=False)


_TRIAL: Mapping[Locale, Text] = {
    "pt_BR": Text("Calango: teste", "Se você lê isto, os alertas chegam aqui."),
    "en": Text("Calango: a test", "If you read this, alerts arrive here."),
}


_TITLES: Mapping[Locale, Mapping[News, str]] = {
    "pt_BR": {"opened": "{severity}: {rule}", "reminder": "Continua: {rule}", "recovered": "Resolvido: {rule}"},
    "en": {"opened": "{severity}: {rule}", "reminder": "Still: {rule}", "recovered": "Recovered: {rule}"},
}
_SEVERITIES: Mapping[Locale, Mapping[str, str]] = {
    "pt_BR": {"info": "Aviso", "warning": "Atenção", "critical": "Crítico"},
    "en": {"info": "Info", "warning": "Warning", "critical": "Critical"},
}
_METRICS: Mapping[Locale, Mapping[str, str]] = {
    "pt_BR": {
        "latency_ms_p95": "Latência (p95)",
        "first_token_ms_p95": "Primeiro token (p95)",
        "error_rate": "Turnos com erro",
        "tool_failure_rate": "Chamadas de ferramentas com erro",
        "satisfaction": "Satisfação",
        "cost_usd": "Custo",
        "cost_usd_per_user": "Custo do usuário mais caro",
        "turns": "Turnos",
        "budget_share": "Orçamento",
    },
    "en": {
        "latency_ms_p95": "Latency (p95)",
        "first_token_ms_p95": "First token (p95)",
        "error_rate": "Turns that failed",
        "tool_failure_rate": "Tool calls that failed",
        "satisfaction": "Satisfaction",
        "cost_usd": "Cost",
        "cost_usd_per_user": "Cost of the dearest user",
        "turns": "Turns",
        "budget_share": "Budget",
    },
}
_WORDS: Mapping[Locale, Mapping[str, str]] = {
    "pt_BR": {"above": "limite: no máximo", "below": "limite: no mínimo", "jump": "o normal neste horário é",
              "window": "nos últimos", "user": "Usuário", "session": "Sessão", "tag": "Tag",
              "worst": "Pior valor", "lasted": "Durou", "traces": "Traces", "limit": "limite"},
    "en": {"above": "limit: at most", "below": "limit: at least", "jump": "usual at this hour is",
           "window": "in the last", "user": "User", "session": "Session", "tag": "Tag",
           "worst": "Worst value", "lasted": "It lasted", "traces": "Traces", "limit": "limit"},
}  # fmt: skip


def trial(locale: Locale) -> Text:
    """To see whether messages arrive."""
    return _TRIAL[locale]


def text(rule: Rule, incident: Incident, news: News, locale: Locale, link: str | None) -> Text:
    """Title and body of a message; `link` leads to the turns behind it."""
    words = _WORDS[locale]
    title = _TITLES[locale][news].format(rule=rule.name, severity=_SEVERITIES[locale][rule.severity])
    limit = incident.usual if rule.kind == "jump" and incident.usual is not None else rule.threshold
    name, when = _METRICS[locale][rule.metric], f", {words['window']} {duration(rule.window)}"
    if rule.budget is not None:
        name, when = f"{name} {rule.budget.name}", ""
    lines = [
        f"{name}: {value(rule.metric, incident.value, locale)}"
        f" ({words[rule.kind]} {value(rule.metric, limit, locale)}){when}"
    ]
    if incident.subject:
        lines.append(f"{words[subject(rule)]}: {incident.subject}")
    if news == "recovered" and incident.closed_ns is not None:
        lines.append(f"{words['worst']}: {value(rule.metric, incident.worst, locale)}")
        lines.append(
            f"{words['lasted']} {duration(timedelta(seconds=(incident.closed_ns - incident.opened_ns) / 1e9))}"
        )
    if rule.filters:
        lines.append(", ".join(f"{name}: {wanted}" for name, wanted in rule.filters))
    if link:
        lines.append(f"{words['traces']}: {link}")
    return Text(title, "\n".join(lines))


def metric_name(metric: str, locale: Locale) -> str:
    return _METRICS[locale][metric]


def limit_name(locale: Locale) -> str:
    return _WORDS[locale]["limit"]


def subject(rule: Rule) -> str:
    """What an incident's subject is: a user, unless a budget has other parts."""
    return "user" if rule.budget is None or rule.budget.each is None else rule.budget.each


def value(metric: str, number: float, locale: Locale) -> str:
    """With its unit, and the locale's decimal sign."""
    if metric in SHARES:
        shown = f"{100 * number:.1f} %"
    elif metric.startswith("cost_usd"):
        shown = f"US$ {number:.{2 if number >= 1 or not number else 4}f}"
    elif "_ms_" in metric:
        shown = f"{number / 1000:.2f} s" if number >= 1000 else f"{number:.0f} ms"
    else:
        shown = f"{number:g}"
    return shown.replace(".", ",") if locale == "pt_BR" else shown


def duration(length: timedelta) -> str:
    minutes = max(1, round(length.total_seconds() / 60))
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if number]
    return " ".join(parts[:2])


def link(base_url: str, rule: Rule, incident: Incident) -> str:
    """The page of the turns behind an incident."""
    return f"{base_url}/traces?{urlencode(turns_behind(rule, incident))}"


def turns_behind(rule: Rule, incident: Incident) -> dict[str, str]:
    """What to ask the page of turns for: from a window before the incident until it ended."""
    orders = {
        "latency_ms_p95": "slowest",
        "first_token_ms_p95": "slowest",
        "cost_usd": "dearest",
        "budget_share": "dearest",
        "satisfaction": "worst",
    }
    start_ns = incident.opened_ns - int(rule.window.total_seconds() * 1e9)
    given = {"since": iso(start_ns), **dict(rule.filters if rule.budget is None else rule.budget.filters)}
    if incident.closed_ns is not None:
        given["until"] = iso(incident.closed_ns)
    if rule.metric == "error_rate":
        given["outcome"] = "error"
    if incident.subject:
        given[subject(rule)] = incident.subject
    if rule.metric in orders:
        given["order"] = orders[rule.metric]
    return given
