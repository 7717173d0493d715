"""What an exception means for the observation it ended."""

from __future__ import annotations

import asyncio

from langgraph.errors import GraphBubbleUp

from calango.records import Level


class TurnCancelled(asyncio.CancelledError):
    """Raised inside a model call whose turn was stopped; ends the call at its next token."""


def is_cancellation(error: BaseException) -> bool:
    return isinstance(error, (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt))


def outcome(error: BaseException) -> tuple[Level, str]:
    """Level and status message: stopping is a warning, an interrupt is no error, everything else is one."""
    if is_cancellation(error):
        return "WARNING", "cancelled"
    if isinstance(error, GraphBubbleUp):
        return "DEFAULT", "interrupted"
    return "ERROR", f"{type(error).__name__}: {error}".rstrip(": ")
