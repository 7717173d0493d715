"""What the server tells others: how its start went, and where it answers. `calango.local` reads it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from calango import local
from calango.errors import CalangoError, HomeError


def announce(home: Path, *, base_url: str, instance_id: str, version: str) -> None:
    """Say where this server answers."""
    state = {
        "base_url": base_url,
        "pid": os.getpid(),
        "instance": instance_id,
        "version": version,
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    try:
        local.private_file(home, state).replace(home / local.SERVER)
    except OSError as error:
        raise HomeError(
            f"Can't write {local.SERVER} ({error.strerror}).", "Check the free space in CALANGO_HOME."
        ) from error


def withdraw(home: Path) -> None:
    """This server ends. The word of another process is left alone."""
    state = local.read_json(home / local.SERVER)
    if state is not None and state.get("pid") == os.getpid():
        (home / local.SERVER).unlink(missing_ok=True)


class StartReport:
    """How a background start went, told to the parent through a file that exists for that long."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @classmethod
    def from_environment(cls) -> StartReport:
        value = os.environ.pop(local.REPORT_VARIABLE, "")
        return cls(Path(value) if value else None)

    def ready(self) -> None:
        self._write({"ready": True})

    def failed(self, error: CalangoError) -> None:
        known = next(kind for kind in type(error).__mro__ if kind.__module__ == CalangoError.__module__)
        self._write({"error": known.__name__, "message": error.message, "hint": error.hint})

    def _write(self, data: dict[str, Any]) -> None:
        if self.path is not None and self.path.exists():
            temporary = self.path.with_suffix(".tmp")
            temporary.write_text(json.dumps(data), encoding="utf-8")
            temporary.replace(self.path)
