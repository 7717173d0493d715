"""`status`, `doctor`, `env`: what is set up, what is broken, and how others join in."""

from __future__ import annotations

import shlex
from typing import Any

import typer

from calango import local
from calango.cli import output
from calango.errors import CalangoError, ConfigError
from calango.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(doctor)
    app.command()(env)


def status(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Show mode, backend, model, home and what waits to be delivered. Starts nothing, sends nothing.

    Example: `calango status`
    """
    from calango.status import gather

    facts = gather(Settings.load())
    if json:
        output.print_json(facts)
        return
    for name, value in facts.items():
        if not isinstance(value, dict):
            output.say(f"{name:<10} {value if value not in {None, ''} else '–'}")
    for name in ("outbox", "collector_outbox"):
        _show_waiting(name.replace("_outbox", ""), facts[name])


def _show_waiting(name: str, waiting: dict[str, Any]) -> None:
    if waiting:
        output.say(
            f"{name:<10} {waiting['spans']} span batches and {waiting['votes']} votes wait,"
            f" {waiting['parked']} refused, {waiting['dropped']} traces given up",
            "yellow" if waiting["parked"] or waiting["dropped"] else None,
        )
        if waiting["last_error"]:
            output.say(f"{'':<10} last error: {waiting['last_error']}", "yellow")


def doctor(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Send a real turn and a vote, read both back, and name the broken link with its fix.

    Example: `calango doctor`
    """
    from calango.cli.checkup import Checkup

    checkup = Checkup(Settings.load())
    results: list[dict[str, Any]] = []
    for name, check in checkup.checks():
        try:
            found = {"check": name, "ok": True, "detail": check()}
        except CalangoError as error:
            found = {"check": name, "ok": False, "detail": error.message, "fix": error.hint}
        results.append(found)
        if not json:
            mark, style = ("ok  ", "green") if found["ok"] else ("FAIL", "bold red")
            output.say(f"{mark}  {name}: {found['detail']}", style if not found["ok"] else None)
            if found.get("fix"):
                output.say(f"      fix: {found['fix']}", "yellow")
        if not found["ok"] and checkup.is_needed(name):
            break
    checkup.close()
    if json:
        output.print_json(results)
    raise typer.Exit(0 if all(found["ok"] for found in results) else 1)


def env() -> None:
    """Print exports that let any other Langfuse SDK on this machine use the local server; starts it.

    Example: `eval "$(calango env)"`
    """
    settings = Settings.load()
    if settings.mode != "local":
        raise ConfigError(
            f"The mode is {settings.mode}, not local.", "Unset LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY first."
        )
    server = local.ensure(settings)
    values = {
        "LANGFUSE_PUBLIC_KEY": server.public_key,
        "LANGFUSE_SECRET_KEY": server.secret_key,
        "LANGFUSE_BASE_URL": server.base_url,
        "LANGFUSE_HOST": server.base_url,
    }
    for name, value in values.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
