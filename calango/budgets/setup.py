"""The budgets of this home: their file, and the guard of an engine."""

from __future__ import annotations

import os
from collections.abc import Callable

from calango.budgets.guard import Guard
from calango.budgets.ledger import LocalLedger, ledger_of
from calango.budgets.rules import Budget, parse
from calango.budgets.told import Told
from calango.errors import ConfigError
from calango.settings import Settings

NAME = "budgets.toml"


def budgets_of(settings: Settings) -> tuple[Budget, ...]:
    """Reads the file that CALANGO_BUDGETS names, else `budgets.toml` in CALANGO_HOME if there is one.

    Raises ConfigError naming file, budget and key; a file that was named must be there.
    """
    path = settings.home / NAME if settings.budgets is None else settings.budgets.expanduser()
    if settings.budgets is None and not os.access(path, os.F_OK):
        return ()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise ConfigError(f"The budgets in {path} can't be read ({said}).", "Check CALANGO_BUDGETS.") from None
    return parse(text, str(path))


def guard_of(settings: Settings, sent_user: Callable[[str], str | None] | None) -> Guard | None:
    """None where there are no budgets. `sent_user` gives a user id as it is traced; None when turns are not traced.

    Raises ConfigError.
    """
    budgets = budgets_of(settings)
    if not budgets:
        return None
    ledger = ledger_of(settings, is_traced=sent_user is not None)
    is_known = isinstance(ledger, LocalLedger)
    return Guard(
        budgets,
        settings.zone,
        Told(settings.home),
        ledger if is_known else None,
        None if is_known else ledger,
        sent_user or str,
    )
