"""Rows that come as JSON lines -> CSV, JSON lines or Parquet, a piece at a time. Writers say how many there were."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import orjson

from calango.reports.render import safe

LONGEST_ROW = 128 * 1024 * 1024  # bytes in Parquet, whose reader holds two of them


def write_csv(lines: Iterable[bytes], columns: Iterable[str], out: TextIO) -> int:
    """Plain values under stable names; lists are joined by commas. What would run as a formula gets a quote."""
    names = list(columns)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    count = 0
    for line in lines:
        row: dict[str, Any] = orjson.loads(line)
        writer.writerow([_cell(row[name]) for name in names])
        count += 1
    return count


def write_lines(lines: Iterable[bytes], _columns: Iterable[str], out: TextIO) -> int:
    count = 0
    for line in lines:
        out.write(line.decode() + "\n")
        count += 1
    return count


def write_parquet(lines: Iterator[bytes], types: Mapping[str, str], file: Path) -> int:
    """Typed, zstd. `types`: column -> DuckDB type. The lines lie in a file beside it until all have come."""
    import duckdb  # noqa: PLC0415 - only this format needs it

    columns = ", ".join(f"{name}: '{type_}'" for name, type_ in types.items())
    with tempfile.TemporaryDirectory(dir=file.absolute().parent) as folder:
        spool = Path(folder) / "rows.jsonl"
        with spool.open("wb") as out:
            out.writelines(line + b"\n" for line in lines)
        with duckdb.connect(config={"autoload_known_extensions": False, "memory_limit": "1GB", "threads": 1}) as db:
            options = f"format = 'newline_delimited', maximum_object_size = {LONGEST_ROW}, columns = {{{columns}}}"
            target = str(file).replace("'", "''")
            copy = f"COPY (FROM read_json(?, {options})) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
            (count,) = db.execute(copy, [str(spool)]).fetchone() or (0,)
    return int(count)


def _cell(value: str | float | list[str] | None) -> Any:
    return safe(", ".join(value) if isinstance(value, list) else value)
