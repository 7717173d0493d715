"""Serving in the foreground: what `calango serve` does."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from calango import local
from calango.errors import LocalServerError, StoreError
from calango.local import LocalServer
from calango.server.main import serve
from tests.support.servers import eventually, settings_for


def test_a_port_in_use_is_an_error_that_names_it(home: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalServerError, match=str(port)):
            serve(settings_for(home), port=port)


def test_a_second_server_on_the_same_home_is_refused(server: LocalServer, home: Path):
    with pytest.raises(StoreError, match="another process"):
        serve(settings_for(home), port=0)
    assert local.find(home) == server


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(home: Path, ending: signal.Signals):
    code = (
        "import sys; from pathlib import Path\n"
        "from calango.server.main import serve; from calango.settings import Settings\n"
        "serve(Settings(home=Path(sys.argv[1])), port=0, on_ready=lambda url: print(url, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    keys = local.keys(home)
    auth = (keys.public_key, keys.secret_key)
    score = {"name": "n", "traceId": "t", "value": 1}
    assert httpx.post(f"{url}/api/public/scores", json=score, auth=auth).status_code == 200
    process.send_signal(ending)

    assert process.wait(20) == 0
    process.stdout.close()
    assert not (home / local.SERVER).exists()
    assert eventually(lambda: not (home / f"{local.DATABASE}.wal").exists())
