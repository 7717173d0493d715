"""`feedback`: rate an answer by its trace id."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum

import typer

from calango.cli import output
from calango.errors import InputError
from calango.ids import check_trace_id
from calango.settings import Settings


class Thumbs(StrEnum):
    up = "up"
    down = "down"
    none = "none"


def register(app: typer.Typer) -> None:
    app.command()(feedback)


def feedback(
    trace_id: str = typer.Argument(help="The answer's trace id: 32 hex digits."),
    thumbs: Thumbs | None = typer.Option(None, "--thumbs", help="up, down, or none to take the vote back."),
    stars: int | None = typer.Option(None, "--stars", min=0, max=5, help="1 to 5; 0 takes the stars back."),
    comment: str | None = typer.Option(None, "--comment", "-c", help="Why; goes with the thumb, else with the stars."),
    user: str | None = typer.Option(None, "--user", "-u", help="Who votes; CALANGO_USER if left out."),
    json: bool = typer.Option(False, "--json", help="Print what was received as JSON."),
) -> None:
    """Rate an answer. A vote given again replaces the earlier one; it is never lost, even if Langfuse is down.

    Example: `calango feedback 416f61933039b6c9165696a6cb333574 --thumbs up --comment "just right"`
    """
    from calango.rating import Ratings
    from calango.tracing import STARS, THUMBS, Receipt, connect

    check_trace_id(trace_id)
    if thumbs is None and stars is None:
        raise InputError("There is no vote to give.", "Pass --thumbs or --stars; a comment goes with one of them.")
    if comment and thumbs in {None, Thumbs.none} and not stars:
        raise InputError("A comment needs a vote to go with.", "Pass --thumbs up or down, or --stars 1 to 5.")
    settings = Settings.load()
    ratings = Ratings(settings, connect(settings))
    receipts: list[Receipt] = []
    if thumbs is Thumbs.none:
        receipts.append(ratings.withdraw(trace_id, THUMBS, user_id=user))
    elif thumbs is not None:
        receipts.append(ratings.submit(trace_id, thumbs=thumbs is Thumbs.up, comment=comment, user_id=user))
    if stars == 0:
        receipts.append(ratings.withdraw(trace_id, STARS, user_id=user))
    elif stars is not None:
        own = comment if thumbs in {None, Thumbs.none} else None
        receipts.append(ratings.submit(trace_id, stars=stars, comment=own, user_id=user))
    if json:
        output.print_json([asdict(receipt) for receipt in receipts])
    else:
        output.say("Received. Thank you!")
