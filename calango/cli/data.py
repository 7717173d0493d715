"""`backup`, `restore`, `export all`, `import`: the data as files."""

from __future__ import annotations

import os
import shutil
import tarfile
import time
from collections.abc import Generator
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer
from filelock import FileLock
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from calango import local, local_api
from calango.cli import output
from calango.errors import ConfigError, InputError
from calango.settings import Settings

_PIECE = 1024 * 1024


class Format(StrEnum):
    PARQUET = "parquet"
    JSONL = "jsonl"


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)
    app.command("import")(load)


def register_export(app: typer.Typer) -> None:
    app.command("all")(export)


def backup(
    file: Path = typer.Argument(help="Where to write the copy."),
    force: bool = typer.Option(False, "--force", help="Replace the file if it exists."),
) -> None:
    """Copy the local database, all projects, into one file, as of now; the server goes on meanwhile.

    Example: `calango backup calango-monday.duckdb`
    """
    check_new(file, force)
    part = file.with_name(f"{file.name}.part")
    with local_api.download(local_server(), "/backup", {}) as answer:
        _write(part, _shown(answer.iter_bytes(_PIECE), int(answer.headers["content-length"]), "backup"))
    part.replace(file)
    output.say(f"{file}  {file.stat().st_size / 1e6:.1f} MB")


def restore(
    file: Path = typer.Argument(help="A file that `calango backup` wrote."),
) -> None:
    """Put a backup in the place of the local database. What was there is kept beside it; a running server ends.

    Example: `calango restore calango-monday.duckdb`
    """
    from calango.store import archive
    from calango.store.recovery import log_of

    settings = _local()
    archive.check_backup(file)
    home = local.prepare_home(settings.home)
    database = home / local.DATABASE
    incoming = database.with_name(f"{database.name}.incoming")
    shutil.copyfile(file, incoming)
    _sync(incoming)
    with FileLock(home / local.LOCK, timeout=20):  # no server starts meanwhile
        local.stop(home)
        before = f".before-{time.strftime('%Y%m%d-%H%M%S')}"
        for old in (database, log_of(database)):
            if old.exists():
                old.replace(old.with_name(old.name.replace(database.name, database.name + before)))
        incoming.replace(database)
    output.say(f"Restored {file}.")
    if (home / (database.name + before)).exists():
        output.note(f"What was there is kept as {home / (database.name + before)}.")


def export(
    folder: Path = typer.Argument(help="A new folder for the files."),
    form: Format = typer.Option(Format.PARQUET, "--format", help="Of the files."),
    project: str | None = typer.Option(None, "--project", help="Name or id; this home's own project if left out."),
) -> None:
    """Write all of a project's data, one file per table, for other tools or for `calango import`.

    Times are nanoseconds since 1970, money is USD. Nothing is masked that was not masked when it was traced.

    Example: `calango export all everything --format jsonl`
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty.", "Choose a new folder.")
    server = local_server()
    params = {"format": form.value} | _project(server, project)
    folder.mkdir(parents=True, exist_ok=True)
    tar = folder / "export.tar"
    with local_api.download(server, "/export", params) as answer:
        _write(tar, _shown(answer.iter_bytes(_PIECE), int(answer.headers["content-length"]), "export"))
    with tarfile.open(tar) as whole:
        whole.extractall(folder, filter="data")
    tar.unlink()
    _show_rows(_manifest(folder)["rows"], f"in {folder}")


def load(
    folder: Path = typer.Argument(help="A folder that `calango export all` wrote."),
    project: str | None = typer.Option(None, "--project", help="Name or id; this home's own project if left out."),
) -> None:
    """Take exported data into a project. Importing the same again doubles nothing.

    Example: `calango import everything --project support`
    """
    from calango.store import archive

    manifest = _manifest(folder)
    server = local_server()
    params = {"format": str(manifest["format"])} | _project(server, project)
    rows: dict[str, int] = {}
    for table in archive.TABLES:
        file = folder / f"{table}.{manifest['format']}"
        if not file.exists():
            continue
        content = _shown(_pieces(file), file.stat().st_size, table)
        rows[table] = local_api.call(server, "POST", f"/import/{table}", params=params, content=content)["rows"]
    _show_rows(rows, "imported")


def _local() -> Settings:
    settings = Settings.load()
    if settings.mode == "remote":
        raise ConfigError(
            "This works on the local server, and the mode is remote.", "Unset LANGFUSE_PUBLIC_KEY for this command."
        )
    return settings


def local_server() -> local.LocalServer:
    """The server, started if need be; ConfigError when the mode is remote."""
    return local.ensure(_local())


def _project(server: local.LocalServer, wanted: str | None) -> dict[str, str]:
    return {} if wanted is None else {"project": str(local_api.project_named(server, wanted)["id"])}


def _manifest(folder: Path) -> dict[str, Any]:
    from calango.store import archive

    return archive.read_manifest(folder)


def check_new(file: Path, force: bool) -> None:
    """Raises InputError when `file` is there, or its folder is not."""
    if file.is_dir() or (file.exists() and not force):
        raise InputError(f"{file} exists.", "Choose another name, or --force to replace it.")
    if not file.absolute().parent.is_dir():
        raise InputError(f"There is no folder {file.absolute().parent}.", "Make it first.")


def _write(file: Path, pieces: Generator[bytes]) -> None:
    """Readable by its owner only, and on disk when this returns."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written:
            for piece in pieces:
                written.write(piece)
        _sync(file)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _sync(file: Path) -> None:
    with file.open("rb+") as written:
        os.fsync(written.fileno())


def _pieces(file: Path) -> Generator[bytes]:
    with file.open("rb") as read:
        while piece := read.read(_PIECE):
            yield piece


def _shown(pieces: Any, total: int, name: str) -> Generator[bytes]:
    """The same pieces, with progress on stderr when that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=output.err, transient=True) as progress:
        task = progress.add_task(name, total=total)
        for piece in pieces:
            progress.advance(task, len(piece))
            yield piece


def _show_rows(rows: dict[str, int], where: str) -> None:
    for table, count in rows.items():
        if count:
            output.say(f"{table:<18} {count:>10}")
    output.note(f"{sum(rows.values())} rows {where}")
