# ruff: noqa: S608 - names of tables and columns come from this package; values are always parameters
"""Copies of the data: the whole database as one file, one project as files that other tools read, and back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import duckdb

from calango.errors import InputError, StoreError
from calango.store import checks, computed, migrations

Format = Literal["parquet", "jsonl"]
FORMATS: Mapping[str, Format] = {"parquet": "parquet", "jsonl": "jsonl"}
MANIFEST = "manifest.json"
KIND = "calango-export"
PART_ROWS = 20_000
PART_BYTES = 64 * 1024 * 1024  # of lines, which are in memory meanwhile
_HINT = "Import what `calango export all` wrote; importing the same again doubles nothing."

# table -> what makes a row the same one; a row that is imported again replaces the stored one
TABLES: Mapping[str, tuple[str, ...]] = {
    "observations": ("trace_id", "id"),
    "traces": ("id",),
    "scores": ("id", "name", "timestamp_ns"),
    "prompts": ("name", "version"),
    "datasets": ("id",),
    "dataset_items": ("id",),
    "dataset_items_before": ("id", "updated_ns"),
    "dataset_runs": ("id",),
    "dataset_run_items": ("id",),
    "score_configs": ("id",),
    "comments": ("id",),
    "models": ("id",),
    "media": ("id",),
    "media_uses": ("media_id", "trace_id", "observation_id", "dataset_id", "dataset_item_id", "field"),
}
_COPY = {"parquet": "FORMAT parquet, COMPRESSION zstd", "jsonl": "FORMAT json, ARRAY false"}
_BINARY = "BLOB"
_TRACE_ID = {"observations": "trace_id", "traces": "id"}


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str


def columns_of(db: duckdb.DuckDBPyConnection, table: str) -> list[Column]:
    """The columns that are exported: all but the project and what follows from others."""
    found = db.execute(
        "SELECT column_name, data_type FROM duckdb_columns()"
        " WHERE table_name = ? AND database_name = current_database() ORDER BY column_index",
        [table],
    ).fetchall()
    left_out = {"project_id", *(computed.OF_OBSERVATIONS if table == "observations" else ())}
    return [Column(name, type_) for name, type_ in found if name not in left_out]


def backup(db: duckdb.DuckDBPyConnection, target: Path) -> None:
    """Write all that is committed now into a new database file; writes go on meanwhile."""
    (name,) = db.execute("SELECT current_database()").fetchone() or ("",)
    db.execute(f"ATTACH {_literal(target)} AS copied")
    try:
        db.execute(f'COPY FROM DATABASE "{name}" TO copied')
    finally:
        db.execute("DETACH copied")


def check_backup(path: Path) -> int:
    """The schema's number of a database that can be restored. Raises StoreError when it is none."""
    hint = "Choose a file that `calango backup` wrote. Nothing was changed."
    if not path.is_file():
        raise StoreError(f"There is no file {path.name}.", hint)
    try:
        with duckdb.connect(str(path), read_only=True, config={"autoload_known_extensions": False}) as db:
            number = migrations.version(db)
    except duckdb.Error as error:
        raise StoreError(f"{path.name} is no readable backup ({str(error).splitlines()[0][:120]}).", hint) from None
    if not number:
        raise StoreError(f"{path.name} is no database of Calango.", hint)
    if number > migrations.LATEST:
        raise StoreError(
            f"{path.name} has schema {number}; this version of Calango knows {migrations.LATEST}.",
            "Use the newer Calango that wrote it. Nothing was changed.",
        )
    return number


def export(db: duckdb.DuckDBPyConnection, project_id: str, folder: Path, kind: Format) -> dict[str, int]:
    """Write every table of a project into `folder`, all as of one moment, and a manifest. Returns rows per table.

    One file per table, `<table>.parquet` or `<table>.jsonl`; times are ns since 1970 and money is USD, as stored.
    In JSON lines media are base64.
    """
    rows: dict[str, int] = {}
    db.execute("BEGIN")
    try:
        for table in TABLES:
            query = _exported(table, columns_of(db, table), project_id, kind)
            file = folder / f"{table}.{kind}"
            rows[table] = _copy_lines(db, table, query, file) if kind == "jsonl" else _copy(db, query, file, kind)
    finally:
        db.execute("ROLLBACK")
    manifest = {"kind": KIND, "schema": migrations.LATEST, "format": kind, "rows": rows}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    return rows


def _exported(table: str, columns: list[Column], project_id: str, kind: Format) -> str:
    chosen = ", ".join(
        f"to_base64({column.name}) AS {column.name}" if kind == "jsonl" and column.type == _BINARY else column.name
        for column in columns
    )
    return f"SELECT {chosen} FROM {table} WHERE project_id = {_literal(project_id)}"


def _copy(db: duckdb.DuckDBPyConnection, query: str, file: Path, kind: Format) -> int:
    copied = db.execute(f"COPY ({query}) TO {_literal(file)} ({_COPY[kind]})").fetchone()
    return int(copied[0]) if copied else 0


