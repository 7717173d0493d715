"""Whole copies: a backup of the database, an export of a project, and an import into one."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import anyio
import duckdb
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from calango.errors import InputError
from calango.server import params
from calango.server.errors import refused
from calango.server.http import Json, chosen_project, context_of, only_home, reading, writing
from calango.server.times import MAX_NS
from calango.store import archive, changes

PATH = "/api/calango"
COPIES = "copy-"
_PIECE = 1024 * 1024
_TAR = "application/x-tar"


async def backup(request: Request) -> StreamingResponse:
    """The whole database as of now, as a DuckDB file; writes go on meanwhile."""
    only_home(request, "copy the whole database")
    folder = _folder(request)
    try:
        await reading(request, lambda db: archive.backup(db, folder / "backup.duckdb"))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return _file(folder / "backup.duckdb", folder, "application/vnd.duckdb")


async def export(request: Request) -> StreamingResponse:
    """A project as a tar of one file per table and a manifest, all as of one moment."""
    kind, project_id = _format(request), await chosen_project(request)
    folder = _folder(request)
    data = folder / "data"
    data.mkdir()

    def pack() -> Path:
        tar = folder / "export.tar"
        with tarfile.open(tar, "w") as whole:
            for file in sorted(data.iterdir()):
                whole.add(file, file.name, filter=_anonymous)
                file.unlink()
        return tar

    try:
        await reading(request, lambda db: archive.export(db, project_id, data, kind))
        packed = await run_in_threadpool(pack)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return _file(packed, folder, _TAR)


async def load(request: Request) -> Json:
    """Take in one exported file, the body, as rows of a table; the same rows again replace themselves."""
    table, kind, project_id = request.path_params["table"], _format(request), await chosen_project(request)
    if table not in archive.TABLES:
        raise refused(f"There is no table {table[:60]}; there are {', '.join(archive.TABLES)}.")
    folder = _folder(request)
    try:
        file = folder / f"{table}.{kind}"
        async with await anyio.open_file(file, "wb") as written:
            async for piece in request.stream():
                await written.write(piece)
        pieces = folder / "part"
        pieces.mkdir()
        rows, parts = 0, archive.parts(table, file, kind, pieces)
        while (part := await run_in_threadpool(next, parts, None)) is not None:
            rows += await writing(request, _loading(project_id, part))
    except InputError as error:
        raise refused(str(error)) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if table == "models":
        await reading(request, context_of(request).prices.reload)
    return Json({"table": table, "rows": rows})


async def changed(request: Request) -> StreamingResponse:
    """Stored rows of a table in the order in which they changed, as JSON lines, behind `after_ns` and `after_key`."""
    table, project_id, given = request.path_params["table"], await chosen_project(request), request.query_params
    if table not in changes.TABLES:
        raise refused(f"There is no table {table[:60]}; there are {', '.join(changes.TABLES)}.")
    after: tuple[int, str] | None = (
        params.integer(given, "after_ns", 0, minimum=0, maximum=MAX_NS), given.get("after_key", ""),
    )  # fmt: skip

    async def lines() -> AsyncGenerator[bytes]:
        nonlocal after
        while after is not None:
            rows, after = await reading(request, lambda db, at=after: changes.changed(db, project_id, table, at))
            yield b"".join(orjson.dumps(row, default=float) + b"\n" for row in rows)

    return StreamingResponse(lines(), media_type="application/x-ndjson")


def _loading(project_id: str, part: archive.Part) -> Callable[[duckdb.DuckDBPyConnection], int]:
    return lambda db: archive.load(db, project_id, part)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same data makes the same bytes, whoever packs them and when."""
    entry.mtime = entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _format(request: Request) -> archive.Format:
    given = request.query_params.get("format", "parquet")
    if given not in archive.FORMATS:
        raise refused(f"There is no format {given[:40]}; there are {' and '.join(archive.FORMATS)}.")
    return archive.FORMATS[given]


def _folder(request: Request) -> Path:
    """A folder of its own beside the database, where there is room for a copy."""
    return Path(tempfile.mkdtemp(prefix=COPIES, dir=context_of(request).store.path.parent))


def _file(file: Path, folder: Path, media_type: str) -> StreamingResponse:
    """Stream `file` and remove `folder`, also when the client goes away."""

    async def pieces() -> AsyncGenerator[bytes]:
        try:
            async with await anyio.open_file(file, "rb") as opened:
                while piece := await opened.read(_PIECE):
                    yield piece
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    size = str(file.stat().st_size)
    return StreamingResponse(pieces(), media_type=media_type, headers={"Content-Length": size})
