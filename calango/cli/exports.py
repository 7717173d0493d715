"""`export traces`, `export costs`, `export scores`: what is behind the reports, row by row, as files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from calango.cli import data, output
from calango.cli.reports import Since, Until, Where, filters_of, questions
from calango.errors import InputError
from calango.questions import Range
from calango.settings import Settings

export_app = typer.Typer(help="Data as files, for spreadsheets, notebooks and other tools.", no_args_is_help=True)


class Format(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


Form: TypeAlias = Annotated[
    Format | None, typer.Option("--format", "-f", help="How it is written; as the file's name ends, or csv.")
]
Output: TypeAlias = Annotated[Path | None, typer.Option("--output", "-o", help="File; standard output if left out.")]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


def register(app: typer.Typer) -> None:
    app.add_typer(export_app, name="export")
    for command in (traces, costs, scores):
        export_app.command()(command)
    data.register_export(export_app)


def traces(
    since: Since = "7d", until: Until = None, where: Where = None, form: Form = None, file: Output = None,
    force: Force = False,
) -> None:  # fmt: skip
    """Turns, one a row: who, when, outcome, latency, tokens, cost, votes, question, answer, error.

    Example: `calango export traces --since 30d --output turns.csv`
    """
    _export("traces", since, until, where, form, file, force)


def costs(
    since: Since = "7d", until: Until = None, where: Where = None, form: Form = None, file: Output = None,
    force: Force = False,
) -> None:  # fmt: skip
    """Model calls, one a row: model, prompt, tokens and cost (USD; empty where no price is known), and of which turn.

    Example: `calango export costs --since 2026-11-01 --output costs.parquet`
    """
    _export("costs", since, until, where, form, file, force)


def scores(
    since: Since = "7d", until: Until = None, where: Where = None, form: Form = None, file: Output = None,
    force: Force = False,
) -> None:  # fmt: skip
    """Votes, stars, evaluations and their comments, one a row, of the turns in that time.

    Example: `calango export scores --where user=ana --format jsonl`
    """
    _export("scores", since, until, where, form, file, force)


def _export(
    what: str, since: str, until: str | None, where: list[str] | None, form: Format | None, file: Path | None,
    force: bool,
) -> None:  # fmt: skip
    from calango.insights.listing import COLUMNS

    settings = Settings.load()
    chosen = form or _by_name(file)
    if file is not None:
        data.check_new(file, force)
    elif chosen is Format.PARQUET:
        raise InputError("Parquet needs a file.", "Add --output FILE.")
    about = Range(since, until, settings.time_zone, filters_of(where or ()))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        questions(settings) as ask,
        ask.rows(about, what) as (count, lines),
        Progress(*columns, console=output.err, transient=True) as progress,
    ):
        task = progress.add_task(what, total=count)
        shown = progress.track(lines, task_id=task)
        written = _write(iter(shown), COLUMNS[what], chosen, file)
    output.note(f"{written} {what}" + (f" in {file}" if file is not None else ""))


def _by_name(file: Path | None) -> Format:
    ending = file.suffix.lstrip(".").lower() if file is not None else ""
    return Format(ending) if ending in set(Format) else Format.CSV


def _write(lines: Iterator[bytes], types: Mapping[str, str], form: Format, file: Path | None) -> int:
    """Under another name until all rows have come. How many there were."""
    from calango.reports import rows

    write = rows.write_csv if form is Format.CSV else rows.write_lines
    if file is None:
        return write(lines, types, sys.stdout)
    part = file.with_name(f"{file.name}.part")
    part.touch(mode=0o600)
    try:
        if form is Format.PARQUET:
            written = rows.write_parquet(lines, types, part)
        else:
            with part.open("w", encoding="utf-8", newline="") as out:
                written = write(lines, types, out)
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return written
