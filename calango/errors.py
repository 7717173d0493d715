"""The tree of exceptions.

CalangoError                 everything that Calango raises on purpose
├── ConfigError              a setting or option is wrong; names it, never its value
├── InputError               what a caller passed (text, id, tag, vote) is refused; nothing was done
├── GraphError               the graph can't be loaded, or is no graph
├── BudgetExceeded           a budget that stops is used up; the turn was not begun; carries `share`
├── ModelError               the model can't be reached or used; `hint` says how to get it
├── HomeError                CALANGO_HOME can't be used (permission, disk, lock)
├── LocalServerError         the local server can't be found or started
│   └── StoreError           its database file is locked, damaged, or of a newer version
└── BackendError             Langfuse (local or remote) refused or failed
    ├── BackendUnreachable   no answer: down, refused, timed out
    ├── BackendRefused       it answered 4xx; carries `status`
    └── NotFound             it answered, and there is no such thing

Each carries `message` (what happened) and `hint` (what to do; may be empty). `str()` joins both. Those that people meet
on a page carry a `code` and `facts`, too, of which the page makes a sentence in their language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from calango.records import BudgetShare


class CalangoError(Exception):
    """Base of the tree. `exit_code` is what the command line ends with."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint
        self.code = ""
        self.facts: Mapping[str, str] = {}

    def because(self, code: str, /, **facts: object) -> Self:
        """The same error with a code that does not change with its words."""
        self.code, self.facts = code, {name: str(fact) for name, fact in facts.items()}
        return self

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ConfigError(CalangoError):
    exit_code = 2


class InputError(CalangoError):
    exit_code = 2


class GraphError(CalangoError):
    exit_code = 2


class BudgetExceeded(CalangoError):
    exit_code = 6

    def __init__(self, message: str, hint: str = "", *, share: BudgetShare) -> None:
        super().__init__(message, hint)
        self.share = share


class ModelError(CalangoError):
    exit_code = 3


class HomeError(CalangoError):
    exit_code = 4


class LocalServerError(CalangoError):
    exit_code = 4


class StoreError(LocalServerError):
    pass


class BackendError(CalangoError):
    exit_code = 5


class BackendUnreachable(BackendError):
    pass


class BackendRefused(BackendError):
    def __init__(self, message: str, hint: str = "", *, status: int) -> None:
        super().__init__(message, hint)
        self.status = status


class NotFound(BackendError):
    pass
