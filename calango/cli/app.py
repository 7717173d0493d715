"""All commands, and what is common to them: settings, errors, exit codes."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Sequence

import typer

from calango import __version__
from calango.cli import (
    alerts,
    api,
    budgets,
    data,
    demo,
    exports,
    feedback,
    mask,
    mirror,
    outbox,
    output,
    project,
    reports,
    seed,
    serving,
    state,
    traces,
    turns,
)
from calango.errors import CalangoError

INTERRUPTED = 130  # as shells say it: 128 + SIGINT

app = typer.Typer(
    name="calango",
    help="Run a LangGraph agent and see every turn: traces, feedback and costs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version and end.", is_eager=True),
) -> None:
    if version:
        typer.echo(f"calango {__version__}")
        raise typer.Exit


for family in (
    turns,
    serving,
    api,
    state,
    traces,
    feedback,
    outbox,
    mask,
    data,
    exports,
    project,
    seed,
    reports,
    mirror,
    alerts,
    budgets,
    demo,
):
    family.register(app)


def _end(number: int, _: object) -> None:
    """Asked to end: in order, so that everything is on disk. 128 + the signal's number, as shells say it."""
    sys.exit(128 + number)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and give its exit code."""
    with contextlib.suppress(ValueError):  # not the main thread: then signals are somebody else's
        signal.signal(signal.SIGTERM, _end)
    try:
        app(list(arguments))
    except SystemExit as end:  # how typer ends, with the code that a command chose
        return end.code if isinstance(end.code, int) else 1
    except CalangoError as error:
        output.complain(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        output.leave()
    return 0
