"""`mask`: see what the privacy filter makes of a text, before anything is sent."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from calango.cli import output
from calango.errors import InputError
from calango.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(mask)


def mask(
    file: str = typer.Argument(help="A text file in UTF-8; - reads standard input."),
    kinds: str | None = typer.Option(None, "--kinds", help="Such as email,cpf; CALANGO_MASK_KINDS if left out."),
    json: bool = typer.Option(False, "--json", help="Print the text and what was found as JSON."),
) -> None:
    """Print a text as it would be traced, with personal data and keys masked; nothing is sent.

    Example: `calango mask notes.txt --kinds email,phone`
    """
    from calango.tracing.masking import Masker

    settings = Settings.load() if kinds is None else Settings.load(mask_kinds=kinds)
    text, found = Masker.of(settings).preview(_read(file))
    if json:
        output.print_json({"text": text, "found": dict(found)})
        return
    sys.stdout.write(f"{text}\n" if output.is_terminal() and not text.endswith("\n") else text)
    sys.stdout.flush()
    counts = ", ".join(f"{number} {kind}" for kind, number in found.most_common())
    output.note(f"masked: {counts}" if counts else "nothing to mask")


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8", errors="replace")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise InputError(f"{file} can't be read: {said}.") from None
