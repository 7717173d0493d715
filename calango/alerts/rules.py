"""Rules and targets as a TOML file has them, and rules as people make them in the UI -> checked values. Pure.

[targets]
team = "${TEAM_WEBHOOK}"            # an Apprise address; ${NAME} is taken from the environment

[[rules]]
name = "slow answers"
metric = "latency_ms_p95"           # see METRICS
above = 8000                        # or below, or jump
window = "1h"
min_turns = 20
severity = "warning"                # info, warning, critical
filters = { environment = "production" }
quiet = "22:00-07:00"               # messages wait for its end; critical ones do not
remind = "6h"
to = ["team"]
enabled = false                     # true when left out

A rule on `budget_share` names a `budget` of budgets.toml, and has neither window nor filters: the budget has its own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any, Literal, cast

from calango.budgets.rules import Budget
from calango.errors import ConfigError
from calango.insights.scope import FILTERS

Severity = Literal["info", "warning", "critical"]
Kind = Literal["above", "below", "jump"]
METRICS: Mapping[str, str] = {
    "latency_ms_p95": "95 % of turns answer within, ms",
    "first_token_ms_p95": "95 % of turns show their first token within, ms",
    "error_rate": "share of turns that fail, 0 to 1",
    "tool_failure_rate": "share of tool calls that fail, 0 to 1",
    "satisfaction": "share of votes that are up, 0 to 1",
    "cost_usd": "cost of the window, USD",
    "cost_usd_per_user": "cost of the dearest user, USD",
    "turns": "turns in the window; `below = 1` notices that there is no traffic",
    "budget_share": "share of a budget that is spent, 1 is all of it; the largest where each user has one",
}
SHARES = frozenset({"error_rate", "tool_failure_rate", "satisfaction", "budget_share"})
_HIGHEST = 1e15
_DURATION = re.compile(r"(\d{1,4})(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_NAME = re.compile(r"[\w .:%-]{1,80}")
_KEYS = frozenset(
    {"name", "metric", "above", "below", "jump", "window", "min_turns", "severity", "filters", "quiet", "remind", "to"}
    | {"enabled", "budget"}
)
_FEW = frozenset({"turns", "cost_usd", "budget_share"})  # metrics that one turn is enough for


@dataclass(frozen=True, slots=True)
class Rule:
    """`threshold` is the limit, or for a jump how many times the usual value is too much (or, below 1, too little)."""

    name: str
    metric: str
    kind: Kind
    threshold: float
    window: timedelta = timedelta(hours=1)
    min_turns: int = 10
    severity: Severity = "warning"
    filters: tuple[tuple[str, str], ...] = ()
    quiet: tuple[time, time] | None = None
    remind: timedelta | None = timedelta(hours=6)
    to: tuple[str, ...] = ()
    enabled: bool = True
    budget: Budget | None = None

    def asks_as(self, other: Rule) -> bool:
        """Whether both measure the same, so that an incident of one goes on as one of the other."""
        names = ("metric", "kind", "window", "filters", "budget")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def is_exceeded(self, value: float, usual: float | None = None) -> bool:
        """`usual` is what a jump is measured against; without one there is no jump."""
        limit = self.limit(usual)
        return limit is not None and self.is_beyond(value, limit)

    def is_beyond(self, value: float, limit: float) -> bool:
        """Whether a value is on the wrong side of `limit`."""
        return value < limit if self.is_downward else value > limit

    @property
    def is_downward(self) -> bool:
        """Whether less is worse."""
        return self.kind == "below" or (self.kind == "jump" and self.threshold < 1)

    def limit(self, usual: float | None = None) -> float | None:
        """What the value is held against; None for a jump without a usual value."""
        if self.kind != "jump":
            return self.threshold
        return None if usual is None else usual * self.threshold

    def is_quiet(self, clock: time) -> bool:
        """Whether messages wait at this local time."""
        if self.quiet is None or self.severity == "critical":
            return False
        start, end = self.quiet
        return start <= clock < end if start <= end else clock >= start or clock < end


@dataclass(frozen=True, slots=True)
class Rules:
    rules: tuple[Rule, ...] = ()
    targets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    budgets: tuple[Budget, ...] = ()


def parse(text: str, environment: Mapping[str, str], budgets: Sequence[Budget] = ()) -> Rules:
    """Raises ConfigError that names the rule and what is wrong with it; never the address of a target."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The alert rules are no TOML: {error}.") from None
    if unknown := set(data) - {"targets", "rules"}:
        raise ConfigError(f"The alert rules have an unknown table '{min(unknown)}'.", "There are targets and rules.")
    targets = {
        name: _address(name, value, environment) for name, value in _table(data.get("targets"), "targets").items()
    }
    listed = data.get("rules", [])
    if not isinstance(listed, list):
        raise ConfigError("The alert rules must be a list of tables.", "Begin each with [[rules]].")
    rules = [rule_of(_table(item, "a rule"), targets, budgets) for item in cast("list[object]", listed)]
    names = [rule.name for rule in rules]
    if twice := {name for name in names if names.count(name) > 1}:
        raise two_named(min(twice))
    return Rules(tuple(rules), targets, tuple(budgets))


def two_named(name: str) -> ConfigError:
    return ConfigError(f"Two alert rules are named '{name}'.", "Give each a name of its own.").because(
        "rule_twice", name=name
    )


