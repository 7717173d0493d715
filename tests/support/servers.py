"""A real local server for a test: a process of its own, on a free port, in a home of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from calango import __version__, local
from calango.local import LocalServer
from calango.settings import Settings

T = TypeVar("T")


def settings_for(home: Path, **values: Any) -> Settings:
    """Settings of a home, without the environment's. Port 0: any free one. It ends itself if a test forgets it."""
    return Settings(home=home, **{"port": 0, "server_idle_s": 300, **values})


@contextmanager
def running_server(home: Path, **values: Any) -> Generator[LocalServer]:
    """Start the server of `home` and end it afterwards."""
    server = local.ensure(settings_for(home, **values))
    try:
        yield server
    finally:
        local.stop(home)


_SERVE = """
import json, sys
from pathlib import Path
from calango.web.connections import Limits
from calango.server.main import serve
from calango.settings import Settings
home, host, limits = sys.argv[1:]
serve(Settings(home=Path(home)), host=host, port=0, limits=Limits(**json.loads(limits)),
      on_ready=lambda url: print(url, flush=True))
"""


@contextmanager
def serving(home: Path, *, host: str = "127.0.0.1", **limits: float) -> Generator[LocalServer]:
    """A server in the foreground of a process of its own, with other bounds for connections than the usual ones."""
    arguments = [sys.executable, "-c", _SERVE, str(home), host, json.dumps(limits)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url, keys = process.stdout.readline().strip(), local.keys(home)
            yield LocalServer(url, keys.public_key, keys.secret_key, keys.project_id, process.pid, __version__)
        finally:
            process.terminate()


def client_of(server: LocalServer, **options: Any) -> httpx.Client:
    """Plain HTTP with the server's keys."""
    return httpx.Client(base_url=server.base_url, auth=(server.public_key, server.secret_key), timeout=30, **options)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def eventually(look: Callable[[], T], *, within_s: float = 10) -> T:
    """What `look` returns as soon as it is true; the last answer when it never was."""
    deadline = time.monotonic() + within_s
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found
