"""`seed`: made-up conversations in the local store, to look around in."""

from __future__ import annotations

import gzip
import time
from datetime import date, datetime, timedelta
from itertools import islice

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from calango import local_api
from calango.cli import data, output
from calango.errors import InputError
from calango.seed.turns import ZONE

_TURNS = 50  # in a request
_PUBLIC = "/api/public"
_OTLP = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}


def register(app: typer.Typer) -> None:
    app.command()(seed)


def seed(
    turns: int = typer.Option(1000, "--turns", min=1, max=1_000_000, help="How many turns."),
    days: int = typer.Option(30, "--days", min=1, max=3650, help="Over how many days."),
    until: str | None = typer.Option(None, "--until", help="The day before which they end; tomorrow if left out."),
    number: int = typer.Option(1, "--seed", help="The same number makes the same turns."),
    anyway: bool = typer.Option(False, "--anyway", help="Also when there are traces already."),
) -> None:
    """Fill the local store with made-up conversations of a support agent, with votes and errors, to look around in.

    They are sent the way real ones are. Refuses when there are traces already: use another CALANGO_HOME.

    Example: `CALANGO_HOME=/tmp/demo calango seed --turns 5000 --days 60`
    """
    from calango.seed.turns import drawn
    from calango.seed.wire import request, scores

    end = _day(until)
    server = data.local_server()
    stored = local_api.call(server, "GET", "/status")["counts"]["traces"]
    if stored and not anyway:
        raise InputError(f"There are {stored} traces already.", "Use another CALANGO_HOME, or --anyway.")
    started = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        local_api.client_of(server) as http,
        Progress(*columns, console=output.err, transient=True) as progress,
    ):
        task = progress.add_task("turns", total=turns)
        coming = drawn(turns, days, end, number)
        while batch := list(islice(coming, _TURNS)):
            spans = gzip.compress(request(batch), 1)
            local_api.asked(http, "POST", f"{_PUBLIC}/otel/v1/traces", content=spans, headers=_OTLP)
            if votes := scores(batch):
                local_api.asked(http, "POST", f"{_PUBLIC}/scores", json=votes)
            progress.advance(task, len(batch))
    output.say(f"{turns} turns over {days} days before {end} in {time.monotonic() - started:.0f} s.")


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now(ZONE).date() + timedelta(days=1)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"'{text[:40]}' is no day.", "Write it as 2026-11-20.") from None
