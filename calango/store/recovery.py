"""A write-ahead log that lost power in mid-write: what was committed before is kept, the torn end is put aside.

DuckDB replays a log that simply ends early. A file system may instead leave the end full of zeros or of what
was there before; then the checksum of the last entry is wrong and DuckDB refuses the whole file. An entry is
its size (8 bytes, little-endian), its checksum (8 bytes), and its data; DuckDB names the position of the data.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

_DAMAGED = re.compile(r"Corrupt WAL file: entry at byte position (\d+)")
_HEAD = 16


def log_of(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def without_torn_end(error: Exception, path: Path) -> Path | None:
    """Cut the log of the database at `path` before the entry that `error` names, when nothing was written after it.

    Returns where the whole log is kept, or None when the damage is another one: then nothing was changed.
    """
    found = _DAMAGED.search(str(error))
    log = log_of(path)
    if found is None or not log.exists():
        return None
    data = int(found[1])
    content = log.read_bytes()
    start = data - _HEAD
    end = data + int.from_bytes(content[start : start + 8], "little")
    if start < 0 or content[end:].strip(b"\0"):
        return None
    kept = log.with_name(f"{log.name}.torn-{time.time_ns()}")
    log.rename(kept)
    log.write_bytes(content[:start])
    return kept
