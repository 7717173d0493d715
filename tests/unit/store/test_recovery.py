import os
import subprocess
import sys
from pathlib import Path

import pytest

from calango.errors import StoreError
from calango.store import Store
from calango.store.recovery import log_of

COMMITS, ROWS = 30, 20
KILLED = f"""
import os, sys
from pathlib import Path
from calango.store import ObservationRow, Store
store = Store.open(Path(sys.argv[1]))
for commit in range({COMMITS}):
    rows = [ObservationRow("p", "t", f"{{commit}}-{{row}}", 1, input=os.urandom(300).hex()) for row in range({ROWS})]
    store.insert(rows).result()
os._exit(9)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A database whose process was killed: the file and its log."""
    path = tmp_path_factory.mktemp("killed") / "calango.duckdb"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=60)
    return path.read_bytes(), log_of(path).read_bytes()


def put(folder: Path, file: bytes, log: bytes) -> Path:
    path = folder / "calango.duckdb"
    path.write_bytes(file)
    log_of(path).write_bytes(log)
    return path


def stored(path: Path) -> int:
    store = Store.open(path)
    with store.read() as db:
        (count,) = db.execute("SELECT count(*) FROM observations").fetchone() or (0,)
    store.close()
    return int(count)


def test_a_killed_process_leaves_everything_that_it_committed(tmp_path: Path, killed: tuple[bytes, bytes]):
    assert stored(put(tmp_path, *killed)) == COMMITS * ROWS


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9999])
def test_a_log_that_ends_early_keeps_every_whole_commit(tmp_path: Path, killed: tuple[bytes, bytes], share: float):
    file, log = killed

    found = stored(put(tmp_path, file, log[: int(len(log) * share)]))

    assert found % ROWS == 0
    assert found >= (COMMITS * share - 2) * ROWS


def test_an_end_full_of_zeros_is_cut_off_and_the_whole_log_is_kept(tmp_path: Path, killed: tuple[bytes, bytes]):
    file, log = killed
    torn = log[: len(log) // 2].ljust(len(log), b"\0")
    path = put(tmp_path, file, torn)

    assert 0 < stored(path) < COMMITS * ROWS
    (kept,) = tmp_path.glob("*.torn-*")
    assert kept.read_bytes() == torn


def test_damage_before_other_commits_is_refused_and_nothing_is_changed(tmp_path: Path, killed: tuple[bytes, bytes]):
    file, log = killed
    middle = len(log) // 2
    damaged = log[:middle] + os.urandom(64) + log[middle + 64 :]
    path = put(tmp_path, file, damaged)

    with pytest.raises(StoreError, match="`calango restore` a backup"):
        Store.open(path)
    assert (path.read_bytes(), log_of(path).read_bytes()) == (file, damaged)


def test_a_log_without_its_database_is_not_taken_for_an_empty_one(tmp_path: Path, killed: tuple[bytes, bytes]):
    path = put(tmp_path, *killed)
    path.unlink()

    with pytest.raises(StoreError, match="is gone, but its log"):
        Store.open(path)
    assert log_of(path).read_bytes() == killed[1]
