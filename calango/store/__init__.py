"""One DuckDB file: observations, traces, scores and what belongs to them. Only the server's process opens it."""

from calango.store.connection import Store as Store
from calango.store.connection import StoreLocked as StoreLocked
from calango.store.rows import ObservationRow as ObservationRow
from calango.store.rows import ScoreRow as ScoreRow
from calango.store.rows import TraceRow as TraceRow

__all__ = ["ObservationRow", "ScoreRow", "Store", "StoreLocked", "TraceRow"]
