"""The servers that are measured, each in a process and a folder of its own."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import psutil

PEERS = Path(__file__).parents[1] / ".venv-peers" / "bin"
PATIENCE_S = 180


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Target(ABC):
    """Start with `start`, end with `stop`. `stored` counts the spans in its database file."""

    name: str
    path = "/v1/traces"
    health = "/"
    headers: Mapping[str, str] = {}

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return self.base_url + self.path

    @abstractmethod
    def command(self) -> list[str]: ...

    def environment(self) -> dict[str, str]:
        return {}

    @abstractmethod
    def stored(self) -> int: ...

    def start(self) -> float:
        """Seconds until the first answer."""
        self.home.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), env=os.environ | self.environment(), cwd=self.home, stdout=log, stderr=log
            )
        while True:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(self.base_url + self.health, timeout=5).close()
                return time.perf_counter() - started
            if self.process.poll() is not None or time.perf_counter() - started > PATIENCE_S:
                raise RuntimeError(f"{self.name} did not start: {(self.home / 'log').read_text()[-2000:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        if self.process is None:
            return
        family = [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]
        for member in reversed(family):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.terminate()
        psutil.wait_procs(family, timeout=20)
        self.process = None

    def rss_mb(self) -> float:
        assert self.process is not None
        mine = psutil.Process(self.process.pid)
        return sum(member.memory_info().rss for member in [mine, *mine.children(recursive=True)]) / 2**20

    def wait_for(self, spans: int) -> None:
        """Until that many are in its database."""
        deadline = time.perf_counter() + 600
        while self.stored() < spans:
            if time.perf_counter() > deadline:
                raise RuntimeError(f"{self.name} stored {self.stored()} of {spans} spans")
            time.sleep(0.05)

    def bytes_on_disk(self) -> int:
        return sum(file.stat().st_size for file in self.home.rglob("*") if file.is_file() and file.name != "log")

    def _count(self, file: str, sql: str) -> int:
        path = self.home / file
        if not path.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
            try:
                return int(db.execute(sql).fetchone()[0])
            except sqlite3.OperationalError:
                return 0


class Calango(Target):
    name = "Calango"
    path = "/api/public/otel/v1/traces"
    health = "/api/public/health"

    def command(self) -> list[str]:
        return [str(Path(sys.executable).with_name("calango")), "serve", "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        return {"CALANGO_HOME": str(self.home)}

    def start(self) -> float:
        took = super().start()
        keys = json.loads((self.home / "keys.json").read_text())
        token = base64.b64encode(f"{keys['public_key']}:{keys['secret_key']}".encode()).decode()
        self.headers = {"Authorization": f"Basic {token}", "x-langfuse-ingestion-version": "4"}
        return took

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(self.base_url + path, headers=dict(self.headers))
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def stored(self) -> int:
        return json.loads(self.get("/api/calango/status"))["counts"]["observations"]

    def peak_rss_mb(self) -> float:
        """The most that the process ever had, as the kernel counts it."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def rss_after_rest_mb(self) -> float:
        time.sleep(30)
        return self.rss_mb()


class Phoenix(Target):
    name = "Phoenix"
    health = "/healthz"

    def command(self) -> list[str]:
        return [str(PEERS / "phoenix"), "serve"]

    def environment(self) -> dict[str, str]:
        return {
            "PHOENIX_WORKING_DIR": str(self.home),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(self.port),
            "PHOENIX_GRPC_PORT": str(free_port()),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }

    def stored(self) -> int:
        return self._count("phoenix.db", "SELECT count(*) FROM spans")


class MLflow(Target):
    name = "MLflow"
    health = "/health"
    headers: Mapping[str, str] = {"x-mlflow-experiment-id": "0"}

    def command(self) -> list[str]:
        store = f"sqlite:///{self.home}/mlflow.db"
        return [
            str(PEERS / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(self.port),
            "--backend-store-uri", store, "--default-artifact-root", str(self.home / "artifacts"),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

    def stored(self) -> int:
        return self._count("mlflow.db", "SELECT count(*) FROM spans")
