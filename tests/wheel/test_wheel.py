"""The wheel, installed into a clean environment outside the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
pytestmark = [pytest.mark.wheel, pytest.mark.xdist_group("wheel")]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CALANGO_", "LANGFUSE_", "OLLAMA_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A folder with `venv/` that holds nothing but the wheel and what it asks for, in the locked versions."""
    folder = tmp_path_factory.mktemp("elsewhere")
    locked = folder / "locked.txt"
    run(BIN / "uv", "export", "-q", "--frozen", "--no-emit-project", "--no-hashes", "-o", locked, cwd=ROOT)
    run(BIN / "uv", "venv", "-q", "--python", sys.executable, "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(BIN / "uv", "pip", "install", "-q", "--python", python, "--constraints", locked, wheel, cwd=folder)
    yield folder
    run(folder / "venv" / "bin" / "calango", "stop", cwd=folder, CALANGO_HOME=str(folder / "home"))


def test_it_installs_one_top_level_name(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {name for name in names if not name.endswith(".dist-info")} == {"calango"}


def test_the_graph_and_the_ui_travel_inside_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    assert {"calango/graph/build.py", "calango/graph/handbook/pt.md", "calango/ui/app.py", "calango/py.typed"} <= set(
        names
    )


def test_it_answers_outside_a_checkout(installed):
    calango = installed / "venv" / "bin" / "calango"
    told = json.loads(
        run(calango, "ask", "--json", "oi", cwd=installed, CALANGO_HOME=str(installed / "home"), CALANGO_PORT="0")
    )

    assert told["status"] == "ok"
    assert "Calango" in told["content"]


def test_it_does_not_pull_in_the_ui(installed):
    listed = run(BIN / "uv", "pip", "list", "--python", installed / "venv" / "bin" / "python", cwd=installed)

    assert "streamlit" not in listed.lower()


def test_the_ui_command_names_the_extra_that_is_missing(installed):
    calango = installed / "venv" / "bin" / "calango"
    done = subprocess.run([calango, "ui"], cwd=installed, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, 'pip install "calango[ui]"' in done.stderr) == (2, True)
