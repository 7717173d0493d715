"""Copies what is new in a remote project, page by page. What was read is noted after it was stored.

Langfuse answers the newest first. A run reads the window from a little before the last one's end until now; its cursor
is noted with every page, so that an interrupted run goes on where it stopped, and nothing is doubled because rows
replace themselves. Observations are read again for `OVERLAP`, votes for `VOTES_OVERLAP`: both change after they began.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import orjson

from calango.local import private_file, read_json
from calango.mirror import rows
from calango.mirror.patience import Patient, Wait

OVERLAP = timedelta(hours=2)
VOTES_OVERLAP = timedelta(days=7)
BATCH = 5000  # rows that are stored at once
_FIELDS = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"
Store = Callable[[str, bytes], None]
"""Takes the rows of a table as JSON lines; returns when they are on disk."""
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is copied: its table, where it is read, how it is written."""

    table: str
    path: str
    query: Mapping[str, str]
    start: str
    end: str
    row: Callable[[Mapping[str, Any]], dict[str, Any]]
    overlap: timedelta


KINDS = (
    Kind("observations", "/api/public/v2/observations", {"limit": "1000", "fields": _FIELDS}, "fromStartTime",
         "toStartTime", rows.observation, OVERLAP),
    Kind("scores", "/api/public/v3/scores", {"limit": "100", "fields": "details,subject"}, "fromTimestamp",
         "toTimestamp", rows.score, VOTES_OVERLAP),
)  # fmt: skip


class Mirror:
    """One remote project and where its copy goes. `progress` hears the table and how many rows have come."""

    def __init__(
        self, remote: httpx.Client, store: Store, state: Path, *,
        progress: Progress = lambda _table, _rows: None, wait: Wait = time.sleep,
    ) -> None:  # fmt: skip
        self._remote = Patient(remote, "Run `calango sync` again: it goes on.", wait)
        self._store = store
        self._path = state
        self._progress = progress
        self._state: dict[str, Any] = read_json(state) or {}

    def run(self, now: datetime) -> dict[str, int]:
        """Copy what came until `now`; rows per table. Raises BackendUnreachable or BackendRefused."""
        return {kind.table: self._copy(kind, now) for kind in KINDS}

    def _copy(self, kind: Kind, now: datetime) -> int:
        state = self._state.setdefault(kind.table, {})
        if "window" not in state:
            done = state.get("until")
            start = None if done is None else _iso(datetime.fromisoformat(done) - kind.overlap)
            state |= {"window": {"start": start, "end": _iso(now)}, "cursor": None}
        count, lines = 0, list[bytes]()
        for page, cursor in self._pages(kind, state):
            lines += [orjson.dumps(kind.row(one)) for one in page]
            if lines and (cursor is None or len(lines) >= BATCH):
                self._store(kind.table, b"\n".join(lines) + b"\n")
                count += len(lines)
                lines.clear()
                self._progress(kind.table, count)
                state["cursor"] = cursor
                self._note()
        state["until"] = state.pop("window")["end"]
        state.pop("cursor", None)
        self._note()
        return count

    def _pages(self, kind: Kind, state: Mapping[str, Any]) -> Generator[tuple[Sequence[Mapping[str, Any]], str | None]]:
        """Each page with the cursor behind it, None at the last. The next one is read while one is stored."""
        with ThreadPoolExecutor(1) as ahead:
            following: Future[dict[str, Any]] | None = ahead.submit(self._page, kind, dict(state))
            while following is not None:
                page = following.result()
                cursor: str | None = page.get("meta", {}).get("cursor") if page["data"] else None
                following = ahead.submit(self._page, kind, {**state, "cursor": cursor}) if cursor else None
                yield page["data"], cursor

    def _note(self) -> None:
        private_file(self._path.parent, self._state).replace(self._path)

    def _page(self, kind: Kind, state: Mapping[str, Any]) -> dict[str, Any]:
        window = state["window"]
        query = {**kind.query, kind.end: window["end"]}
        query |= {kind.start: window["start"]} if window["start"] else {}
        query |= {"cursor": state["cursor"]} if state["cursor"] else {}
        answer = self._remote.ask("GET", kind.path, params=query)
        return orjson.loads(answer.content) if answer is not None else {}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def state_name(base_url: str, public_key: str) -> str:
    """The file of a remote project's state, told apart by address and public key."""
    return f"mirror-{sha256(json.dumps([base_url, public_key]).encode()).hexdigest()[:16]}.json"
