import json
import os
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calango import local
from calango.errors import HomeError, StoreError
from calango.local import LocalServer
from tests.support.servers import client_of, eventually, settings_for


def ensure_in_a_process(home: Path) -> subprocess.Popen[str]:
    code = (
        "import sys; from pathlib import Path; from calango import local; from calango.settings import Settings\n"
        "print(local.ensure(Settings(home=Path(sys.argv[1]), port=0, server_idle_s=300)).pid)"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True)


def test_a_server_that_runs_is_found(server: LocalServer, home: Path):
    assert local.find(home) == server


def test_ten_processes_at_once_share_one_server(home: Path):
    started = [ensure_in_a_process(home) for _ in range(10)]
    try:
        pids = {process.communicate(timeout=60)[0].strip() for process in started}
        assert len(pids) == 1
        assert pids == {str(local.find(home).pid)}  # type: ignore[union-attr]
    finally:
        local.stop(home)


def test_keys_are_made_once_even_by_many_at_once(home: Path):
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda _: local.keys(home), range(32)))

    assert len(made) == 1


def test_secrets_are_for_their_owner_only(server: LocalServer, home: Path):
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for name in (local.KEYS, local.SERVER, local.LOG):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name


def test_no_secret_shows_in_a_repr_or_in_the_log(server: LocalServer, home: Path):
    secret = local.keys(home).secret_key

    assert secret not in repr(server) + repr(local.keys(home))
    assert secret not in (home / local.LOG).read_text(encoding="utf-8")
    assert secret not in (home / local.SERVER).read_text(encoding="utf-8")


def test_stopping_ends_the_process_and_takes_its_word_back(home: Path):
    server = local.ensure(settings_for(home))

    assert local.stop(home)
    assert not local.is_alive(server.pid)
    assert not (home / local.SERVER).exists()
    assert local.find(home) is None


def test_stopping_when_none_runs_says_so(home: Path):
    assert not local.stop(home)


def test_what_was_stored_is_there_after_a_new_start(home: Path):
    for expected in (0, 1):
        server = local.ensure(settings_for(home))
        with client_of(server) as client:
            found = client.get("/api/public/v3/scores").json()["data"]
            client.post("/api/public/scores", json={"name": "n", "traceId": "t", "value": 1})
        local.stop(home)
        assert len(found) == expected


def test_a_word_left_by_a_dead_server_is_not_believed(home: Path):
    local.prepare_home(home)
    state = {"base_url": "http://127.0.0.1:9", "pid": os.getpid(), "instance": "x", "version": "0"}
    (home / local.SERVER).write_text(json.dumps(state), encoding="utf-8")

    assert local.find(home) is None
    assert not local.stop(home)


def test_another_server_at_the_same_address_is_not_taken_for_ours(server: LocalServer, home: Path, tmp_path: Path):
    other = local.prepare_home(tmp_path / "other")
    state = json.loads((home / local.SERVER).read_text(encoding="utf-8")) | {"instance": "another"}
    (other / local.SERVER).write_text(json.dumps(state), encoding="utf-8")

    assert local.find(other) is None


def test_a_port_in_use_is_left_to_its_owner(home: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = local.ensure(settings_for(home, port=port))
        try:
            assert not server.base_url.endswith(f":{port}")
            assert f"port {port} is in use" in (home / local.LOG).read_text(encoding="utf-8")
        finally:
            local.stop(home)


def test_a_damaged_database_is_explained_to_the_caller(home: Path):
    local.prepare_home(home)
    (home / local.DATABASE).write_bytes(b"no database" * 1000)

    with pytest.raises(StoreError, match="damaged"):
        local.ensure(settings_for(home))


def test_a_server_that_is_just_ending_is_waited_for(home: Path):
    local.prepare_home(home)
    code = (
        "import sys; from pathlib import Path; from calango.store import Store\n"
        "store = Store.open(Path(sys.argv[1])); print('open', flush=True); sys.stdin.readline(); store.close()"
    )
    ending = subprocess.Popen(
        [sys.executable, "-c", code, str(home / local.DATABASE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ending.stdout is not None
    assert ending.stdout.readline() == "open\n"
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(local.ensure, settings_for(home))
        assert eventually((home / local.LOG).exists)  # the new one is on its way
        ending.communicate("\n", timeout=20)
        assert started.result(20).pid
    local.stop(home)


def test_a_home_that_is_a_file_is_explained_to_the_caller(home: Path):
    home.write_text("not a folder", encoding="utf-8")

    with pytest.raises(HomeError):
        local.ensure(settings_for(home))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_without_permission_is_explained_to_the_caller(home: Path):
    local.prepare_home(home).chmod(0o500)
    try:
        with pytest.raises(HomeError):
            local.ensure(settings_for(home))
    finally:
        home.chmod(0o700)


def test_a_background_server_ends_itself_when_nobody_asks(home: Path):
    server = local.ensure(settings_for(home, server_idle_s=0.3))

    assert eventually(lambda: not local.is_alive(server.pid))
    assert not (home / local.SERVER).exists()


def test_looking_for_the_server_loads_no_database_and_no_web_framework():
    code = (
        "import sys, calango.local; print([n for n in ('duckdb', 'starlette', 'uvicorn', 'numpy') if n in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"
