"""`sync`: a copy of a remote Langfuse project in the local store, which reports and pages then read."""

from __future__ import annotations

import time

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from calango import local
from calango.cli import output
from calango.mirror.copy import copy_new, mirrored, remote_client
from calango.mirror.sync import KINDS
from calango.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(sync)


def sync(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Copy what is new in the remote Langfuse into the local store, for reports and pages. Run it again any time.

    It goes on where an interrupted run stopped, waits when Langfuse limits requests, and doubles nothing.

    Example: `calango sync`
    """
    settings = Settings.load()
    remote_client(settings).close()  # says at once what is missing
    server, started = local.ensure(settings), time.monotonic()
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=output.err, transient=True) as progress:
        tasks = {kind.table: progress.add_task(kind.table, total=None) for kind in KINDS}
        found = copy_new(settings, server, lambda table, rows: progress.update(tasks[table], completed=rows))
    took_s = time.monotonic() - started
    if json:
        output.print_json(found | {"seconds": took_s, "project": mirrored(server, settings)})
        return
    output.say(f"{found['observations']} observations and {found['scores']} scores in {took_s:.0f} s.")
