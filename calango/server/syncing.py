"""Copies a remote project from time to time while `calango serve` runs with its keys.

`calango sync` does it in a process of its own: taking pages apart would keep the server from answering, and a process
can be ended at any moment, because a copy goes on where it stopped.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from calango import local
from calango.mirror.copy import name_of
from calango.server.auth import secret_hash
from calango.settings import Settings
from calango.store import Store, projects

log = logging.getLogger(__name__)
_ENDS_S = 10.0


@dataclass(frozen=True, slots=True)
class Synced:
    """How the last copy ended: rows per table, or what went wrong."""

    ended_ns: int
    rows: dict[str, int]
    error: str | None = None


class Syncing:
    """`last` is None until the first copy has ended."""

    def __init__(self, settings: Settings) -> None:
        self.last: Synced | None = None
        self._environment = _environment(settings)
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(self) -> None:
        """Copy what is new; returns when it is done or `stop` was called."""
        with self._lock:
            if self._stopped:
                return
            command = [sys.executable, "-m", "calango", "sync", "--json"]
            child = self._child = subprocess.Popen(
                command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        out, err = child.communicate()
        if self._stopped:
            return
        self.last = _ended(child.returncode, out, err)
        if self.last.error is not None:
            log.warning("the remote project was not copied: %s", self.last.error)

    def stop(self) -> None:
        """End a copy that runs."""
        with self._lock:
            self._stopped = True
            child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
            try:
                child.wait(_ENDS_S)
            except subprocess.TimeoutExpired:
                child.kill()


def project_of(settings: Settings, store: Store) -> str:
    """The project that holds the copy; made if need be, with a key that nobody knows."""
    name = name_of(settings)
    with store.read() as db:
        known = next((project.id for project in projects.all_projects(db) if project.name == name), None)
    if known is not None:
        return known
    made, pair = str(uuid4()), local.new_pair()
    key = {"public_key": pair["public_key"], "secret_sha256": secret_hash(pair["secret_key"])}
    store.write(lambda db: projects.put_project(db, project_id=made, name=name, **key)).result()
    return made


def _ended(code: int, out: str, err: str) -> Synced:
    if code != 0:
        said = " ".join(err.split()).removeprefix("error: ")
        return Synced(time.time_ns(), {}, said[:500] or f"it ended with {code}")
    found: dict[str, Any] = json.loads(out)
    return Synced(time.time_ns(), {name: rows for name, rows in found.items() if isinstance(rows, int)})


def _environment(settings: Settings) -> dict[str, str]:
    """Settings may come from options, so those that a copy needs are passed on by name."""
    assert settings.public_key is not None
    assert settings.secret_key is not None
    return os.environ | {
        "CALANGO_HOME": str(settings.home.absolute()),
        "LANGFUSE_PUBLIC_KEY": settings.public_key,
        "LANGFUSE_SECRET_KEY": settings.secret_key.get_secret_value(),
        "LANGFUSE_BASE_URL": settings.base_url,
    }
