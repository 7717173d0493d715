"""LangSmith's own variables beside Calango: LangChain sends its runs there, and our trace is what it always is."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from calango.local import LocalServer
from calango.reader import LangfuseReader
from calango.records import Observation
from tests.support.servers import eventually

KEY = "lsv2_pt_very-secret"
PROJECT = "my-langsmith-project"
INFO = {  # what its clients want to be told; without it their thread ends, and nothing is ever sent
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "size_limit": 100,
        "size_limit_bytes": 20_971_520,
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 16,
        "scale_down_nempty_trigger": 4,
    }
}
TURN = """
from calango.chat import ChatService
from calango.tracing import close_all
with ChatService() as chat:
    result = chat.send_message("quanto é 17*23?", session_id="s", user_id="ana")
print(result.trace_id, result.content)
from langchain_core.tracers.langchain import wait_for_all_tracers
wait_for_all_tracers()
assert close_all(20)
"""


class LangSmith:
    """Takes runs as LangSmith's backend does: parts of a multipart body, perhaps chunked, gzipped or zstd."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.keys: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.keys.append(self.headers.get("x-api-key"))
                outer.bodies.append(_decoded(self._body(), self.headers.get("content-encoding", "")))
                self._answer(b"{}")

            def do_GET(self) -> None:
                self._answer(json.dumps(INFO).encode())

            do_PATCH = do_POST  # noqa: N815 - the library's name

            def _body(self) -> bytes:
                if self.headers.get("transfer-encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length", 0)))
                parts: list[bytes] = []
                while (size := int(self.rfile.readline(), 16)) > 0:
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def runs(self) -> set[str]:
        """Ids of the runs that were posted: a part is called `post.<id>`."""
        return {found.decode() for body in self.bodies for found in re.findall(rb'name="post\.([0-9a-f-]{36})"', body)}


@pytest.fixture
def langsmith() -> Generator[LangSmith]:
    running = LangSmith()
    yield running
    running.close()


def turn(**environment: str) -> str:
    """A turn in a process of its own; its trace id."""
    given = {"CALANGO_MODEL": "offline", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", TURN],
        env=os.environ | given | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    trace_id, _, answer = done.stdout.strip().partition(" ")
    assert answer == "17 * 23 = 391"
    return trace_id


def observations(server: LocalServer, trace_id: str) -> list[Observation]:
    with LangfuseReader(server.base_url, server.public_key, server.secret_key) as reader:
        return eventually(lambda: reader.observations(trace_id))


def test_runs_reach_langsmith_and_the_trace_has_the_usual_observations_and_no_secret(server, langsmith):
    about = {"LANGSMITH_API_KEY": KEY, "LANGSMITH_ENDPOINT": langsmith.url, "LANGSMITH_PROJECT": PROJECT}
    trace_id = turn(LANGSMITH_TRACING="true", **about)
    found = observations(server, trace_id)

    assert len(found) == len({item.id for item in found}) == 13
    assert [text for text in (*about, *about.values()) if text in repr(found)] == []
    assert set(langsmith.keys) == {KEY}
    assert len(langsmith.runs) == 12  # all but our root, which stands around the graph


def test_without_its_switch_nothing_goes_to_langsmith(server, langsmith):
    trace_id = turn(LANGSMITH_TRACING="false", LANGSMITH_API_KEY=KEY, LANGSMITH_ENDPOINT=langsmith.url)

    assert len(observations(server, trace_id)) == 13
    assert langsmith.bodies == []


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return body
