"""`calango sync` between two real servers, interrupted and resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from calango import local, local_api
from calango.cli.app import run
from calango.errors import BackendRefused, BackendUnreachable
from calango.local import LocalServer
from calango.mirror import sync
from calango.mirror.sync import KINDS, Mirror, state_name
from calango.questions import Questions, Range
from tests.support.projects import new_project
from tests.support.servers import client_of, eventually, running_server

pytestmark = pytest.mark.xdist_group("sync")
TURNS = 250
PERIOD = Range("2026-10-01", "2026-11-25")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Killed(Exception):
    """What a kill looks like from inside."""


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    with running_server(tmp_path_factory.mktemp("remote") / "home") as server:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(local, "ensure", lambda _settings: server)
            assert run(("seed", "--turns", str(TURNS), "--until", "2026-11-20")) == 0
        yield server


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalServer]:
    with running_server(tmp_path_factory.mktemp("here") / "home") as server:
        yield server


def storing(here: LocalServer, project: str, *, kills: Collection[int] = ()) -> Callable[[str, bytes], None]:
    """Stores in a project of `here`; is killed instead at the calls with these numbers."""
    calls = iter(range(10_000))

    def store(table: str, lines: bytes) -> None:
        if next(calls) in kills:
            raise Killed
        params = {"format": "jsonl", "project": project}
        with client_of(here) as client:
            client.post(f"/api/calango/import/{table}", params=params, content=lines).raise_for_status()

    return store


def answers(here: LocalServer, project: str) -> list[Any]:
    with Questions(here, project) as ask:
        return [ask.overview(PERIOD), ask.breakdown(PERIOD, "user"), ask.errors(PERIOD), ask.conversations(PERIOD)]


def test_a_copy_answers_what_the_original_answers(remote: LocalServer, here: LocalServer, tmp_path: Path):
    project = new_project(here, "whole").id
    with client_of(remote) as client:
        found = Mirror(client, storing(here, project), tmp_path / "state.json").run(NOW)
    with Questions(remote) as ask:
        original = ask.overview(PERIOD).total
    copy = answers(here, project)[0].total

    assert found["observations"] > TURNS * 8
    assert (copy.turns, copy.cost_usd, copy.tokens_total) == (original.turns, original.cost_usd, original.tokens_total)
    assert (copy.error, copy.cancelled, copy.votes_up) == (original.error, original.cancelled, original.votes_up)


def test_an_interrupted_copy_goes_on_and_ends_the_same(
    remote: LocalServer, here: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sync, "BATCH", 500)
    smooth, rough = new_project(here, "smooth").id, new_project(here, "rough").id
    with client_of(remote) as client:
        Mirror(client, storing(here, smooth), tmp_path / "smooth.json").run(NOW)
        store, broken = storing(here, rough, kills={1, 2, 4}), 0
        while True:
            try:
                Mirror(client, store, tmp_path / "rough.json").run(NOW)
                break
            except Killed:
                broken += 1

    assert broken == 3
    assert answers(here, rough) == answers(here, smooth)


def test_a_second_run_copies_only_what_may_have_changed(remote: LocalServer, here: LocalServer, tmp_path: Path):
    project = new_project(here, "twice").id
    late = datetime(2026, 11, 25, tzinfo=UTC)
    with client_of(remote) as client:
        Mirror(client, storing(here, project), tmp_path / "state.json").run(late)
        again = Mirror(client, storing(here, project), tmp_path / "state.json").run(late + timedelta(hours=1))

    assert again["observations"] == 0


def test_what_comes_later_is_copied_later(remote: LocalServer, here: LocalServer, tmp_path: Path):
    project = new_project(here, "later").id
    score = {"id": "late", "name": "user-feedback", "dataType": "BOOLEAN", "value": 1, "sessionId": "s"}
    state = tmp_path / "state.json"
    with client_of(remote) as client:
        Mirror(client, storing(here, project), state).run(datetime.now(UTC))
        assert client.post("/api/public/scores", json=score).status_code == 200
        Mirror(client, storing(here, project), state).run(datetime.now(UTC) + timedelta(minutes=1))

    lines: list[bytes] = []
    with client_of(here) as client:
        answer = client.get("/api/calango/export", params={"format": "jsonl", "project": project})
        lines = answer.content.splitlines()
    assert any(b'"late"' in line for line in lines)


@pytest.mark.parametrize(("status", "headers"), [(429, {"retry-after": "7"}), (503, {})])
def test_a_limit_or_a_failing_server_is_waited_for(tmp_path: Path, status: int, headers: dict[str, str]):
    waits: list[float] = []
    coming = iter([httpx.Response(status, headers=headers)] * 2)
    transport = httpx.MockTransport(lambda _request: next(coming, httpx.Response(200, json={"data": [], "meta": {}})))
    with httpx.Client(transport=transport, base_url="http://remote") as client:
        Mirror(client, lambda _table, _lines: None, tmp_path / "state.json", wait=waits.append).run(NOW)

    assert waits == ([7.0, 7.0] if headers else [0.5, 1.0])


@pytest.mark.parametrize(("status", "error"), [(401, BackendRefused), (500, BackendUnreachable)])
def test_what_does_not_pass_is_said(tmp_path: Path, status: int, error: type[Exception]):
    transport = httpx.MockTransport(lambda _request: httpx.Response(status))
    with httpx.Client(transport=transport, base_url="http://remote") as client, pytest.raises(error):
        Mirror(client, lambda _table, _lines: None, tmp_path / "state.json", wait=lambda _s: None).run(NOW)


def test_the_command_copies_and_reports_read_the_copy(
    remote: LocalServer,
    here: LocalServer,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    for name, value in (
        ("PUBLIC_KEY", remote.public_key), ("SECRET_KEY", remote.secret_key), ("BASE_URL", remote.base_url)
    ):  # fmt: skip
        monkeypatch.setenv(f"LANGFUSE_{name}", value)
    monkeypatch.setattr(local, "ensure", lambda _settings: here)
    assert run(("cost", "--since", "2026-10-01")) == 5
    assert "calango sync" in capsys.readouterr().err

    assert run(("sync",)) == 0
    assert run(("report", "--since", "2026-10-01", "--until", "2026-11-25", "--format", "json")) == 0
    tables = json.loads(capsys.readouterr().out.partition("\n")[2])["tables"]
    assert tables["Total"][0]["turns"] == TURNS
    assert (home / state_name(remote.base_url, remote.public_key)).stat().st_mode & 0o077 == 0


@pytest.fixture
def serving_copies(remote: LocalServer, tmp_path: Path) -> Generator[LocalServer]:
    """`calango serve` with the keys of the remote project, and a rule."""
    (tmp_path / "alerts.toml").write_text('[[rules]]\nname = "few"\nmetric = "turns"\nbelow = 1e9\nwindow = "9999d"\n')
    environment = os.environ | {
        "CALANGO_HOME": str(tmp_path), "CALANGO_SYNC_EVERY": "3600", "LANGFUSE_BASE_URL": remote.base_url,
        "LANGFUSE_PUBLIC_KEY": remote.public_key, "LANGFUSE_SECRET_KEY": remote.secret_key,
    }  # fmt: skip
    with subprocess.Popen([sys.executable, "-m", "calango", "serve", "--port", "0"], env=environment) as process:
        try:
            server = eventually(lambda: local.find(tmp_path), within_s=20)
            assert server is not None
            yield server
        finally:
            process.terminate()


def test_a_server_with_the_remote_keys_copies_by_itself_and_watches_the_copy(serving_copies: LocalServer):
    done = eventually(lambda: local_api.call(serving_copies, "GET", "/status")["sync"], within_s=60)

    assert (done["error"], done["rows"]["observations"] > TURNS * 8) == (None, True)
    (rule,) = local_api.call(serving_copies, "POST", "/alerts/check")["rules"]
    assert rule["reading"]["value"] == TURNS


def test_every_kind_is_a_table_that_can_be_imported():
    from calango.store.archive import TABLES

    assert {kind.table for kind in KINDS} <= set(TABLES)
