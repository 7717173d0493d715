"""All rules: those of the file, and those that people made in the UI, which are kept in the store.

A name exists once over both. Where the file later takes a name that is there, the file's rule is the one that counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import duckdb
import orjson

from calango.alerts import journal
from calango.alerts.incidents import Incident, ended
from calango.alerts.journal import Kept
from calango.alerts.rules import Rule, Rules, rule_of, two_named
from calango.budgets.rules import Budget
from calango.errors import ConfigError, NotFound


@dataclass(frozen=True, slots=True)
class Listed:
    """`is_own`: made in the UI. `is_hidden`: the file has one of the same name. `gone` are targets no longer there.

    `to_all`: it names no targets, so that it goes to those that are added later, too.
    """

    rule: Rule
    is_own: bool = False
    is_hidden: bool = False
    to_all: bool = False
    gone: tuple[str, ...] = ()
    gone_budget: bool = False

    @property
    def is_active(self) -> bool:
        return self.rule.enabled and not self.is_hidden and not self.gone_budget


def listed(db: duckdb.DuckDBPyConnection, project_id: str, file: Rules) -> list[Listed]:
    """Those of the file in its order, then the own ones by name."""
    return [*map(Listed, file.rules), *(_own(data, file) for data in _kept(db, project_id))]


def active(db: duckdb.DuckDBPyConnection, project_id: str, file: Rules) -> list[Rule]:
    """The rules that are evaluated."""
    return [one.rule for one in listed(db, project_id, file) if one.is_active]


def _kept(db: duckdb.DuckDBPyConnection, project_id: str) -> list[dict[str, Any]]:
    sql = "SELECT rule_json FROM alert_rules WHERE project_id = ? ORDER BY name"
    return [orjson.loads(text) for (text,) in db.execute(sql, [project_id]).fetchall()]


def _own(data: dict[str, Any], file: Rules) -> Listed:
    rule = read(data, file, before=data)
    gone = tuple(sorted({*rule.to} - {*file.targets}))
    return Listed(
        rule,
        is_own=True,
        is_hidden=_is_of(file, rule.name),
        to_all="to" not in data,
        gone=gone,
        gone_budget=rule.budget is not None and rule.budget not in file.budgets,
    )


def read(data: Mapping[str, Any], file: Rules, *, before: Mapping[str, Any] | None = None) -> Rule:
    """A rule that was checked once. It may keep targets and budget that it named `before`. Raises ConfigError."""
    old: Mapping[str, Any] = before or {}
    targets = [*file.targets, *(name for name in old.get("to", ()) if name not in file.targets)]
    budgets, named = file.budgets, old.get("budget")
    if named is not None and all(budget.name != named for budget in budgets):
        budgets = (*budgets, Budget(str(named), Decimal(1)))
    return rule_of(data, targets, budgets)


def add(db: duckdb.DuckDBPyConnection, project_id: str, file: Rules, data: Mapping[str, Any], now_ns: int) -> Rule:
    """Keep a new rule. Raises ConfigError, also when there is one of that name."""
    rule = read(data, file)
    _check_name(db, project_id, file, rule.name)
    _insert(db, project_id, rule.name, data, now_ns, now_ns)
    return rule


def change(
    db: duckdb.DuckDBPyConnection, project_id: str, file: Rules, name: str, data: Mapping[str, Any], now_ns: int
) -> Rule:
    """Put another rule in the place of an own one, perhaps with another name. Raises ConfigError or NotFound.

    Its open incident goes on when it still asks the same; otherwise it ends.
    """
    created_ns = _created(db, project_id, file, name)
    before = next(one for one in _kept(db, project_id) if one["name"] == name)
    rule = read(data, file, before=before)
    if rule.name != name:
        _check_name(db, project_id, file, rule.name)
    db.execute("DELETE FROM alert_rules WHERE project_id = ? AND name = ?", [project_id, name])
    _insert(db, project_id, rule.name, data, created_ns, now_ns)
    if rule.name != name:
        _follow(db, project_id, name, rule.name)
    if not _is_of(file, rule.name):
        settle(db, project_id, file, [rule], now_ns, {rule.name})
    return rule


def delete(db: duckdb.DuckDBPyConnection, project_id: str, file: Rules, name: str, now_ns: int) -> None:
    """Forget an own rule and its mute; its open incident ends. Raises NotFound, or ConfigError for one of the file."""
    _created(db, project_id, file, name)
    db.execute("DELETE FROM alert_rules WHERE project_id = ? AND name = ?", [project_id, name])
    if not _is_of(file, name):
        journal.mute(db, project_id, name, 0)
        settle(db, project_id, file, [], now_ns, {name})


def settle(
    db: duckdb.DuckDBPyConnection,
    project_id: str,
    file: Rules,
    rules: list[Rule],
    now_ns: int,
    names: set[str] | None = None,
) -> dict[str, Kept]:
    """End what is left of rules that are gone, switched off, or ask something else; of all `names`, or just of these.

    The incidents that go on, by rule.
    """
    known = {rule.name: rule for rule in rules if rule.enabled}
    running = journal.unsettled(db, project_id)
    for name, kept in list(running.items()):
        if names is not None and name not in names:
            continue
        rule, before = known.get(name), asked(kept.incident, file)
        if rule is None or (before is not None and not rule.asks_as(before)):
            journal.put(db, project_id, replace(kept, incident=ended(kept.incident, now_ns)))
            del running[name]
    return running


def asked(incident: Incident, file: Rules) -> Rule | None:
    """The rule of an incident as it was last evaluated."""
    if incident.asked_json is None:
        return None
    data: dict[str, Any] = orjson.loads(incident.asked_json)
    return read(data, file, before=data)


def _created(db: duckdb.DuckDBPyConnection, project_id: str, file: Rules, name: str) -> int:
    row = db.execute("SELECT created_ns FROM alert_rules WHERE project_id = ? AND name = ?", [project_id, name])
    found = row.fetchone()
    if found is not None:
        return int(found[0])
    if _is_of(file, name):
        error = ConfigError(f"The alert rule '{name}' is one of the file.", "Change it there, then restart the server.")
        raise error.because("rule_of_file", name=name)
    raise NotFound(f"There is no alert rule '{name[:80]}'.").because("no_rule", name=name[:80])


def _is_of(file: Rules, name: str) -> bool:
    return any(rule.name == name for rule in file.rules)


def _check_name(db: duckdb.DuckDBPyConnection, project_id: str, file: Rules, name: str) -> None:
    if any(one.rule.name == name for one in listed(db, project_id, file)):
        raise two_named(name)


def _follow(db: duckdb.DuckDBPyConnection, project_id: str, before: str, after: str) -> None:
    for table in ("alert_incidents", "alert_mutes"):
        db.execute(f"UPDATE {table} SET rule = ? WHERE project_id = ? AND rule = ?", [after, project_id, before])  # noqa: S608 - names of this file


def _insert(
    db: duckdb.DuckDBPyConnection, project_id: str, name: str, data: Mapping[str, Any], created_ns: int, now_ns: int
) -> None:
    text = orjson.dumps(dict(data)).decode()
    db.execute("INSERT INTO alert_rules VALUES (?, ?, ?, ?, ?)", [project_id, name, text, created_ns, now_ns])
