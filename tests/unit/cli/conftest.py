"""The command line in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from calango import local
from calango.cli.app import run
from tests.support.commands import Calango, Ended


@pytest.fixture
def calango(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Generator[Calango]:
    """Runs a command line in this process; `given` is what is typed. The local server is ended afterwards."""

    def call(*arguments: str, given: str = "") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        code = run(arguments)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    yield call
    local.stop(home)
