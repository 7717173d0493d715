"""`sync`: a copy of a remote Langfuse project in the local store, which reports and pages then read."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import httpx
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from calango import local, local_api
from calango.cli import output
from calango.errors import ConfigError, NotFound
from calango.mirror.copy import name_of
from calango.mirror.sync import KINDS, Mirror, state_name
from calango.settings import Settings

_ANSWER_S = 60.0


def register(app: typer.Typer) -> None:
    app.command()(sync)


def sync(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Copy what is new in the remote Langfuse into the local store, for reports and pages. Run it again any time.

    It goes on where an interrupted run stopped, waits when Langfuse limits requests, and doubles nothing.

    Example: `calango sync`
    """
    settings = Settings.load()
    if settings.mode != "remote" or settings.secret_key is None or settings.public_key is None:
        raise ConfigError(
            f"The mode is {settings.mode}: there is no remote Langfuse to copy.",
            "Set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY.",
        )
    server = local.ensure(settings)
    project_id = _project(server, name_of(settings))
    state = local.prepare_home(settings.home) / state_name(settings.base_url, settings.public_key)

    def store(table: str, lines: bytes) -> None:
        params = {"format": "jsonl", "project": project_id}
        local_api.call(server, "POST", f"/import/{table}", params=params, content=iter((lines,)))

    started, auth = time.monotonic(), (settings.public_key, settings.secret_key.get_secret_value())
    columns = (SpinnerColumn(), TextColumn("{task.description} {task.completed}"), TimeElapsedColumn())
    with (
        httpx.Client(base_url=settings.base_url, auth=auth, timeout=_ANSWER_S) as remote,
        Progress(*columns, console=output.err, transient=True) as progress,
    ):
        tasks = {kind.table: progress.add_task(kind.table, total=None) for kind in KINDS}

        def show(table: str, rows: int) -> None:
            progress.update(tasks[table], completed=rows)

        found = Mirror(remote, store, state, progress=show).run(datetime.now(UTC))
    took_s = time.monotonic() - started
    if json:
        output.print_json(found | {"seconds": took_s, "project": project_id})
        return
    output.say(f"{found['observations']} observations and {found['scores']} scores in {took_s:.0f} s.")


def _project(server: local.LocalServer, name: str) -> str:
    try:
        return str(local_api.project_named(server, name)["id"])
    except NotFound:
        return str(local_api.call(server, "POST", "/projects", {"name": name})["id"])
