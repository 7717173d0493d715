"""How a turn looks on the command line: as it happens, and what it took."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from calango.budgets.shares import told as told_budget
from calango.cli import output
from calango.currency import second, told
from calango.errors import CalangoError, InputError
from calango.records import Done, Event, Token, ToolCall, ToolResult, TurnResult

if TYPE_CHECKING:
    from calango.chat import ChatService


def show(service: ChatService, events: Iterator[Event]) -> TurnResult:
    """Print a turn as it happens, then what it took."""
    result = _shown(events)
    _footer(service, result)
    return result


def _shown(events: Iterator[Event]) -> TurnResult:
    """Print tokens as they come; in a pipe only the finished answer."""
    result: TurnResult | None = None
    live = output.is_terminal()
    for event in events:
        match event:
            case Token(text=text) if live:
                output.out.print(text, end="", markup=False)
            case ToolCall(name=name, arguments=arguments) if live:
                given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
                output.err.print(f"· {name}({given})", style="dim", markup=False)
            case ToolResult(name=name, is_error=True, content=content):
                output.err.print(f"· {name} failed: {content}", style="yellow", markup=False)
            case Done():
                result = event.result
            case _:
                pass
    if result is None:
        raise InputError("The turn ended without a result.")
    if live:
        output.out.print()
    elif result.content:
        output.out.print(result.content, markup=False)
    return result


def _footer(service: ChatService, result: TurnResult) -> None:
    if result.status == "error":
        output.complain(result.error or "The turn failed.")
    elif result.status == "interrupted":
        output.note(f"The agent waits for your answer: calango ask … --session {result.session_id}")
    for share in result.budgets:
        output.warn(told_budget(share))
    parts = [result.model or "no model"]
    if result.usage is not None:
        parts.append(f"{result.usage.input}+{result.usage.output} tokens")
    if result.cost_usd is not None:
        parts.append(told(result.cost_usd, second(service.settings), estimated=result.cost_estimated))
    parts += [output.duration(result.latency_ms), f"session {result.session_id}"]
    output.note(" · ".join(parts))
    if result.trace_id:
        output.note(f"trace {result.trace_id}  {trace_url(service, result.trace_id) or ''}".rstrip())


def trace_url(service: ChatService, trace_id: str | None) -> str | None:
    """The trace's page, asking where the backend is if need be."""
    if service.tracing is None or trace_id is None:
        return None
    with contextlib.suppress(CalangoError):
        service.tracing.destination.address()
    return service.tracing.trace_url(trace_id)
