"""What commands print: rich in a terminal, plain when piped, JSON for machines. stdout is for results only."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import orjson
from rich.console import Console
from rich.markup import escape
from rich.text import Text

_PIPE_WIDTH = 200  # trees are cut at the console's width, and a pipe has none
_WIDTH = None if sys.stdout.isatty() else _PIPE_WIDTH
out = Console(highlight=False, soft_wrap=True, width=_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)
_LEVELS = {"ERROR": "bold red", "WARNING": "yellow", "DEBUG": "dim"}


def is_terminal() -> bool:
    return out.is_terminal


def say(text: str, style: str | None = None) -> None:
    """A line of result."""
    out.print(Text(text, style or ""))


def note(text: str) -> None:
    """A line beside the result; goes to stderr."""
    err.print(Text(text, "dim"))


def complain(message: str, hint: str = "") -> None:
    err.print(f"[bold red]error:[/] {escape(message)}")
    if hint:
        err.print(Text(hint, "yellow"))


def warn(text: str) -> None:
    """A line beside the result that should be seen; goes to stderr."""
    err.print(Text(text, "yellow"))


def print_json(value: Any) -> None:
    sys.stdout.write(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode() + "\n")
    sys.stdout.flush()


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    return str(value)


def level_style(level: str) -> str:
    return _LEVELS.get(level, "")


def duration(ms: float | None) -> str:
    if ms is None:
        return "–"
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.2f} s"


def leave() -> None:
    """Close tracing: everything is on disk when this returns. Says so when something could not be delivered."""
    client = sys.modules.get("calango.tracing.client")  # not loaded means nothing to close
    if client is not None and not client.close_all():
        err.print(
            Text(
                "Not everything could be delivered yet: it is kept on disk and goes out later. See `calango outbox`.",
                "yellow",
            )
        )