def _copy_lines(db: duckdb.DuckDBPyConnection, table: str, query: str, file: Path) -> int:
    """Part after part: DuckDB would hold the text of the whole table in memory."""
    (last,) = db.execute(f"SELECT coalesce(max(rowid), -1) FROM {table}").fetchone() or (-1,)
    part, rows = file.with_suffix(".part"), 0
    with file.open("wb") as whole:
        for start in range(0, int(last) + 1, PART_ROWS):
            rows += _copy(db, f"{query} AND rowid >= {start} AND rowid < {start + PART_ROWS}", part, "jsonl")
            with part.open("rb") as lines:
                shutil.copyfileobj(lines, whole)
            part.unlink()
    return rows


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises InputError when `folder` holds no export that this version can read."""
    hint = "Choose a folder that `calango export all` wrote."
    read: object = None
    with suppress(OSError, ValueError):
        read = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    found = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    if found.get("kind") != KIND:
        raise InputError(f"{folder} holds no export.", hint)
    if found.get("format") not in FORMATS or not isinstance(found.get("schema"), int):
        raise InputError(f"The manifest in {folder} is damaged.", hint)
    if found["schema"] > migrations.LATEST:
        raise InputError(
            f"The export has schema {found['schema']}; this version of Calango knows {migrations.LATEST}.",
            "Use the newer Calango that wrote it.",
        )
    return found


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of an exported file, few enough to be taken in by one write."""

    table: str
    file: Path
    kind: Format
    start: int = 0


def parts(table: str, file: Path, kind: Format, folder: Path) -> Generator[Part]:
    """The file in parts of PART_ROWS; lines are copied into `folder`, one part at a time."""
    if kind == "parquet":
        with duckdb.connect(config={"autoload_known_extensions": False}) as db:
            try:
                (rows,) = db.execute("SELECT count(*) FROM read_parquet(?)", [str(file)]).fetchone() or (0,)
            except duckdb.Error as error:
                raise _unreadable(table, file, error) from None
        for start in range(0, int(rows), PART_ROWS):
            yield Part(table, file, kind, start)
        return
    with file.open("rb") as lines:
        part = folder / file.name
        while _copy_some(lines, part):
            yield Part(table, part, kind)


def _copy_some(lines: BinaryIO, part: Path) -> bool:
    """Write the next PART_ROWS lines into `part`, or fewer when they are long; False when there is none."""
    rows = size = 0
    with part.open("wb") as copied:
        while rows < PART_ROWS and size < PART_BYTES and (line := lines.readline(PART_BYTES)):
            if len(line) == PART_BYTES:
                raise InputError(f"{part.name} has a line of more than {PART_BYTES} bytes.", _HINT)
            copied.write(line)
            rows, size = rows + 1, size + len(line)
    return rows > 0


def load(db: duckdb.DuckDBPyConnection, project_id: str, part: Part) -> int:
    """Take exported rows into a project; the same row again replaces itself. Returns how many.

    Columns that the file does not have are left empty. Raises InputError when it can't be read as that table.
    """
    table, columns = part.table, columns_of(db, part.table)
    names = [column.name for column in columns]
    more = computed.of(table, names)
    same = " AND ".join(f"{table}.{name} IS NOT DISTINCT FROM incoming.{name}" for name in TABLES[table])
    try:
        query, params = _chosen(db, columns, part)
        db.execute(f"CREATE OR REPLACE TEMP TABLE incoming AS {query}", params)
        if wrong := checks.wrong_column(db, table, columns, "incoming"):
            raise InputError(f"{part.file.name} can't be read as {table}: a value of {wrong} makes no sense.", _HINT)
        db.execute(f"DELETE FROM {table} USING incoming WHERE {table}.project_id = ? AND {same}", [project_id])
        db.execute(
            f"INSERT INTO {table} ({', '.join(['project_id', *names, *more])})"
            f" SELECT {', '.join(['?', *names, *more.values()])} FROM incoming",
            [project_id],
        )
        if table in _TRACE_ID:
            db.execute(f"INSERT INTO touched SELECT DISTINCT ?, {_TRACE_ID[table]} FROM incoming", [project_id])
        (loaded,) = db.execute("SELECT count(*) FROM incoming").fetchone() or (0,)
        db.execute("DROP TABLE incoming")
    except duckdb.Error as error:
        raise _unreadable(table, part.file, error) from None
    return int(loaded)


def _chosen(db: duckdb.DuckDBPyConnection, columns: list[Column], part: Part) -> tuple[str, list[Any]]:
    """The query that gives the part all of the table's columns with their types, each row once; its parameters."""
    if part.kind == "parquet":
        source, rows = "read_parquet(?, file_row_number = true)", "file_row_number >= ? AND file_row_number < ?"
        params: list[Any] = [str(part.file), part.start, part.start + PART_ROWS]
    else:
        texts = ", ".join(f"{column.name}: '{_in_lines(column)}'" for column in columns)
        source, rows = f"read_json(?, format = 'newline_delimited', columns = {{{texts}}})", "true"
        params = [str(part.file)]
    given = {row[0] for row in db.execute(f"DESCRIBE SELECT * FROM {source}", params[:1]).fetchall()}
    chosen = [
        f"CAST(NULL AS {column.type}) AS {column.name}"
        if column.name not in given
        else f"from_base64({column.name}) AS {column.name}"
        if part.kind == "jsonl" and column.type == _BINARY
        else f"CAST({column.name} AS {column.type}) AS {column.name}"
        for column in columns
    ]
    once = f"QUALIFY row_number() OVER (PARTITION BY {', '.join(TABLES[part.table])}) = 1"
    return f"SELECT {', '.join(chosen)} FROM {source} WHERE {rows} {once}", params


def _in_lines(column: Column) -> str:
    return "VARCHAR" if column.type == _BINARY else column.type


def _unreadable(table: str, file: Path, error: duckdb.Error) -> InputError:
    return InputError(f"{file.name} can't be read as {table}: {str(error).splitlines()[0][:200]}.", _HINT)


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
