"""Projects and their keys. Of a secret key only its hash is stored; names are unique, public keys too.

Functions of a connection: pass those that write to `Store.write`. With its one writer, no two of them interleave.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import duckdb


@dataclass(frozen=True, slots=True)
class StoredKey:
    public_key: str
    created_ns: int


@dataclass(frozen=True, slots=True)
class Project:
    id: str
    name: str
    created_ns: int
    keys: tuple[StoredKey, ...]


def put_project(
    db: duckdb.DuckDBPyConnection, *, project_id: str, name: str, public_key: str, secret_sha256: str
) -> None:
    """Make the project and its key known; a known key gets this secret and project."""
    if not db.execute("SELECT 1 FROM projects WHERE id = ?", [project_id]).fetchone():
        db.execute("INSERT INTO projects VALUES (?, ?, ?)", [project_id, name, time.time_ns()])
    row = db.execute(
        "UPDATE api_keys SET secret_sha256 = ?, project_id = ? WHERE public_key = ?",
        [secret_sha256, project_id, public_key],
    ).fetchone()
    if not row or not row[0]:
        add_key(db, project_id=project_id, public_key=public_key, secret_sha256=secret_sha256)


def is_name_taken(db: duckdb.DuckDBPyConnection, name: str) -> bool:
    return db.execute("SELECT 1 FROM projects WHERE name = ? OR id = ?", [name, name]).fetchone() is not None


def add_key(db: duckdb.DuckDBPyConnection, *, project_id: str, public_key: str, secret_sha256: str) -> bool:
    """False when there is no such project: then nothing was stored."""
    if not db.execute("SELECT 1 FROM projects WHERE id = ?", [project_id]).fetchone():
        return False
    db.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?)", [public_key, secret_sha256, project_id, time.time_ns()])
    return True


def revoke_key(db: duckdb.DuckDBPyConnection, public_key: str) -> bool:
    """False when there is no such key."""
    row = db.execute("DELETE FROM api_keys WHERE public_key = ?", [public_key]).fetchone()
    return bool(row and row[0])


def all_projects(db: duckdb.DuckDBPyConnection) -> list[Project]:
    """The oldest first; so are the keys of each."""
    keys: dict[str, list[StoredKey]] = {}
    for project_id, public_key, created_ns in db.execute(
        "SELECT project_id, public_key, created_ns FROM api_keys ORDER BY created_ns, public_key"
    ).fetchall():
        keys.setdefault(project_id, []).append(StoredKey(public_key, created_ns))
    rows = db.execute("SELECT id, name, created_ns FROM projects ORDER BY created_ns, id").fetchall()
    return [Project(id_, name, created_ns, tuple(keys.get(id_, ()))) for id_, name, created_ns in rows]
