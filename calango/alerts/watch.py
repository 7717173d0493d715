"""Evaluates all rules and delivers what is to be told. What was decided is on disk before anything is sent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any
from uuid import uuid4

import duckdb
import orjson

from calango.alerts import journal, measure, rulebook, texts
from calango.alerts.charts import Drawing, drawn
from calango.alerts.incidents import Incident, Reading, step
from calango.alerts.journal import Kept, Message
from calango.alerts.measure import Point
from calango.alerts.rules import Rule, Rules, data_of
from calango.alerts.texts import Locale, Text
from calango.store import Store

log = logging.getLogger(__name__)
Send = Callable[[str, Text, str], str | None]
"""Address, text, severity -> None, or why it was not delivered."""
GONE = "Its rule or target is no longer there."
_WITH_CHART = 2  # attempts; a channel that still refuses gets the words alone


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One rule, what it read and when (ns), and its incident if there is one."""

    rule: Rule
    reading: Reading
    incident: Kept | None
    muted: bool
    at_ns: int


class Watch:
    """The alerts of one project. `check` may be called from any thread; one at a time does its work.

    `rules` are those of the file; the own ones are looked up in the store whenever they are needed.
    """

    def __init__(
        self, store: Store, project_id: str, rules: Rules, *, send: Send, locale: Locale, ui_url: str, zone: tzinfo
    ) -> None:
        self.rules = rules
        self.zone = zone
        self.locale: Locale = locale
        self.latest: Mapping[str, Evaluated] = {}
        self._store = store
        self.project_id = project_id
        self.send = send
        self._ui_url = ui_url
        self._lock = threading.Lock()

    def check(self, now: datetime) -> list[Evaluated]:
        """Evaluate every rule as of `now` (with its zone), write down what follows, send what is due."""
        with self._lock:
            with self._store.read() as db:
                rules = rulebook.active(db, self.project_id, self.rules)
            if rules:
                self._store.add_up()
            with self._store.read() as db:
                readings = [(rule, measure.read(db, self.project_id, rule, now)) for rule in rules]
            found = self._store.write(lambda db: self._decide(db, readings, now)).result()
            self.latest = {one.rule.name: one for one in found}
            self._deliver(int(now.timestamp()) * 1_000_000_000)
            return found

    def preview(self, data: Mapping[str, Any], now: datetime) -> tuple[Rule, Reading, list[Point]]:
        """What a rule would say now, and what its metric was; nothing is kept. Raises ConfigError."""
        rule = rulebook.read(data, self.rules)
        self._store.add_up()
        with self._store.read() as db:
            reading = measure.read(db, self.project_id, rule, now)
            return rule, reading, measure.series(db, self.project_id, rule, now)

    def _decide(
        self, db: duckdb.DuckDBPyConnection, readings: Sequence[tuple[Rule, Reading]], now: datetime
    ) -> list[Evaluated]:
        now_ns = int(now.timestamp()) * 1_000_000_000
        rules = rulebook.active(db, self.project_id, self.rules)  # one may have been changed since it was read
        running = rulebook.settle(db, self.project_id, self.rules, rules, now_ns)
        muted = journal.mutes(db, self.project_id, now_ns)
        found: list[Evaluated] = []
        for rule, reading in readings:
            if rule not in rules:
                continue
            kept = running.get(rule.name)
            before = kept.incident if kept else None
            after, news = step(rule, reading, before, now, muted=rule.name in muted)
            if after is not None:
                after = replace(after, asked_json=orjson.dumps(data_of(rule)).decode())
            if after is not None and after != before:
                kept = Kept(kept.id if kept else uuid4().hex[:12], after)
                journal.put(db, self.project_id, kept)
            if kept is not None and after is not None and news is not None:
                self._announce(db, rule, kept, news, now_ns)
            shown = kept if after is not None and after.is_open else None
            found.append(Evaluated(rule, reading, shown, rule.name in muted, now_ns))
        return found

    def _announce(self, db: duckdb.DuckDBPyConnection, rule: Rule, kept: Kept, news: texts.News, now_ns: int) -> None:
        said = texts.text(rule, kept.incident, news, self.locale, texts.link(self._ui_url, rule, kept.incident))
        for target in rule.to:
            journal.write_message(db, self.project_id, kept.id, news, target, said.title, said.body, now_ns)

    def _deliver(self, now_ns: int) -> None:
        with self._store.read() as db:
            waiting = journal.due(db, self.project_id, now_ns)
            about = journal.incidents_of(db, self.project_id, {message.incident_id for message in waiting})
        for message in waiting:
            error = self._sent(message, about.get(message.incident_id))
            if error is not None:
                log.warning("a message to %s was not delivered: %s", message.target, error)
            self._store.write(_settling(self.project_id, message, error, now_ns)).result()

    def _sent(self, message: Message, incident: Incident | None) -> str | None:
        address = self.rules.targets.get(message.target)
        if address is None:
            return GONE
        rule = None if incident is None else rulebook.asked(incident, self.rules)
        text = Text(message.title, message.body)
        if rule is not None and incident is not None and rule.budget is None and message.attempts < _WITH_CHART:
            text = replace(text, chart=lambda: self._chart(rule, incident, message.created_ns))
        return self.send(address, text, "info" if rule is None else rule.severity)

    def _chart(self, rule: Rule, incident: Incident, at_ns: int) -> bytes | None:
        """A PNG of the metric until a message was written; None when that fails, which never stops the message."""
        try:
            now = datetime.fromtimestamp(at_ns / 1e9, self.zone)
            with self._store.read() as db:
                points = measure.series(db, self.project_id, rule, now)
            return drawn(Drawing(rule, points, rule.limit(incident.usual), self.locale))
        except Exception as error:  # noqa: BLE001 - a picture is not worth a message
            log.warning("a chart could not be drawn: %s", type(error).__name__)
            return None


def _settling(
    project_id: str, message: Message, error: str | None, now_ns: int
) -> Callable[[duckdb.DuckDBPyConnection], None]:
    return lambda db: journal.settle(db, project_id, message, error, now_ns)
