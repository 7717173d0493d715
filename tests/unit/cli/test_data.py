"""Backups, exports and imports as a person makes them, with a real local server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calango import local
from calango.local import LocalServer
from tests.support.commands import Calango
from tests.support.servers import client_of, settings_for

SCORE = {"id": "s", "name": "up", "value": 1, "dataType": "BOOLEAN", "traceId": "ab" * 16}


def put(server: LocalServer, **values: Any) -> None:
    with client_of(server) as client:
        assert client.post("/api/public/scores", json=SCORE | values).status_code == 200


def scores(server: LocalServer) -> list[str]:
    with client_of(server) as client:
        return sorted(item["id"] for item in client.get("/api/public/v3/scores").json()["data"])


@pytest.fixture
def running(home: Path) -> LocalServer:
    server = local.ensure(settings_for(home))
    put(server)
    return server


def test_a_backup_brings_back_what_was_there(calango: Calango, home: Path, running: LocalServer, tmp_path: Path):
    assert calango("backup", str(tmp_path / "copy.duckdb")).code == 0
    put(running, id="later")

    assert calango("restore", str(tmp_path / "copy.duckdb")).code == 0
    assert scores(local.ensure(settings_for(home))) == ["s"]


def test_restoring_keeps_what_was_there_before(calango: Calango, home: Path, running: LocalServer, tmp_path: Path):
    calango("backup", str(tmp_path / "copy.duckdb"))
    put(running, id="later")
    calango("restore", str(tmp_path / "copy.duckdb"))

    (before,) = home.glob("calango.duckdb.before-*")
    assert calango("restore", str(before)).code == 0
    assert scores(local.ensure(settings_for(home))) == ["later", "s"]


def test_a_file_that_is_no_backup_is_refused_and_the_server_goes_on(
    calango: Calango, running: LocalServer, tmp_path: Path
):
    (tmp_path / "x").write_text("no database")

    ended = calango("restore", str(tmp_path / "x"))

    assert (ended.code, scores(running)) == (4, ["s"])
    assert "Nothing was changed" in ended.err


def test_a_backup_replaces_no_file_unless_told_so(calango: Calango, running: LocalServer, tmp_path: Path):
    (tmp_path / "mine").write_text("mine")

    assert calango("backup", str(tmp_path / "mine")).code == 2
    assert (tmp_path / "mine").read_text() == "mine"
    assert calango("backup", str(tmp_path / "mine"), "--force").code == 0


def test_a_backup_can_be_read_by_its_owner_only(calango: Calango, running: LocalServer, tmp_path: Path):
    calango("backup", str(tmp_path / "copy.duckdb"))

    assert (tmp_path / "copy.duckdb").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_an_export_can_be_imported_into_another_project(
    calango: Calango, running: LocalServer, tmp_path: Path, form: str
):
    pair = json.loads(calango("project", "create", "other", "--json").out)
    folder = str(tmp_path / "out")

    assert calango("export", "all", folder, "--format", form).code == 0
    assert calango("import", folder, "--project", "other").code == 0
    other = LocalServer(running.base_url, pair["publicKey"], pair["secretKey"], pair["id"], running.pid, "")
    assert scores(other) == ["s"]


def test_an_export_does_not_mix_with_files_that_are_there(calango: Calango, running: LocalServer, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")

    ended = calango("export", "all", str(tmp_path / "out"))

    assert ended.code == 2
    assert "is not empty" in ended.err


def test_a_table_that_can_not_be_read_is_named(calango: Calango, running: LocalServer, tmp_path: Path):
    calango("export", "all", str(tmp_path / "out"))
    (tmp_path / "out" / "scores.parquet").write_bytes(b"garbage")

    ended = calango("import", str(tmp_path / "out"))

    assert ended.code == 5
    assert "scores.parquet can't be read as scores" in ended.err


def test_copies_leave_nothing_behind_in_the_home(calango: Calango, home: Path, running: LocalServer, tmp_path: Path):
    calango("backup", str(tmp_path / "copy.duckdb"))
    calango("export", "all", str(tmp_path / "out"))
    calango("import", str(tmp_path / "out"))

    assert list(home.glob("copy-*")) == []


def test_the_key_of_another_project_copies_its_own_data_only(calango: Calango, running: LocalServer):
    pair = json.loads(calango("project", "create", "other", "--json").out)
    other = LocalServer(running.base_url, pair["publicKey"], pair["secretKey"], pair["id"], running.pid, "")

    with client_of(other) as client:
        answers = [
            client.get("/api/calango/backup").status_code,
            client.get("/api/calango/export", params={"project": running.project_id}).status_code,
            client.get("/api/calango/export").status_code,
        ]
    assert answers == [403, 403, 200]
