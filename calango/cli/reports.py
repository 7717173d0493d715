"""`report`, `cost`, `errors`, `conversations`, `users`, `slow`: what traces answer, as tables and files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.table import Table as RichTable

from calango import local
from calango.cli import output
from calango.currency import second
from calango.errors import InputError
from calango.insights.period import GRAINS, period
from calango.insights.scope import checked
from calango.mirror.copy import mirrored
from calango.questions import Questions, Range
from calango.reports import html, render, sections
from calango.reports.table import NUMBERS, Report, Table, shown
from calango.settings import Settings


class Format(StrEnum):
    TABLE = "table"
    MD = "md"
    HTML = "html"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


Since: TypeAlias = Annotated[str, typer.Option("--since", help="Such as 24h, 7d, 4w, today, or a date.")]
Until: TypeAlias = Annotated[str | None, typer.Option("--until", help="A date, which still belongs to it, or a time.")]
Form: TypeAlias = Annotated[Format, typer.Option("--format", "-f", help="How it is written.")]
Output: TypeAlias = Annotated[Path | None, typer.Option("--output", "-o", help="File; standard output if left out.")]
Where: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--where", "-w", help="Only such turns: user=ana, model=gpt-4o, tag=…, outcome=error … (repeatable)."),
]
By: TypeAlias = Annotated[str, typer.Option("--by", help="Groups, separated by commas: model, user, day, tag …")]
Build: TypeAlias = Callable[[Questions, Range, bool], list[Table]]


def register(app: typer.Typer) -> None:
    for command in (report, cost, errors, conversations, users, slow):
        app.command()(command)


def report(
    since: Since = "7d", until: Until = None, by: By = "day,model,user", form: Form = Format.TABLE,
    file: Output = None, where: Where = None,
) -> None:  # fmt: skip
    """Everything at a glance: totals, trends, groups, errors, tools, satisfaction, conversations, slow and dear turns.

    Example: `calango report --since 30d --format html --output report.html`
    """
    groups = [name.strip() for name in by.split(",") if name.strip()]

    def build(ask: Questions, about: Range, whole: bool) -> list[Table]:
        overview = ask.overview(about)
        said, talked = ask.satisfaction(about), ask.conversations(about, limit=10)
        return [
            sections.totals(overview, whole=whole),
            sections.trends(overview),
            *(
                sections.breakdown(ask.breakdown(about, name, limit=1000 if name in GRAINS else 50), name, whole=whole)
                for name in groups
            ),
            sections.errors(ask.errors(about, limit=20)),
            sections.tools(ask.tools(about)),
            sections.satisfaction(said),
            sections.comments(said),
            sections.conversations(talked),
            sections.dropoffs(talked),
            sections.intents(talked),
            sections.turns(ask.turns(about, order="slowest", limit=10), "Slowest turns"),
            sections.turns(ask.turns(about, order="dearest", limit=10), "Dearest turns"),
        ]

    _answer("Calango report", build, since, until, form, file, where)


def cost(
    since: Since = "7d", until: Until = None, by: By = "day", form: Form = Format.TABLE, file: Output = None,
    where: Where = None,
) -> None:  # fmt: skip
    """What it cost, by day, model, user, session, tag, prompt, tool, environment, release, name or outcome.

    Example: `calango cost --since 30d --by user`
    """
    _answer(
        "Costs",
        lambda ask, about, whole: [
            sections.breakdown(ask.breakdown(about, name.strip()), name.strip(), whole=whole, costs=True)
            for name in by.split(",")
        ],
        since, until, form, file, where,
    )  # fmt: skip


def errors(
    since: Since = "7d", until: Until = None, form: Form = Format.TABLE, file: Output = None, where: Where = None
) -> None:
    """Error messages that are the same but for ids and numbers, with likely causes and what helps.

    Example: `calango errors --since 24h`
    """
    _answer(
        "Errors", lambda ask, about, _: [sections.errors(ask.errors(about))], since, until, form, file, where,
        nothing="There are no errors in this period.",
    )  # fmt: skip


def conversations(
    since: Since = "7d", until: Until = None, form: Form = Format.TABLE, file: Output = None, where: Where = None
) -> None:
    """How conversations go: length, speed, how they end, where they are given up, what people come for.

    Example: `calango conversations --since 30d`
    """

    def build(ask: Questions, about: Range, _whole: bool) -> list[Table]:
        found = ask.conversations(about)
        return [sections.conversations(found), sections.dropoffs(found), sections.intents(found)]

    _answer("Conversations", build, since, until, form, file, where)


def users(
    since: Since = "7d", until: Until = None, form: Form = Format.TABLE, file: Output = None, where: Where = None
) -> None:
    """Who uses it, what they cost, how content they are.

    Example: `calango users --since 30d --format csv`
    """
    _answer(
        "Users",
        lambda ask, about, whole: [sections.breakdown(ask.breakdown(about, "user"), "user", whole=whole)],
        since, until, form, file, where,
    )  # fmt: skip


def slow(
    since: Since = "7d", until: Until = None, form: Form = Format.TABLE, file: Output = None, where: Where = None,
    limit: int = typer.Option(20, "--limit", "-n", min=1, max=1000, help="How many turns."),
) -> None:  # fmt: skip
    """The slowest turns, and the dearest.

    Example: `calango slow --since 24h -n 5`
    """
    _answer(
        "Slow and dear turns",
        lambda ask, about, _: [
            sections.turns(ask.turns(about, order="slowest", limit=limit), "Slowest turns"),
            sections.turns(ask.turns(about, order="dearest", limit=limit), "Dearest turns"),
        ],
        since, until, form, file, where,
    )  # fmt: skip


def _answer(
    title: str,
    build: Build,
    since: str,
    until: str | None,
    form: Format,
    file: Path | None,
    where: Sequence[str] | None,
    *,
    nothing: str = "There are no turns in this period. `calango ask` makes one, `calango seed` many.",
) -> None:
    settings = Settings.load()
    about = Range(since, until, settings.time_zone, filters_of(where or ()))
    asked = period(since, until, settings.time_zone, datetime.now(UTC))
    if form is Format.PARQUET and file is None:
        raise InputError("Parquet needs a file.", "Add --output FILE.")
    whole = form in {Format.CSV, Format.JSON, Format.PARQUET}
    with questions(settings) as ask:
        tables = build(ask, about, whole)
    told = f"{asked.start:%Y-%m-%d %H:%M} to {asked.end:%Y-%m-%d %H:%M} ({settings.time_zone})"
    told += "".join(f", {name} {value}" for name, value in about.filters)
    report = Report(title, told, tables, nothing)
    if not report.said:
        output.note(nothing)
    if form is Format.TABLE and file is None:
        _print(report, settings)
    else:
        _write(report, form, file, settings)


def questions(settings: Settings) -> Questions:
    """Of the local project, or of the copy of a remote one."""
    server = local.ensure(settings)
    return Questions(server, mirrored(server, settings) if settings.mode == "remote" else None)


def filters_of(where: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`name=value` texts. Raises InputError."""
    pairs = [item.partition("=") for item in where]
    if wrong := next((item for item, pair in zip(where, pairs, strict=True) if not pair[2]), None):
        raise InputError(f"'{wrong}' is no filter.", "Write it as name=value, such as --where user=ana.")
    return checked({name.strip(): value for name, _, value in pairs})


