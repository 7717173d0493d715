"""`sync` and `push`: a remote Langfuse project's data into the local store, and the local data to a remote one."""

from __future__ import annotations

import time

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from calango import local, local_api
from calango.cli import output
from calango.mirror.copy import copy_new, mirrored, remote_client
from calango.mirror.sync import KINDS
from calango.settings import Settings

_SHOWN = 20


def register(app: typer.Typer) -> None:
    app.command()(sync)
    app.command()(push)


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


def push(
    project: str | None = typer.Option(None, "--project", help="Name or id; this home's own project if left out."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Send what the local server holds to the remote Langfuse: prompts, datasets, traces, runs, scores.

    It goes on where an interrupted run stopped and doubles nothing; later runs send what changed. Masked as traces are.

    Example: `calango push`
    """
    from calango.push.send import push_project

    settings = Settings.load()
    remote_client(settings).close()
    server, started = local.ensure(settings), time.monotonic()
    project_id = str(local_api.project_named(server, project)["id"]) if project else server.project_id
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=output.err, transient=True) as progress:
        tasks = {table: progress.add_task(table, total=None) for table in ("observations", "traces", "scores")}

        def show(table: str, rows: int) -> None:
            if table in tasks:
                progress.update(tasks[table], completed=rows)

        found = push_project(settings, server, project_id, show)
    if json:
        output.print_json(found.counts | {"refused": found.refused, "seconds": time.monotonic() - started})
    else:
        for table, count in found.counts.items():
            output.say(f"{table.replace('_', ' '):<18} {count:>10}")
        for said in found.refused[:_SHOWN]:
            output.complain(f"Not taken: {said}")
        if len(found.refused) > _SHOWN:
            output.note(f"{len(found.refused) - _SHOWN} more were not taken; --json names all.")
    raise typer.Exit(1 if found.refused else 0)
