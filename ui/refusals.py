"""Why something was refused, in the language of the page, by the code that the error carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from babel.dates import format_datetime

from calango.errors import CalangoError

from .filter_names import filter_names
from .i18n import Texts
from .render import plain

Facts = Mapping[str, str]


def _no_value(texts: Texts, facts: Facts) -> str:
    name = filter_names(texts).get(facts["filter"], facts["filter"])
    said = texts("No turn has “{value}” as: {name}.", value=facts["value"], name=name)
    return f"{said} {texts('There are {known}.', known=facts['known'])}" if facts["known"] else said


def _moment(texts: Texts, iso: str) -> str:
    return format_datetime(datetime.fromisoformat(iso.replace("\\", "")), "short", locale=texts.locale)


_TOLD: Mapping[str, Callable[[Texts, Facts], str]] = {
    "no_value": _no_value,
    "no_choice": lambda texts, facts: texts("There is no choice “{value}” here.", **facts),
    "no_period": lambda texts, facts: texts(
        "“{value}” is no period. There are such as 24h, 7d, 4w, today, yesterday, 2026-11-01 or an ISO time.", **facts
    ),
    "empty_period": lambda texts, facts: texts(
        "The period from {start} to {end} is empty.",
        start=_moment(texts, facts["start"]), end=_moment(texts, facts["end"]),
    ),
    "no_zone": lambda texts, facts: texts(
        "There is no time zone {value}. CALANGO_TIME_ZONE takes an IANA name such as America/Sao_Paulo.", **facts
    ),
    "no_trace_id": lambda texts, _: texts("This is no trace id: it has 32 digits from 0 to 9 and a to f."),
    "no_trace": lambda texts, facts: texts(
        "There is no trace {value}. It may not have arrived yet: traces are sent a moment after the turn.", **facts
    ),
    "no_session": lambda texts, facts: texts("There is no conversation {value}.", **facts),
    "too_long": lambda texts, facts: texts("That has {count} characters; at most {most} are allowed.", **facts),
    "local_down": lambda texts, facts: texts(
        "The local server does not answer. {log} in CALANGO_HOME may say why.", **facts
    ),
    "down": lambda texts, facts: texts(
        "Langfuse at {where} does not answer. Check the address and the network.", **facts
    ),
    "keys": lambda texts, facts: texts(
        "The server at {where} refused the keys. Check LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL.",
        **facts,
    ),
    "answered": lambda texts, facts: texts("Langfuse refused it (answer {status}).", **facts),
    "not_copied": lambda texts, _: texts(
        "Nothing was copied from the remote Langfuse yet: run `calango sync`, which can be run again any time."
    ),
    "tracing_off": lambda texts, _: texts(
        "Tracing is off, so there is nothing to read. Remove LANGFUSE_TRACING_ENABLED=false."
    ),
    "rule_name": lambda texts, _: texts(
        "A rule needs a name of 1 to 80 letters, digits, spaces and the signs . : % - _"
    ),
    "rule_twice": lambda texts, facts: texts("There is a rule named “{name}” already.", **facts),
    "rule_jump": lambda texts, _: texts("How many times the usual? 2 means twice, 0.5 half of it; 1 means nothing."),
    "rule_target": lambda texts, _: texts("The rule goes to a target that is not there."),
    "rule_of_file": lambda texts, facts: texts(
        "The rule “{name}” is one of the file: change it there, and start the server anew.", **facts
    ),
    "no_rule": lambda texts, facts: texts("There is no rule “{name}” any more.", **facts),
}  # fmt: skip
CODES = frozenset(_TOLD)


def told(texts: Texts, error: CalangoError) -> str:
    """In markdown. What has no code, or one that is not known here, is quoted as it is."""
    tell = _TOLD.get(error.code)
    try:
        return str(error) if tell is None else tell(texts, {name: plain(fact) for name, fact in error.facts.items()})
    except KeyError:  # a server of another version knows other facts
        return str(error)
