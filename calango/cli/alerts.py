"""`alerts`: what is wrong, who was told, and a check now."""

from __future__ import annotations

import re
from typing import Any

import typer

from calango import local_api
from calango.cli import data, output
from calango.errors import InputError

_UNITS = {"m": 60, "h": 3600, "d": 86_400}

alerts_app = typer.Typer(help="Alerts: rules (of alerts.toml and the page), incidents, messages.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(alerts_app, name="alerts")


@alerts_app.command("check")
def check(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Evaluate every rule now, tell who is to be told. Exit code 1 when something is wrong: for cron and CI.

    Example: `calango alerts check`
    """
    rules = local_api.call(data.local_server(), "POST", "/alerts/check")["rules"]
    if json:
        output.print_json(rules)
    else:
        for one in rules:
            _show_rule(one)
        if not rules:
            output.note("There are no rules: make them on the Alerts page, or in alerts.toml (docs/alerts.md).")
    raise typer.Exit(1 if any(one["incident"] and not one["muted"] for one in rules) else 0)


def _show_rule(one: dict[str, Any]) -> None:
    reading = one["reading"]
    value = "no data" if reading["value"] is None else f"{reading['value']:g}"
    state, style = ("ALERT", "bold red") if one["incident"] else ("ok", "green")
    output.say(f"{state:<6} {one['rule']}: {value} (threshold {one['threshold']:g}, of {reading['sample']})", style)


@alerts_app.command("list")
def list_incidents(
    limit: int = typer.Option(20, "--limit", min=1, max=1000, help="At most so many incidents."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Show rules and incidents, the open ones first.

    Example: `calango alerts list`
    """
    found = local_api.call(data.local_server(), "GET", "/alerts", params={"limit": str(limit)})
    if json:
        output.print_json(found)
        return
    for rule in found["rules"]:
        muted = f"  muted until {rule['mutedUntil']}" if rule["mutedUntil"] else ""
        off = "" if rule["enabled"] and not rule["hidden"] else "  (off)"
        output.say(f"rule      {rule['name']}: {rule['metric']} {rule['kind']} {rule['threshold']:g}{off}{muted}")
    for incident in found["incidents"]:
        end = f"ended {incident['closedAt']}" if incident["closedAt"] else "open"
        output.say(
            f"{incident['id']}  {incident['rule']}  since {incident['openedAt']}  {end}  worst {incident['worst']:g}",
            None if incident["closedAt"] else "bold red",
        )
    if not found["incidents"]:
        output.note("There were no incidents.")


@alerts_app.command("history")
def history(
    limit: int = typer.Option(20, "--limit", min=1, max=1000, help="At most so many messages."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Show what was told to whom, and what could not be delivered.

    Example: `calango alerts history`
    """
    found = local_api.call(data.local_server(), "GET", "/alerts/messages", params={"limit": str(limit)})["messages"]
    if json:
        output.print_json(found)
        return
    for message in found:
        state = f"sent {message['sentAt']}" if message["sentAt"] else f"not sent: {message['error'] or 'waits'}"
        output.say(f"{message['createdAt']}  {message['target']}  {message['title']}  {state}")
    if not found:
        output.note("Nothing was told.")


@alerts_app.command("ack")
def acknowledge(incident: str = typer.Argument(help="The id that `calango alerts list` shows.")) -> None:
    """Acknowledge an incident: no more reminders, only word of its end.

    Example: `calango alerts ack 1f6b43d25f0e`
    """
    path = f"/alerts/incidents/{local_api.quoted(incident)}/acknowledge"
    local_api.call(data.local_server(), "POST", path, hint="`calango alerts list` shows the open ones.")
    output.say("Acknowledged.")


@alerts_app.command("mute")
def mute(
    rule: str = typer.Argument(help="Name of the rule."),
    length: str = typer.Option("1h", "--for", help="Such as 30m, 2h, 7d; 0 ends a mute."),
) -> None:
    """Send nothing for a rule for a while; incidents are noted all the same.

    Example: `calango alerts mute "slow answers" --for 2h`
    """
    body = {"rule": rule, "seconds": _seconds(length)}
    until = local_api.call(
        data.local_server(), "PUT", "/alerts/mutes", body, hint="`calango alerts list` shows the rules."
    )["mutedUntil"]
    output.say(f"Muted until {until}." if until else "No longer muted.")


@alerts_app.command("try")
def try_target(target: str = typer.Argument(help="Name of a target in alerts.toml.")) -> None:
    """Send a test message to a target.

    Example: `calango alerts try team`
    """
    found = local_api.call(data.local_server(), "POST", f"/alerts/targets/{local_api.quoted(target)}/try")
    if found["delivered"]:
        output.say("Delivered.")
        return
    output.complain(found["error"])
    raise typer.Exit(1)


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d{1,4})([mhd])", text)
    if text == "0":
        return 0
    if match is None:
        raise InputError(f"'{text[:20]}' is no length of time.", "Write such as 30m, 2h, 7d, or 0.")
    return int(match[1]) * _UNITS[match[2]]
