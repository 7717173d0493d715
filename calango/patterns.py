"""Patterns that people write themselves, checked when settings are read.

They are RE2's: no pattern can take more than linear time, so a slow one can't hold up tracing. The price is that RE2
has no look-around and no back-references.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import re2

_NAME = re.compile(r"[a-z][a-z_-]{0,19}")
_re2: Any = re2  # it has no types
PatternError: type[Exception] = _re2.error
_options = _re2.Options()
_options.log_errors = False  # it would write the pattern to stderr


class Match(Protocol):
    def span(self) -> tuple[int, int]: ...


class Pattern(Protocol):
    """What is used of RE2's compiled patterns. Given UTF-8, they count in bytes."""

    def search(self, text: bytes, pos: int = 0) -> Match | None: ...
    def finditer(self, text: bytes) -> Iterator[Match]: ...


def compiled(pattern: str) -> Pattern:
    """Raises PatternError."""
    return _re2.compile(pattern, _options)


def parse(text: str) -> Mapping[str, str]:
    """Name -> pattern, from `name=regex` lines; on a single line `;` separates them.

    ValueError says what is wrong and with which name, never the pattern.
    """
    found: dict[str, str] = {}
    for part in text.splitlines() if "\n" in text.strip() else text.split(";"):
        if not part.strip():
            continue
        name, separator, pattern = (piece.strip() for piece in part.partition("="))
        if not separator or not _NAME.fullmatch(name):
            raise ValueError("name=regex, with a name of up to 20 lower-case letters, - and _")
        try:
            matches_nothing = compiled(pattern).search(b"") is not None
        except PatternError as error:
            kind = bytes(error.args[0]).partition(b":")[0].decode()  # what follows the colon is from the pattern
            raise ValueError(f"name=regex in RE2's syntax, but {name!r} has an error: {kind}") from None
        if matches_nothing:
            raise ValueError(f"name=regex, but {name!r} matches the empty text")
        found[name] = pattern
    return found
