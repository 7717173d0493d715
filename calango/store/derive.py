"""A trace is what its observations say. Pure: rows in, one `Trace` out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from calango.store.rows import ObservationRow, TraceRow


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace. `root` is its first root observation, else its first one; None for a trace without any."""

    id: str
    project_id: str
    timestamp_ns: int
    name: str | None
    environment: str
    user_id: str | None
    session_id: str | None
    release: str | None
    version: str | None
    tags: tuple[str, ...]
    public: bool
    input: str | None
    output: str | None
    root: ObservationRow | None
    said: TraceRow | None
    observations: tuple[ObservationRow, ...]
    duration_ns: int
    total_cost: Decimal
    created_ns: int
    updated_ns: int

    @property
    def duration_ms(self) -> int:
        """Between start and end as answers show them, cut to milliseconds."""
        if not self.observations:
            return 0
        start = min(row.start_ns for row in self.observations)
        return (start + self.duration_ns) // 1_000_000 - start // 1_000_000


def root_of(rows: list[ObservationRow]) -> ObservationRow | None:
    """The first root; when none has arrived, the first observation whose parent is missing."""
    roots = [row for row in rows if row.is_root]
    if not roots:
        known = {row.id for row in rows}
        roots = [row for row in rows if row.parent_id not in known] or rows
    return min(roots, key=lambda row: (row.start_ns, row.id), default=None)


def trace_of(trace_id: str, rows: list[ObservationRow], said: TraceRow | None = None) -> Trace | None:
    """None when there is neither an observation nor anything that was said of the trace."""
    root = root_of(rows)
    if root is None and said is None:
        return None
    start = min((row.start_ns for row in rows), default=0)
    end = max((row.end_ns or row.start_ns for row in rows), default=0)
    tags = sorted({tag for row in rows for tag in row.tags or ()} | set((said.tags if said else None) or ()))
    first = root or ObservationRow("", trace_id, "", 0)
    return Trace(
        id=trace_id,
        project_id=said.project_id if said else first.project_id,
        timestamp_ns=said.timestamp_ns if said else start,
        name=_first(said.name if said else None, _any(rows, "trace_name"), root and root.name),
        environment=_first(said.environment if said else None, root and root.environment) or "default",
        user_id=_first(said.user_id if said else None, root and root.user_id, _any(rows, "user_id")),
        session_id=_first(said.session_id if said else None, root and root.session_id, _any(rows, "session_id")),
        release=_first(said.release if said else None, _any(rows, "release")),
        version=_first(said.version if said else None, root and root.version, _any(rows, "version")),
        tags=tuple(tags),
        public=bool(said and said.public) or any(row.public for row in rows),
        input=_first(said.input if said else None, _any(rows, "trace_input"), root and root.input),
        output=_first(said.output if said else None, _any(rows, "trace_output"), root and root.output),
        root=root,
        said=said,
        observations=tuple(rows),
        duration_ns=max(0, end - start),
        total_cost=sum((row.total_cost or Decimal(0) for row in rows), Decimal(0)),
        created_ns=min((item.created_ns for item in (*rows, said) if item), default=0),
        updated_ns=max((item.updated_ns for item in (*rows, said) if item), default=0),
    )


def _any(rows: list[ObservationRow], field: str) -> str | None:
    """The last value that was given; a later span knows more (`update_trace`)."""
    for row in sorted(rows, key=lambda row: (row.is_root, row.start_ns), reverse=True):
        if (value := getattr(row, field)) is not None:
            return value
    return None


def _first(*values: str | None) -> str | None:
    return next((value for value in values if value is not None), None)
