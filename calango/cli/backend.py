"""The backend of the current settings, for commands that read it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from calango.errors import BackendUnreachable
from calango.rating import open_reader
from calango.reader import LangfuseReader
from calango.settings import Settings
from calango.tracing import Tracing, connect


@dataclass(frozen=True, slots=True)
class Backend:
    settings: Settings
    tracing: Tracing
    reader: LangfuseReader


@contextmanager
def open_backend() -> Generator[Backend]:
    """Starts the local server when that is what the settings mean. BackendUnreachable when tracing is off."""
    settings = Settings.load()
    tracing = connect(settings)
    if tracing is None:
        raise BackendUnreachable(
            "Tracing is off, so there is nothing to read.", "Remove LANGFUSE_TRACING_ENABLED=false."
        )
    with open_reader(settings, tracing) as reader:
        yield Backend(settings, tracing, reader)
