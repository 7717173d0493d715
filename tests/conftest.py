"""Fixtures that several folders share: a clean home, and a running local server."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from calango.local import LocalServer
from tests.support.servers import running_server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty CALANGO_HOME, an environment without settings, and a working folder without `.env`."""
    for name in os.environ:
        if name.startswith(("LANGFUSE_", "OLLAMA_", "CALANGO_", "OTEL_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("CALANGO_HOME", str(folder))
    monkeypatch.setenv("CALANGO_PORT", "0")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def server(home: Path) -> Generator[LocalServer]:
    """The local server of `home`."""
    with running_server(home) as running:
        yield running
