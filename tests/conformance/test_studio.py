"""The graph in a real LangGraph server, as Studio opens it, called with LangGraph's own client."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client

from calango import local
from calango.ids import trace_id_for
from calango.local import LocalServer
from calango.reader import LangfuseReader
from calango.records import Observation
from tests.support.servers import eventually

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("studio")


@pytest.fixture
def studio(home: Path, tmp_path: Path, server: LocalServer) -> Generator[tuple[str, Path]]:
    """The address of `langgraph dev` with this repository's langgraph.json, and its log."""
    shutil.copy(ROOT / "langgraph.json", tmp_path)
    (tmp_path / "calango").symlink_to(ROOT / "calango")  # it keeps its state in the working folder: not in the checkout
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "studio.log"
    command = [Path(sys.executable).parent / "langgraph", "dev", "--no-browser", "--no-reload", "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=tmp_path,
            env=os.environ | {"CALANGO_HOME": str(home)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            assert eventually(lambda: _answers(url), within_s=60), log.read_text()[-2000:]
            yield url, log
        finally:
            process.terminate()
            process.wait(30)
            local.stop(home)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ok").status_code == 200
    except httpx.HTTPError:
        return False


def test_every_run_in_studio_is_a_whole_trace_of_its_thread_without_secrets(studio, server):
    url, log = studio
    client: Any = get_sync_client(url=url)
    thread = client.threads.create()["thread_id"]
    given = {"messages": [{"role": "user", "content": "quanto é 17*23?"}]}
    client.runs.wait(thread, "calango", input=given, config={"configurable": {"api_token": "secret-token"}})
    messages = client.threads.get_state(thread)["values"]["messages"]

    assert messages[-1]["content"] == "17 * 23 = 391"
    observations = _trace_of(server, trace_id_for(thread, messages[0]["id"]))
    assert len(observations) == 12
    assert {item.session_id for item in observations} == {thread}
    assert "secret-token" not in repr(observations)
    assert "Blocking call" not in log.read_text()


def _trace_of(server: LocalServer, trace_id: str) -> list[Observation]:
    with LangfuseReader(server.base_url, server.public_key, server.secret_key) as reader:
        return eventually(lambda: reader.observations(trace_id), within_s=20)
