"""Finds the local server, or starts it in the background. Light: it loads no database and no web framework.

In CALANGO_HOME: `keys.json` (random keys, made once), `server.json` (where the running server answers; removed
when it ends), `server.lock` (who is starting it), `server.log`, `calango.duckdb`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

from filelock import FileLock, Timeout

from calango import errors
from calango.errors import CalangoError, HomeError, LocalServerError
from calango.settings import Settings

KEYS = "keys.json"
SERVER = "server.json"
LOCK = "server.lock"
LOG = "server.log"
DATABASE = "calango.duckdb"
PROJECT_ID = "7a88fb47-b4e2-43b8-a06c-a5ce950dc53a"
"""What Langfuse's own development seed gives its project: no secret, and links made on one such server fit another."""
REPORT_VARIABLE = "CALANGO_START_REPORT"  # between parent and child only, not a setting
_ANSWER_S = 5.0  # a busy server answers late, a dead one refuses at once


@dataclass(frozen=True, slots=True)
class Keys:
    public_key: str
    secret_key: str = field(repr=False)
    project_id: str


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A running server and the keys that open it."""

    base_url: str
    public_key: str
    secret_key: str = field(repr=False)
    project_id: str
    pid: int
    version: str


def prepare_home(home: Path) -> Path:
    """The folder, for its owner only; HomeError when it can't be made or written."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        if home.stat().st_mode & 0o077:
            home.chmod(0o700)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise HomeError(
            f"CALANGO_HOME can't be used ({error.strerror}).", "Check its owner, its permissions and the free space."
        ) from error
    return home


def keys(home: Path) -> Keys:
    """The keys of this home; made at the first call, and the same for all who call at once."""
    path = prepare_home(home) / KEYS
    found = read_json(path)
    if found is None and not path.exists():
        create_once(path, new_pair() | {"project_id": PROJECT_ID})
        found = read_json(path)
    try:
        return Keys(**{name: str((found or {})[name]) for name in ("public_key", "secret_key", "project_id")})
    except KeyError:
        raise HomeError(
            f"{KEYS} in CALANGO_HOME is damaged.", "Move it away to get new keys; traces stay readable in the file."
        ) from None


def new_pair() -> dict[str, str]:
    """A `public_key` and a `secret_key` as Langfuse shapes them; the secret has 192 random bits."""
    return {"public_key": f"pk-lf-{uuid4()}", "secret_key": f"sk-lf-{secrets.token_hex(24)}"}


def find(home: Path) -> LocalServer | None:
    """The server of this home when it runs and answers; None otherwise."""
    state = read_json(home / SERVER)
    if state is None or not _answers(state):
        return None
    own = keys(home)
    return LocalServer(
        base_url=str(state["base_url"]),
        public_key=own.public_key,
        secret_key=own.secret_key,
        project_id=own.project_id,
        pid=int(state["pid"]),
        version=str(state["version"]),
    )


def ensure(settings: Settings, *, wait_s: float = 20) -> LocalServer:
    """The server of `settings.home`, started in the background when none runs.

    Of many processes that call at once, one starts it and all get the same. Raises what the start
    failed with: HomeError, StoreError, ConfigError or LocalServerError.
    """
    if (server := find(settings.home)) is not None:
        return server
    home = prepare_home(settings.home)
    deadline = time.monotonic() + wait_s
    try:
        with FileLock(home / LOCK, timeout=wait_s):
            if (server := find(home)) is not None:
                return server
            _start(settings, deadline)
            if (server := find(home)) is not None:
                return server
    except Timeout:
        raise LocalServerError(
            "Another process is starting the local server and did not finish.", f"See {LOG} in CALANGO_HOME."
        ) from None
    raise LocalServerError("The local server started but does not answer.", f"See {LOG} in CALANGO_HOME.")


def stop(home: Path, *, wait_s: float = 10) -> bool:
    """End the server of this home in order; True when one was running.

    Only a process that proves to be this home's server is asked to end. LocalServerError when it goes on.
    """
    server = find(home)
    if server is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if not (home / SERVER).exists() and not is_alive(server.pid):
            return True
        time.sleep(0.02)
    raise LocalServerError("The local server has not ended yet.", f"See {LOG} in CALANGO_HOME.")


