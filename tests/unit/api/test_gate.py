"""Who may come in, how large a body may be, how it starts and ends, and what the description says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import validate

from calango.api.app import create_app
from calango.api.serve import serve
from calango.chat import ChatService
from calango.errors import ConfigError
from tests.support.ollama import OllamaServer, Reply
from tests.support.servers import eventually, settings_for
from tests.unit.api.conftest import Api

TOKEN = "a-token-of-enough-characters"


def test_with_a_token_nothing_but_health_opens_without_it(api: Api):
    client = api(token=TOKEN)
    answers = {
        path: client.get(path).status_code for path in ("/health", "/status", "/sessions", "/openapi.json", "/none")
    }
    wrong = client.get("/sessions", headers={"authorization": f"Bearer {TOKEN}x"})
    right = client.get("/sessions", headers={"authorization": f"bearer {TOKEN}"})

    assert answers == {"/health": 200, "/status": 401, "/sessions": 401, "/openapi.json": 401, "/none": 401}
    assert wrong.headers["www-authenticate"].startswith("Bearer")
    assert (wrong.status_code, right.status_code) == (401, 200)


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"host": "evil.example"}])
def test_a_page_from_elsewhere_is_refused(api: Api, headers: dict[str, str]):
    answer = api().post("/messages", json={"text": "oi"}, headers=headers)

    assert answer.status_code == 403


def test_nobody_listens_for_others_without_a_token(home: Path):
    with pytest.raises(ConfigError, match="CALANGO_API_TOKEN"):
        serve(settings_for(home, model="offline"), host="0.0.0.0", port=0)


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "said"),
    [
        ("POST", "/messages", b'{"text": "  "}', 400, "The message is empty."),
        ("POST", "/messages", b'{"text": 5}', 422, "text: Input should be a valid string"),
        ("POST", "/messages", b'{"text": "oi", "txet": 1}', 422, "txet: Extra inputs are not permitted"),
        ("POST", "/messages", b'{"text": "oi", "session_id": "a\\u0000"}', 400, "session_id contains"),
        ("POST", "/messages", b'{"text": "oi", "model": "nope"}', 200, ""),
        ("POST", "/messages", b"{", 422, "body: JSON decode error"),
        ("POST", "/messages", b"\xff\xfe", 422, "body: JSON decode error"),
        ("GET", "/nothing", b"", 404, "GET /nothing: Not Found"),
        ("PATCH", "/messages", b"", 405, "Method Not Allowed"),
        ("GET", "/sessions?limit=0", b"", 422, "limit: Input should be greater"),
        ("GET", "/feedback/xyz", b"", 400, ""),
    ],
)
def test_what_can_not_be_is_refused_as_json_that_names_it(
    api: Api, method: str, path: str, content: bytes, status: int, said: str
):
    answer = api().request(method, path, content=content, headers={"content-type": "application/json"})

    assert answer.status_code == status, answer.text
    if status != 200:
        assert set(answer.json()["error"]) == {"type", "message", "hint"}
        assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused(api: Api, announced: bool):
    body = b'{"text": "' + b"x" * 1_000_000 + b'"}'
    content = body if announced else (body[at : at + 65536] for at in range(0, len(body), 65536))
    headers = {"content-type": "application/json"}
    answer = api(max_message_chars=1000).post("/messages", content=content, headers=headers)

    assert answer.status_code == 413
    assert "larger than" in answer.json()["error"]["message"]


def test_the_description_is_valid_and_names_every_path(api: Api):
    document = api().get("/openapi.json").json()

    validate(document)
    assert set(document["paths"]) == {
        "/messages",
        "/sessions",
        "/sessions/{session_id}",
        "/sessions/{session_id}/messages",
        "/sessions/{session_id}/resume",
        "/sessions/{session_id}/stop",
        "/feedback/{trace_id}",
        "/health",
        "/status",
        "/metrics",
    }


_SERVE = """
from calango.api.serve import serve
from calango.settings import Settings
serve(Settings.load(), port=0, turns_s=0.1, on_ready=lambda url: print(url, flush=True))
"""


def started(home: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "CALANGO_HOME": str(home), "LANGFUSE_TRACING_ENABLED": "false"}
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, env=environment | variables, stdout=subprocess.PIPE, text=True)


def test_a_signal_ends_running_turns_and_who_asked_gets_what_was_said(home: Path):
    gate = threading.Event()
    with OllamaServer(replies=[Reply(["Era ", "uma vez"], gate=gate)]) as ollama:
        model = {"CALANGO_MODEL": f"ollama:{ollama.models[0]}", "OLLAMA_BASE_URL": ollama.base_url}
        with started(home, "-c", _SERVE, **model) as process:
            assert process.stdout is not None
            url, body = process.stdout.readline().strip(), {"text": "conte", "stream": True}
            with httpx.stream("POST", f"{url}/sessions/s/messages", json=body, timeout=30) as answer:
                lines = answer.iter_lines()
                assert eventually(lambda: "event: token" in next(lines))
                process.send_signal(signal.SIGTERM)
                rest = list(lines)
            ended = process.wait(30)
        gate.set()

    assert ended == 0
    assert any('"status":"cancelled"' in line for line in rest)
    with ChatService(settings_for(home, model="offline", tracing_enabled=False)) as chat:
        assert [(m.content, m.status) for m in chat.history("s")][-1] == ("Era ", "cancelled")


def test_the_command_says_where_it_listens_and_ends_in_order(home: Path):
    with started(home, "-m", "calango", "api", "--port", "0", CALANGO_MODEL="offline") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[2]
        status = httpx.get(f"{url}/status").json()
        process.send_signal(signal.SIGINT)
        ended = process.wait(30)

    assert (status["mode"], status["model"], ended) == ("off", "offline", 0)


def test_importing_the_library_loads_no_web_framework():
    heavy = ("fastapi", "uvicorn", "starlette", "prometheus_client")
    code = f"import sys, calango, calango.cli.app; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def test_an_app_can_be_mounted_where_a_process_has_its_own(home: Path):
    with ChatService(settings_for(home, model="offline", tracing_enabled=False)) as chat:
        assert create_app(chat).title == "Calango"
