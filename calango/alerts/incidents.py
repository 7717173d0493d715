"""What becomes of an incident when its rule is evaluated again, and whom that concerns. Pure.

One message when it opens, reminders while it lasts, one when it is over. What quiet hours or a mute held back is told
when they end, if it still matters: an incident that came and went unheard is history, not news.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from calango.alerts.rules import Rule

News = Literal["opened", "reminder", "recovered"]
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """A rule's metric now. `sample` is the turns (or votes, or tool calls) behind it; `usual` is for jumps."""

    value: float | None
    sample: int
    usual: float | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """Times in ns; None: not yet. `worst` is the value furthest beyond the threshold.

    `asked_json` is the rule as it was last evaluated (`rules.data_of`): it outlives the rule.
    """

    rule: str
    opened_ns: int
    value: float
    worst: float
    subject: str | None = None
    usual: float | None = None
    told_ns: int | None = None
    reminded_ns: int | None = None
    closed_ns: int | None = None
    recovery_told_ns: int | None = None
    acknowledged_ns: int | None = None
    asked_json: str | None = None

    @property
    def is_open(self) -> bool:
        return self.closed_ns is None

    @property
    def is_settled(self) -> bool:
        """Over, and nothing is left to tell."""
        return self.closed_ns is not None and (self.told_ns is None or self.recovery_told_ns is not None)


def step(
    rule: Rule, reading: Reading, incident: Incident | None, now: datetime, *, muted: bool = False
) -> tuple[Incident | None, News | None]:
    """The incident after this evaluation and what is to be told of it. `incident` is one that is not settled.

    `now` is local. Without enough turns nothing is known: an incident neither begins nor ends.
    """
    now_ns = int(now.timestamp()) * _SECOND
    silent = muted or rule.is_quiet(now.time())
    if incident is not None and not incident.is_open:
        return _recovered(incident, now_ns, silent=silent)
    if reading.value is None or not is_known(rule, reading):
        return (incident, None) if incident is None else _go_on(rule, incident, now_ns, silent=silent)
    if not rule.is_exceeded(reading.value, reading.usual):
        return (
            (None, None) if incident is None else _recovered(replace(incident, closed_ns=now_ns), now_ns, silent=silent)
        )
    if incident is None:
        incident = Incident(rule.name, now_ns, reading.value, reading.value, reading.subject, reading.usual)
    else:
        worse = min if rule.is_downward else max
        incident = replace(incident, value=reading.value, worst=worse(incident.worst, reading.value))
    return _go_on(rule, incident, now_ns, silent=silent)


def is_known(rule: Rule, reading: Reading) -> bool:
    """Whether enough turns are behind a reading to judge it."""
    return reading.value is not None and (reading.sample >= rule.min_turns or _counts_nothing(rule))


def ended(incident: Incident, now_ns: int) -> Incident:
    """Over without a word, because its rule is gone or asks something else."""
    return replace(incident, closed_ns=incident.closed_ns or now_ns, recovery_told_ns=now_ns)


def _counts_nothing(rule: Rule) -> bool:
    """No traffic is measured by its absence."""
    return rule.metric == "turns" and rule.kind != "above"


def _go_on(rule: Rule, incident: Incident, now_ns: int, *, silent: bool) -> tuple[Incident, News | None]:
    if silent or incident.acknowledged_ns is not None:
        return incident, None
    if incident.told_ns is None:
        return replace(incident, told_ns=now_ns), "opened"
    last_ns = incident.reminded_ns or incident.told_ns
    if rule.remind is not None and now_ns - last_ns >= rule.remind.total_seconds() * _SECOND:
        return replace(incident, reminded_ns=now_ns), "reminder"
    return incident, None


def _recovered(incident: Incident, now_ns: int, *, silent: bool) -> tuple[Incident, News | None]:
    if silent or incident.told_ns is None:
        return incident, None
    return replace(incident, recovery_told_ns=now_ns), "recovered"
