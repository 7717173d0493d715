"""Which warnings were given, so that each is given once: by this process and by those after it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

from calango.errors import HomeError
from calango.local import private_file, read_json

FILE = "budgets-told.json"
_KEPT_S = 400 * 86_400


class Told:
    """Kept in a file of CALANGO_HOME; in memory alone where that can't be written."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._known: dict[str, float] = {}

    def is_first(self, warning: str) -> bool:
        """Whether `warning` was never given; from now on it was."""
        if warning in self._known:
            return False
        now = time.time()
        with contextlib.suppress(HomeError):
            self._known |= _times(read_json(self._path) or {})
        is_first = warning not in self._known
        self._known = {one: at for one, at in self._known.items() if now - at < _KEPT_S} | {warning: now}
        if is_first:
            with contextlib.suppress(OSError):
                private_file(self._path.parent, dict(self._known)).replace(self._path)
        return is_first


def _times(found: Mapping[str, object]) -> dict[str, float]:
    return {one: float(at) for one, at in found.items() if isinstance(at, int | float)}
