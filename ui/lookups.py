"""Answers to questions that take long (the network), asked in the background: a page shows what is known meanwhile."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from calango.errors import CalangoError

T = TypeVar("T")
_KEPT = 2_000
_RUNNING = threading.BoundedSemaphore(4)


@dataclass(slots=True)
class _Entry:
    value: Any
    asked_s: float
    is_open: bool = True


class Lookups:
    """Thread-safe. Keys must name all that an answer depends on, the user too, because all sessions share this."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def get(self, key: Hashable, ask: Callable[[], T], default: T, *, fresh_s: float = float("inf")) -> T:
        """The latest answer; `default` until there is one. Asks (again) when it is older than `fresh_s`."""
        with self._lock:
            entry = self._entries.get(key)
            now = time.monotonic()
            if entry is None:
                entry = self._keep(key, _Entry(default, now))
            elif entry.is_open or now - entry.asked_s < fresh_s:
                return entry.value
            entry.is_open, entry.asked_s = True, now
            known = entry.value
        threading.Thread(target=self._ask, args=(entry, ask), name="calango-lookup", daemon=True).start()
        return known

    def put(self, key: Hashable, value: object) -> None:
        """Remember what is known without asking."""
        with self._lock:
            self._keep(key, _Entry(value, time.monotonic(), is_open=False))

    def peek(self, key: Hashable) -> Any:
        """What is known now; None when nothing is."""
        with self._lock:
            entry = self._entries.get(key)
            return None if entry is None else entry.value

    def is_pending(self, key: Hashable) -> bool:
        with self._lock:
            entry = self._entries.get(key)
            return entry is not None and entry.is_open

    def forget(self, key: Hashable) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def _keep(self, key: Hashable, entry: _Entry) -> _Entry:
        self._entries[key] = entry
        while len(self._entries) > _KEPT:
            self._entries.popitem(last=False)
        return entry

    @staticmethod
    def _ask(entry: _Entry, ask: Callable[[], Any]) -> None:
        try:
            with _RUNNING:
                entry.value = ask()
        except CalangoError:
            pass  # what was known stays; it is asked again when it is no longer fresh
        finally:
            entry.is_open = False
