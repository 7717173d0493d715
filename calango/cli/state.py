"""`status`, `doctor`, `env`: what is set up, what is broken, and how others join in."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from calango import __version__, local
from calango.cli import output
from calango.errors import CalangoError, ConfigError
from calango.settings import Settings

if TYPE_CHECKING:
    from calango.tracing.destination import Destination


def register(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(doctor)
    app.command()(env)


def status(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Show mode, backend, model, home and what waits to be delivered. Starts nothing, sends nothing.

    Example: `calango status`
    """
    settings = Settings.load()
    facts = gather(settings)
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


def gather(settings: Settings) -> dict[str, Any]:
    """What `status` shows, with stable keys."""
    from calango import models
    from calango.tracing.destination import collector, destination

    choice = models.choose(settings)
    server = local.find(settings.home) if settings.mode == "local" else None
    backend = {
        "remote": settings.base_url,
        "local": server.base_url if server else "local server, not running",
        "off": None,
    }
    to, beside = destination(settings), collector(settings)
    return {
        "version": __version__,
        "mode": settings.mode,
        "backend": backend[settings.mode],
        "model": choice.spec,
        "model_note": choice.note,
        "graph": settings.graph or "bundled",
        "home": str(settings.home),
        "outbox": _waiting(settings, to),
        "collector": settings.otlp_endpoint,
        "collector_outbox": _waiting(settings, beside),
    }


def _waiting(settings: Settings, to: Destination | None) -> dict[str, Any]:
    """What waits for a destination, read without opening a way to it: that would begin to deliver."""
    from calango.tracing.outbox import Outbox

    if to is None:
        return {}
    outbox = Outbox(settings.home, to.key)
    try:
        return asdict(outbox.depth())
    finally:
        outbox.close()


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