def is_alive(pid: int) -> bool:
    """Whether `pid` runs. A child of ours that has ended is collected, or it would count as running."""
    with contextlib.suppress(ChildProcessError, AttributeError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start(settings: Settings, deadline: float) -> None:
    """Start the child and wait for its report. Raises what it failed with."""
    with tempfile.TemporaryDirectory(prefix="calango-") as folder:
        report = Path(folder) / "start.json"  # the child writes how its start went, once, and never in part
        report.touch()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "calango.server"],
            env=_child_environment(settings) | {REPORT_VARIABLE: str(report)},
            cwd=settings.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while True:
            exited = process.poll() is not None  # asked first, so that the last word of an ended child is heard
            answer = read_json(report)
            if answer is not None and answer.get("ready"):
                process.returncode = 0  # it lives on by itself: no warning about a child that still runs
                return
            if answer is not None:
                raise _reported(answer)
            if exited:
                raise LocalServerError(
                    f"The local server ended while starting (exit status {process.returncode}).",
                    f"See {LOG} in CALANGO_HOME.",
                )
            if time.monotonic() > deadline:
                process.terminate()
                raise LocalServerError("The local server did not start in time.", f"See {LOG} in CALANGO_HOME.")
            time.sleep(0.01)


def _child_environment(settings: Settings) -> dict[str, str]:
    """Settings may come from code or options, so the few that the server needs are passed on by name.

    Keys of a remote Langfuse are none of its business.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LANGFUSE_")}
    return inherited | {
        "CALANGO_HOME": str(settings.home.absolute()),
        "CALANGO_HOST": settings.host,
        "CALANGO_PORT": str(settings.port),
        "CALANGO_SERVER_IDLE": str(settings.server_idle_s),
        "CALANGO_RETENTION_DAYS": str(settings.retention_days),
        "CALANGO_RETENTION_MB": str(settings.retention_mb),
        "CALANGO_ALERTS": str(settings.alerts.expanduser().absolute()) if settings.alerts is not None else "",
        "CALANGO_ALERTS_EVERY": str(settings.alerts_every_s),
        "CALANGO_ALERTS_PRIVATE": str(settings.alerts_private),
        "CALANGO_LOCALE": settings.locale,
        "CALANGO_TIME_ZONE": settings.time_zone,
        "CALANGO_UI_PORT": str(settings.ui_port),
        "CALANGO_UI_URL": settings.ui_url or "",
        "CALANGO_BUDGETS": str(settings.budgets.expanduser().absolute()) if settings.budgets is not None else "",
        "CALANGO_PRICES": str(settings.prices.expanduser().absolute()) if settings.prices is not None else "",
    }


def _reported(answer: dict[str, Any]) -> CalangoError:
    kind = getattr(errors, str(answer.get("error")), LocalServerError)
    message, hint = str(answer.get("message", "")), str(answer.get("hint", ""))
    if isinstance(kind, type) and issubclass(kind, CalangoError) and kind is not errors.BackendRefused:
        return kind(message, hint)
    return LocalServerError(message, hint)


def _answers(state: dict[str, Any]) -> bool:
    """Whether the server that wrote `state` is alive, and it is the one that answers at its address."""
    try:
        pid, url = int(state["pid"]), urlsplit(str(state["base_url"]))
        port = url.port
    except (KeyError, TypeError, ValueError):
        return False
    if url.hostname is None or not is_alive(pid):
        return False
    connection = http.client.HTTPConnection(url.hostname, port, timeout=_ANSWER_S)
    try:
        connection.request("GET", "/api/public/health")
        answer = json.loads(connection.getresponse().read(65536))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(answer, dict) and cast("dict[str, Any]", answer).get("instance") == state.get("instance")


def read_json(path: Path) -> dict[str, Any] | None:
    """None when the file is missing, empty or no JSON object."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise HomeError(f"No permission to read {path.name} in CALANGO_HOME.", "Check its owner.") from error
    except (OSError, ValueError):
        return None
    return cast("dict[str, Any]", data) if isinstance(data, dict) else None


def private_file(home: Path, data: dict[str, Any]) -> Path:
    """A complete new file that only its owner can read."""
    handle, name = tempfile.mkstemp(dir=home, suffix=".tmp")  # mkstemp makes it 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=2)
    return Path(name)


def create_once(path: Path, data: dict[str, Any]) -> None:
    """Create `path` whole, or leave the one that somebody else has just created."""
    temporary = private_file(path.parent, data)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links: the last of several that start at once wins
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