def _write(report: Report, form: Format, file: Path | None, settings: Settings) -> None:
    beside = second(settings)
    if form is Format.PARQUET:
        assert file is not None
        render.write_parquet(_first(report), file)
        output.note(f"Written to {file}.")
        return
    text = {
        Format.TABLE: lambda: render.markdown(report, beside),
        Format.MD: lambda: render.markdown(report, beside),
        Format.HTML: lambda: html.page(report, beside),
        Format.CSV: lambda: render.comma_separated(_first(report)),
        Format.JSON: lambda: render.as_json(report),
    }[form]()
    if file is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        file.write_text(text, encoding="utf-8")
        output.note(f"Written to {file}.")


def _first(report: Report) -> Table:
    """CSV and Parquet hold one table: the first with a breakdown, else the first."""
    tables = list(report.tables)
    return next(
        (table for table in tables if table.title.startswith("By ")), tables[0] if tables else Table("", (), [])
    )


def _print(report: Report, settings: Settings) -> None:
    if not report.said:
        return
    output.say(report.title, "bold")
    output.note(report.about)
    for table in report.said:
        drawn = RichTable(title=table.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for column in table.columns:
            drawn.add_column(column.title, justify="right" if column.kind in NUMBERS else "left", style=None)
        for row in table.rows:
            drawn.add_row(*(
                render.cut(shown(value, column.kind, second(settings)), 60)
                for value, column in zip(row, table.columns, strict=True)
            ))  # fmt: skip
        output.out.print()
        output.out.print(drawn)
        if table.note:
            output.note(table.note)
