import json
from collections.abc import Generator
from decimal import Decimal
from pathlib import Path

import pytest

from calango.errors import InputError, StoreError
from calango.store import ObservationRow, ScoreRow, Store, archive, query
from calango.store.write import put_scores

ROW = ObservationRow(
    project_id="p",
    trace_id="t",
    id="a",
    start_ns=1795164108315135988,
    end_ns=1795164108315287533,
    tags=["é", 'quo"te'],
    total_cost=Decimal("0.000000000001"),
    input_tokens=2**53,
    input="NUL is \0 here, a line\nends, and 🦎",
    is_root=True,
)
SCORE = ScoreRow(project_id="p", id="s", name="up", timestamp_ns=5, data_type="BOOLEAN", value=1.0, trace_id="t")
PICTURE = bytes(range(256))


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    opened = Store.open(tmp_path / "calango.duckdb")
    opened.insert([ROW, ObservationRow("other", "t", "secret", 1)]).result(10)
    opened.write(lambda db: put_scores(db, [SCORE])).result(10)
    opened.write(
        lambda db: db.execute(
            "INSERT INTO media (project_id, id, sha256, content_type, content_length, content, created_ns, updated_ns)"
            " VALUES ('p', 'm', 'x', 'image/png', 256, ?, 1, 1)",
            [PICTURE],
        ).fetchall()
    ).result(10)
    yield opened
    opened.close()


def exported(store: Store, folder: Path, kind: archive.Format, project: str = "p") -> dict[str, int]:
    folder.mkdir()
    with store.read() as db:
        return archive.export(db, project, folder, kind)


def loaded(store: Store, folder: Path, kind: archive.Format, project: str) -> int:
    pieces = folder / "pieces"
    pieces.mkdir(exist_ok=True)
    return sum(
        store.write(lambda db, part=part: archive.load(db, project, part)).result(10)
        for table in archive.TABLES
        for part in archive.parts(table, folder / f"{table}.{kind}", kind, pieces)
    )


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_what_is_exported_comes_back_the_same_in_another_project(store: Store, tmp_path: Path, kind: archive.Format):
    exported(store, tmp_path / "out", kind)
    loaded(store, tmp_path / "out", kind, "q")

    with store.read() as db:
        (row,) = query.observations(db, query.of_project("q"))
        (score,) = query.scores(db, query.of_project("q"))
        media = db.execute("SELECT content FROM media WHERE project_id = 'q'").fetchone()
    row.project_id = score.project_id = "p"
    assert (row, score, media) == (ROW, SCORE, (PICTURE,))


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_importing_the_same_twice_doubles_nothing(store: Store, tmp_path: Path, kind: archive.Format):
    exported(store, tmp_path / "out", kind)

    assert loaded(store, tmp_path / "out", kind, "p") == 3
    with store.read() as db:
        counts = [query.count(db, table, query.of_project("p")) for table in ("observations", "scores", "media")]
    assert counts == [1, 1, 1]


def test_an_imported_span_is_replaced_when_its_exporter_sends_it_again(store: Store, tmp_path: Path):
    exported(store, tmp_path / "out", "parquet")
    loaded(store, tmp_path / "out", "parquet", "q")
    again = ObservationRow("q", ROW.trace_id, ROW.id, ROW.start_ns, name="again")
    store.insert([again]).result(10)

    with store.read() as db:
        assert [row.name for row in query.observations(db, query.of_project("q"))] == ["again"]


def test_an_export_holds_one_project_only(store: Store, tmp_path: Path):
    assert exported(store, tmp_path / "out", "jsonl")["observations"] == 1
    assert "secret" not in (tmp_path / "out" / "observations.jsonl").read_text()


def test_a_file_that_is_no_table_is_refused_and_changes_nothing(store: Store, tmp_path: Path):
    file = tmp_path / "scores.jsonl"
    file.write_text('{"id": "x", "name": "up", "timestamp_ns": "yesterday"}\n')

    with pytest.raises(InputError, match="can't be read as scores"):
        store.write(lambda db: archive.load(db, "p", archive.Part("scores", file, "jsonl"))).result(10)
    with store.read() as db:
        assert query.count(db, "scores", query.of_project("p")) == 1


@pytest.mark.parametrize("manifest", ["", "[]", '{"kind": "other"}', '{"kind": "calango-export", "format": "xml"}'])
def test_a_folder_without_an_export_is_refused(tmp_path: Path, manifest: str):
    (tmp_path / archive.MANIFEST).write_text(manifest)

    with pytest.raises(InputError):
        archive.read_manifest(tmp_path)


def test_an_export_of_a_newer_version_is_refused(tmp_path: Path):
    manifest = {"kind": archive.KIND, "schema": 10_000, "format": "jsonl", "rows": {}}
    (tmp_path / archive.MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(InputError, match="newer Calango"):
        archive.read_manifest(tmp_path)


def test_a_backup_holds_what_was_committed_when_it_was_taken(store: Store, tmp_path: Path):
    with store.read() as db:
        archive.backup(db, tmp_path / "copy.duckdb")
    store.insert([ObservationRow("p", "t", "later", 1)]).result(10)

    copy = Store.open(tmp_path / "copy.duckdb")
    with copy.read() as db:
        assert query.observations(db, query.of_project("p")) == [ROW]
    copy.close()


def test_a_file_that_is_no_backup_can_not_be_restored(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"no database" * 1000)

    with pytest.raises(StoreError, match="no readable backup"):
        archive.check_backup(tmp_path / "x")
