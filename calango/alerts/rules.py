"""Rules and targets as a TOML file has them -> checked values. Pure.

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

A rule on `budget_share` names a `budget` of budgets.toml, and has neither window nor filters: the budget has its own.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
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
_DURATION = re.compile(r"(\d{1,4})(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_NAME = re.compile(r"[\w .:%-]{1,80}")
_KEYS = frozenset(
    {"name", "metric", "above", "below", "jump", "window", "min_turns", "severity", "filters", "quiet", "remind", "to"}
    | {"budget"}
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
    budget: Budget | None = None

    def is_exceeded(self, value: float, usual: float | None = None) -> bool:
        """`usual` is what a jump is measured against; without one there is no jump."""
        if self.kind == "above":
            return value > self.threshold
        if self.kind == "below":
            return value < self.threshold
        if usual is None:
            return False
        limit = usual * self.threshold
        return value > limit if self.threshold >= 1 else value < limit

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
    rules = [_rule(_table(item, "a rule"), targets, budgets) for item in cast("list[object]", listed)]
    names = [rule.name for rule in rules]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"Two alert rules are named '{min(twice)}'.", "Give each a name of its own.")
    return Rules(tuple(rules), targets)


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


def _rule(data: dict[str, Any], targets: Mapping[str, str], budgets: Sequence[Budget]) -> Rule:
    name = data.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError("An alert rule needs a name of 1 to 80 letters, digits, spaces and . : % - _.")
    where = f"The alert rule '{name}'"
    if unknown := set(data) - _KEYS:
        raise ConfigError(f"{where} has an unknown key '{min(unknown)}'.", f"There are {', '.join(sorted(_KEYS))}.")
    metric = data.get("metric")
    if metric not in METRICS:
        raise ConfigError(f"{where} has no known metric.", f"There are {', '.join(METRICS)}.")
    kinds = [kind for kind in ("above", "below", "jump") if kind in data]
    if len(kinds) != 1:
        raise ConfigError(f"{where} needs one of above, below and jump.")
    kind = cast("Kind", kinds[0])
    threshold = _number(where, kind, data[kind])
    if kind == "jump" and not (threshold > 0 and threshold != 1):
        raise ConfigError(f"{where} has a jump of {threshold:g}.", "2 means twice the usual, 0.5 half of it.")
    severity = data.get("severity", "warning")
    if severity not in {"info", "warning", "critical"}:
        raise ConfigError(f"{where} has an unknown severity.", "There are info, warning and critical.")
    to = data.get("to", list(targets))
    if not isinstance(to, list) or (unknown := [item for item in cast("list[object]", to) if item not in targets]):
        raise ConfigError(f"{where} goes to an unknown target.", f"There are {', '.join(targets) or 'none'}.")
    remind = data.get("remind", "6h")
    return Rule(
        name=name,
        metric=str(metric),
        kind=kind,
        threshold=threshold,
        window=_duration(where, "window", data.get("window", "1h")),
        min_turns=int(_number(where, "min_turns", data.get("min_turns", 1 if metric in _FEW else 10))),
        severity=cast("Severity", severity),
        filters=_filters(where, _table(data.get("filters"), "filters")),
        quiet=None if "quiet" not in data else _quiet(where, data["quiet"]),
        remind=None if remind is False or remind == "never" else _duration(where, "remind", remind),
        to=tuple(cast("list[str]", to)),
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
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
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
    except ValueError:
        raise ConfigError(f"{where}: quiet must be hours such as 22:00-07:00.") from None
    return start, end


def _filters(where: str, given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    for name, value in given.items():
        if name not in FILTERS or not isinstance(value, str):
            raise ConfigError(f"{where} has an unknown filter '{name}'.", f"There are {', '.join(FILTERS)}.")
    return tuple(sorted(given.items()))
