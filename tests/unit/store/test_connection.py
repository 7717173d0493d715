import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import duckdb
import pytest

from calango.errors import HomeError, StoreError
from calango.store import ObservationRow, Store, query


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = Store.open(tmp_path / "calango.duckdb")
    yield opened
    opened.close()


def row(id_: str, **values: object) -> ObservationRow:
    return ObservationRow(**{"project_id": "p", "trace_id": "t", "id": id_, "start_ns": 1, **values})  # type: ignore[arg-type]


def stored(store: Store) -> list[ObservationRow]:
    with store.read() as db:
        return query.observations(db, query.Where(), order="id")


def test_what_was_inserted_is_committed_when_the_future_resolves(store: Store):
    assert store.insert([row("a"), row("b")]).result(10) == 2

    assert [found.id for found in stored(store)] == ["a", "b"]


def test_every_column_comes_back_as_it_went_in(store: Store):
    from decimal import Decimal

    whole = row(
        "a",
        start_ns=1795164108315135988,
        end_ns=1795164108315287533,
        tags=["é", 'quo"te'],
        total_cost=Decimal("0.000000000001"),
        input_tokens=2**53,
        input="NUL is \0 here, and 🦎",
        is_root=True,
        direct=False,
    )
    store.insert([whole]).result(10)

    assert stored(store) == [whole]


def test_a_span_that_is_sent_again_replaces_the_stored_one(store: Store):
    store.insert([row("a", name="before")]).result(10)
    store.insert([row("a", name="after")]).result(10)

    assert [found.name for found in stored(store)] == ["after"]


def test_the_last_of_equal_spans_in_one_request_wins(store: Store):
    store.insert([row("a", name="first"), row("a", name="last")]).result(10)

    assert [found.name for found in stored(store)] == ["last"]


def test_the_same_id_in_another_project_is_another_span(store: Store):
    store.insert([row("a"), row("a", project_id="q")]).result(10)

    assert len(stored(store)) == 2


def test_a_bad_write_fails_alone_in_its_group(store: Store):
    gate = threading.Event()
    store.write(lambda _db: gate.wait(10))  # holds the writer until all three wait behind it
    good, bad, other = store.insert([row("a")]), store.insert([row("b", trace_id=None)]), store.insert([row("c")])
    gate.set()

    assert isinstance(bad.exception(10), duckdb.ConstraintException)
    assert (good.result(10), other.result(10)) == (1, 1)
    assert [found.id for found in stored(store)] == ["a", "c"]


def test_a_failed_write_leaves_nothing_behind(store: Store):
    def half(db: duckdb.DuckDBPyConnection) -> None:
        db.execute("INSERT INTO projects VALUES ('x', 'x', 1)")
        raise ValueError("half way")

    assert isinstance(store.write(half).exception(10), ValueError)
    with store.read() as db:
        assert query.count(db, "projects", query.Where()) == 0


def test_many_threads_may_write_at_once(store: Store):
    futures = []

    def send(number: int) -> None:
        futures.extend(store.insert([row(f"{number}-{i}")]) for i in range(20))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(future.result(20) for future in futures) == 160
    assert len(stored(store)) == 160


def test_closing_finishes_what_is_queued(tmp_path: Path):
    store = Store.open(tmp_path / "calango.duckdb")
    futures = [store.insert([row(str(number))]) for number in range(50)]
    store.close()

    assert all(future.result(0) == 1 for future in futures)
    again = Store.open(tmp_path / "calango.duckdb")
    assert len(stored(again)) == 50
    again.close()


def test_a_write_after_closing_is_refused(tmp_path: Path):
    store = Store.open(tmp_path / "calango.duckdb")
    store.close()

    assert isinstance(store.insert([row("a")]).exception(1), StoreError)


def test_a_file_that_another_process_has_open_is_named_as_such(tmp_path: Path, store: Store):
    code = (
        "import sys; from pathlib import Path; from calango.store import Store; from calango.errors import StoreError\n"
        "try: Store.open(Path(sys.argv[1]))\n"
        "except StoreError as error: print(error.message)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, str(store.path)], capture_output=True, text=True, timeout=60, check=True
    )

    assert shown.stdout.strip() == "The database calango.duckdb is open in another process."


def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path):
    path = tmp_path / "calango.duckdb"
    path.write_bytes(b"this is no database" * 1000)

    with pytest.raises(StoreError, match="damaged"):
        Store.open(path)
    assert path.read_bytes() == b"this is no database" * 1000


def test_a_folder_without_permission_is_named_as_such(tmp_path: Path):
    with pytest.raises((HomeError, StoreError)):
        Store.open(tmp_path / "missing" / "calango.duckdb")


def test_a_full_disk_fails_what_does_not_fit_and_nothing_else(tmp_path: Path):
    code = """
import os, resource, sys
from pathlib import Path
from calango.errors import HomeError
from calango.store import ObservationRow, Store

def rows(count):
    return [ObservationRow("p", "t", os.urandom(8).hex(), 1, input=os.urandom(1000).hex()) for _ in range(count)]

store = Store.open(Path(sys.argv[1]))
kept = store.insert(rows(10)).result(10)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
assert isinstance(store.insert(rows(2000)).exception(30), HomeError)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
kept += store.insert(rows(10)).result(10)
store.close()
store = Store.open(Path(sys.argv[1]))
with store.read() as db:
    assert db.execute("SELECT count(*) FROM observations").fetchone() == (kept,)
store.close()
print("kept", kept)
"""
    shown = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "calango.duckdb")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert shown.stdout.strip() == "kept 20", shown.stderr