def data_of(rule: Rule) -> dict[str, Any]:
    """What `rule_of` makes this rule of."""
    quiet = {} if rule.quiet is None else {"quiet": "-".join(_clock(end) for end in rule.quiet)}
    about: dict[str, Any] = {
        "window": _written(rule.window),
        "min_turns": rule.min_turns,
        "filters": dict(rule.filters),
    }
    if rule.budget is not None:
        about = {"budget": rule.budget.name}
    return {
        "name": rule.name,
        "metric": rule.metric,
        rule.kind: rule.threshold,
        **about,
        "severity": rule.severity,
        **quiet,
        "remind": "never" if rule.remind is None else _written(rule.remind),
        "to": list(rule.to),
        "enabled": rule.enabled,
    }


def _clock(moment: time) -> str:
    return moment.isoformat("minutes" if not moment.second and not moment.microsecond else "auto")


def _written(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    return next(f"{minutes // size}{unit}" for unit, size in (("d", 1440), ("h", 60), ("m", 1)) if not minutes % size)


def _table(value: object, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"In the alert rules, {what} must be a table.")
    return cast("dict[str, Any]", value)


def _address(name: str, value: object, environment: Mapping[str, str]) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"The alert target '{name}' must be an Apprise address.")

    def filled(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise ConfigError(f"The alert target '{name}' needs {match[1]}, which is not set.", f"Set {match[1]}.")
        return environment[match[1]]

    return re.sub(r"\$\{(\w+)\}", filled, value)


def rule_of(data: Mapping[str, Any], targets: Collection[str], budgets: Sequence[Budget] = ()) -> Rule:
    """A rule of the keys that a file has. `targets` are the names that it may go to; it goes to all when it names none.

    Raises ConfigError that names the rule and what is wrong with it.
    """
    name = data.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError("An alert rule needs a name of 1 to 80 letters, digits, spaces and . : % - _.").because(
            "rule_name"
        )
    where = f"The alert rule '{name}'"
    if unknown := set(data) - _KEYS:
        raise ConfigError(f"{where} has an unknown key '{min(unknown)}'.", f"There are {', '.join(sorted(_KEYS))}.")
    metric = data.get("metric")
    if not isinstance(metric, str) or metric not in METRICS:
        raise ConfigError(f"{where} has no known metric.", f"There are {', '.join(METRICS)}.")
    kinds = [kind for kind in ("above", "below", "jump") if kind in data]
    if len(kinds) != 1:
        raise ConfigError(f"{where} needs one of above, below and jump.")
    kind = cast("Kind", kinds[0])
    threshold = _number(where, kind, data[kind])
    if kind == "jump" and not (threshold > 0 and threshold != 1):
        raise ConfigError(f"{where} has a jump of {threshold:g}.", "2 means twice the usual, 0.5 half of it.").because(
            "rule_jump"
        )
    if kind != "jump" and metric in SHARES - {"budget_share"} and threshold > 1:
        raise ConfigError(f"{where}: {kind} must be a share from 0 to 1.", "0.05 means 5 %.")
    severity = data.get("severity", "warning")
    if severity not in ("info", "warning", "critical"):
        raise ConfigError(f"{where} has an unknown severity.", "There are info, warning and critical.")
    to = data.get("to", list(targets))
    if not isinstance(to, list) or any(item not in list(targets) for item in cast("list[object]", to)):
        raise ConfigError(f"{where} goes to an unknown target.", f"There are {', '.join(targets) or 'none'}.").because(
            "rule_target"
        )
    remind, enabled = data.get("remind", "6h"), data.get("enabled", True)
    if not isinstance(enabled, bool):
        raise ConfigError(f"{where}: enabled must be true or false.")
    return Rule(
        name=name,
        metric=metric,
        kind=kind,
        threshold=threshold,
        window=_duration(where, "window", data.get("window", "1h")),
        min_turns=int(_number(where, "min_turns", data.get("min_turns", 1 if metric in _FEW else 10))),
        severity=severity,
        filters=_filters(where, _table(data.get("filters"), "filters")),
        quiet=None if "quiet" not in data else _quiet(where, data["quiet"]),
        remind=None if remind is False or remind == "never" else _duration(where, "remind", remind),
        to=tuple(cast("list[str]", to)),
        enabled=enabled,
        budget=_budget(where, data, budgets),
    )


def _budget(where: str, data: Mapping[str, Any], budgets: Sequence[Budget]) -> Budget | None:
    if data["metric"] != "budget_share":
        if "budget" in data:
            raise ConfigError(f"{where} has a budget.", "Only the metric budget_share is about one.")
        return None
    if wrong := {"jump", "window", "filters", "min_turns"} & set(data):
        raise ConfigError(f"{where}: budget_share takes no {min(wrong)}.", "Period and filters are the budget's own.")
    found = next((budget for budget in budgets if budget.name == data.get("budget")), None)
    if found is None:
        known = ", ".join(budget.name for budget in budgets) or "none; write them into budgets.toml"
        raise ConfigError(f"{where} needs the name of a budget.", f"There are {known}.")
    return found


def _number(where: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _HIGHEST:
        raise ConfigError(f"{where}: {key} must be a number, 0 or more.")
    return float(value)


def _duration(where: str, key: str, value: object) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ConfigError(f"{where}: {key} must be a time such as 15m, 1h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _quiet(where: str, value: object) -> tuple[time, time]:
    try:
        start, end = (time.fromisoformat(part.strip()) for part in str(value).split("-"))
        if start.tzinfo is not None or end.tzinfo is not None:
            raise ValueError
    except ValueError:
        raise ConfigError(f"{where}: quiet must be hours such as 22:00-07:00.") from None
    return start, end


def _filters(where: str, given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    for name, value in given.items():
        if name not in FILTERS or not isinstance(value, str):
            raise ConfigError(f"{where} has an unknown filter '{name}'.", f"There are {', '.join(FILTERS)}.")
    return tuple(sorted(given.items()))
