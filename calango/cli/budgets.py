"""`budgets`: what is spent of each."""

from __future__ import annotations

from datetime import datetime

import typer
from rich.table import Table

from calango.budgets.setup import NAME, budgets_of
from calango.budgets.shares import PER, usd
from calango.cli import output
from calango.cli.reports import questions
from calango.questions import Range
from calango.records import BudgetShare
from calango.settings import Settings

_STYLES = {"ok": "", "near": "yellow", "exceeded": "bold red"}


def register(app: typer.Typer) -> None:
    app.command()(budgets)


def budgets(
    check: bool = typer.Option(False, "--check", help="Exit code 1 when a budget is used up: for cron and CI."),
    limit: int = typer.Option(50, "--limit", "-n", min=1, max=1000, help="Users, sessions or tags of each budget."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Show what is spent of each budget of budgets.toml, nearest its limit first.

    Turns that run right now, or of which this machine's traces do not know yet, are not in it.

    Example: `calango budgets --check`
    """
    settings = Settings.load()
    rules = budgets_of(settings)
    shares: list[BudgetShare] = []
    if rules:
        with questions(settings) as ask:
            shares = ask.budgets(Range(zone=settings.time_zone), budgets=rules, limit=limit)
    if json:
        output.print_json([share.as_dict() for share in shares])
    else:
        _show(shares)
        if not rules:
            output.note(f"There are no budgets: write them into {NAME} in CALANGO_HOME (docs/costs.md).")
    raise typer.Exit(1 if check and any(share.state == "exceeded" for share in shares) else 0)


def _show(shares: list[BudgetShare]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("budget", "of", "spent", "limit", "share", "state", "starts anew", "turns without a price"):
        table.add_column(name, justify="right" if name in {"spent", "limit", "share"} else "left")
    for share in shares:
        table.add_row(
            share.budget,
            f"{share.each} {share.key}" if share.each else "all",
            usd(share.spent_usd),
            f"{usd(share.limit_usd)} {PER.get(share.per, 'in all')}",
            f"{100 * share.share:.1f} %",
            share.state,
            "never" if share.resets_at is None else f"{datetime.fromisoformat(share.resets_at):%Y-%m-%d %H:%M}",
            str(share.unpriced_turns or ""),
            style=_STYLES[share.state],
        )
    if shares:
        output.out.print(table)
