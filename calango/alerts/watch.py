"""Evaluates all rules and delivers what is to be told. What was decided is on disk before anything is sent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from uuid import uuid4

import duckdb

from calango.alerts import journal, measure, texts
from calango.alerts.incidents import Incident, Reading, step
from calango.alerts.journal import Kept, Message
from calango.alerts.rules import Rule, Rules
from calango.alerts.texts import Locale, Text
from calango.store import Store
from calango.store.turns import refresh

log = logging.getLogger(__name__)
Send = Callable[[str, Text, str], str | None]
"""Address, text, severity -> None, or why it was not delivered."""
_GONE = "Its rule or target is no longer there."


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One rule, what it read, and its incident if there is one."""

    rule: Rule
    reading: Reading
    incident: Kept | None
    muted: bool


class Watch:
    """The alerts of one project. `check` may be called from any thread; one at a time does its work."""

    def __init__(
        self, store: Store, project_id: str, rules: Rules, *, send: Send, locale: Locale, ui_url: str, zone: tzinfo
    ) -> None:
        self.rules = rules
        self.zone = zone
        self.project_id = project_id
        self._store = store
        self.send = send
        self._locale: Locale = locale
        self._ui_url = ui_url
        self._lock = threading.Lock()

    def check(self, now: datetime) -> list[Evaluated]:
        """Evaluate every rule as of `now` (with its zone), write down what follows, send what is due."""
        with self._lock:
            if self.rules.rules:
                self._store.write(refresh).result()
            with self._store.read() as db:
                readings = [(rule, measure.read(db, self.project_id, rule, now)) for rule in self.rules.rules]
            found = self._store.write(lambda db: self._decide(db, readings, now)).result()
            self._deliver(int(now.timestamp()) * 1_000_000_000)
            return found

    def _decide(
        self, db: duckdb.DuckDBPyConnection, readings: Sequence[tuple[Rule, Reading]], now: datetime
    ) -> list[Evaluated]:
        now_ns = int(now.timestamp()) * 1_000_000_000
        running = journal.unsettled(db, self.project_id)
        muted = journal.mutes(db, self.project_id, now_ns)
        found: list[Evaluated] = []
        for rule, reading in readings:
            kept = running.pop(rule.name, None)
            before = kept.incident if kept else None
            after, news = step(rule, reading, before, now, muted=rule.name in muted)
            if after is not None and after != before:
                kept = Kept(kept.id if kept else uuid4().hex[:12], after)
                journal.put(db, self.project_id, kept)
            if kept is not None and after is not None and news is not None:
                self._announce(db, rule, kept, news, now_ns)
            shown = kept if after is not None and after.is_open else None
            found.append(Evaluated(rule, reading, shown, rule.name in muted))
        for kept in running.values():  # of rules that are gone
            closed = _ended(kept.incident, now_ns)
            journal.put(db, self.project_id, Kept(kept.id, closed))
        return found

    def _announce(self, db: duckdb.DuckDBPyConnection, rule: Rule, kept: Kept, news: texts.News, now_ns: int) -> None:
        said = texts.text(rule, kept.incident, news, self._locale, texts.link(self._ui_url, rule, kept.incident))
        for target in rule.to:
            journal.write_message(db, self.project_id, kept.id, news, target, said.title, said.body, now_ns)

    def _deliver(self, now_ns: int) -> None:
        with self._store.read() as db:
            waiting = journal.due(db, self.project_id, now_ns)
            rules = {kept.id: kept.incident.rule for kept in journal.incidents(db, self.project_id, limit=10_000)}
        severities = {rule.name: rule.severity for rule in self.rules.rules}
        for message in waiting:
            severity = severities.get(rules.get(message.incident_id, ""), "info")
            error = self._sent(message, severity)
            if error is not None:
                log.warning("a message to %s was not delivered: %s", message.target, error)
            self._store.write(_settling(self.project_id, message, error, now_ns)).result()

    def _sent(self, message: Message, severity: str) -> str | None:
        address = self.rules.targets.get(message.target)
        return _GONE if address is None else self.send(address, Text(message.title, message.body), severity)


def _settling(
    project_id: str, message: Message, error: str | None, now_ns: int
) -> Callable[[duckdb.DuckDBPyConnection], None]:
    return lambda db: journal.settle(db, project_id, message, error, now_ns)


def _ended(incident: Incident, now_ns: int) -> Incident:
    return replace(incident, closed_ns=incident.closed_ns or now_ns, recovery_told_ns=now_ns)
