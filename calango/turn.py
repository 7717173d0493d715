"""One run of a graph on the engine's loop: yields events, and leaves the thread in order however it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphRecursionError
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from calango.records import (
    Event,
    Interrupt,
    NodeEnd,
    NodeStart,
    Status,
    Token,
    ToolCall,
    ToolResult,
)
from calango.tracing.encoding import messages_in, text_of
from calango.tracing.outcome import TurnCancelled

MARK = "calango"  # key in an answer's response_metadata: how its turn ended, when not well
NO_ANSWER = "…"  # stands in the thread where an answer should be, so that no two questions follow each other

_MODES = ["messages", "tasks", "values"]

Graph = CompiledStateGraph[Any, Any, Any, Any]


@dataclass(slots=True)
class Outcome:
    """How the graph's part of a turn ended. `messages` is the thread as last seen; `node` ran last."""

    content: str = ""
    status: Status = "ok"
    error: str | None = None
    first_token_s: float | None = None
    messages: list[BaseMessage] = field(default_factory=list[BaseMessage])
    node: str | None = None
    exception: BaseException | None = None


class TurnRun:
    """Runs the graph once and keeps what it yields. Used by one task."""

    def __init__(self, graph: Graph, config: RunnableConfig, emit: Callable[[Event], None]) -> None:
        self._graph = graph
        self._config = config
        self._emit = emit
        self._streamed: set[str] = set()
        self._pieces: list[str] = []
        self._piece_id: str | None = None
        self._known_calls: set[str] = set()
        self._waits: list[Any] = []
        self.outcome = Outcome()

    async def run(self, given: Mapping[str, Any] | Command[Any], context: Mapping[str, Any] | None) -> Outcome:
        """Never raises but for what is no Exception: errors and cancellation end up in the outcome."""
        graph = cast("Any", self._graph)  # its overloads don't know a list of stream modes
        about = dict(context) if context else None
        stream: AsyncIterator[tuple[str, Any]] = graph.astream(given, self._config, context=about, stream_mode=_MODES)
        try:
            async for mode, data in stream:
                self._take(mode, data)
        except (asyncio.CancelledError, TurnCancelled) as error:
            self._end("cancelled", "".join(self._pieces), error)
        except Exception as error:  # noqa: BLE001 - whatever a graph raises is how its turn ended
            self._end("error", "".join(self._pieces), error)
        else:
            self._finish()
        return self.outcome

    def _take(self, mode: str, data: Any) -> None:
        if mode == "messages":
            self._message(*data)
        elif mode == "values":
            self.outcome.messages = messages_in(data)
        else:
            self._task(data)

    def _message(self, message: BaseMessage, metadata: Mapping[str, Any]) -> None:
        if not isinstance(message, AIMessage):
            return
        known = message.id in self._streamed
        if not isinstance(message, AIMessageChunk) and known:
            return
        if message.id is not None:
            self._streamed.add(message.id)
        if message.id != self._piece_id:
            self._piece_id = message.id
            self._pieces.clear()
        text = text_of(message)
        if text:
            if self.outcome.first_token_s is None:
                self.outcome.first_token_s = time.perf_counter()
            self._pieces.append(text)
            self._emit(Token(text, str(metadata.get("langgraph_node", ""))))

    def _task(self, data: Mapping[str, Any]) -> None:
        node = str(data["name"])
        if "input" in data:
            self.outcome.node = node
            self._emit(NodeStart(node))
            return
        for message in messages_in(data.get("result")):
            self._tools(message)
        self._waits += [wait["value"] for wait in data.get("interrupts") or ()]
        self._emit(NodeEnd(node))

    def _tools(self, message: BaseMessage) -> None:
        if isinstance(message, AIMessage):
            for call in message.tool_calls:
                if call["id"] not in self._known_calls:
                    self._known_calls.add(str(call["id"]))
                    self._emit(ToolCall(str(call["id"]), call["name"], call["args"]))
        elif isinstance(message, ToolMessage):
            is_error = message.status == "error"
            self._emit(ToolResult(message.tool_call_id, message.name or "", text_of(message), is_error))

    def _finish(self) -> None:
        if self._waits:
            for value in self._waits:
                self._emit(Interrupt(value))
            asked = self._waits[0]
            self.outcome.status = "interrupted"
            self.outcome.content = asked if isinstance(asked, str) else ""
            return
        self.outcome.content = answer_in(self.outcome.messages) or "".join(self._pieces)

    def _end(self, status: Status, content: str, error: BaseException) -> None:
        self.outcome.status = status
        self.outcome.content = content
        self.outcome.exception = error
        self.outcome.error = None if status == "cancelled" else explain(error)

    async def settle(self) -> None:
        """After a turn that did not end well: answer open tool calls and the question, so that the next can follow."""
        outcome = self.outcome
        if outcome.status not in {"cancelled", "error"}:
            return
        note: dict[str, Any] = {"status": outcome.status}
        if outcome.error:
            note["error"] = outcome.error
        repair: list[BaseMessage] = [*_unanswered_calls(outcome.messages, outcome.status)]
        repair.append(AIMessage(outcome.content or NO_ANSWER, response_metadata={MARK: note}))
        config: RunnableConfig = {"configurable": self._config.get("configurable", {})}  # without callbacks: not traced
        for node in _candidates(self._graph, outcome.node):
            try:
                await self._graph.aupdate_state(config, {"messages": repair}, as_node=node)
            except Exception:  # noqa: BLE001, S112 - a node's own writers may object; another one takes it
                continue
            return


def question(text: str, message_id: str) -> dict[str, Any]:
    return {"messages": [HumanMessage(text, id=message_id)]}


def answer_in(messages: Sequence[BaseMessage]) -> str:
    """The text of the last answer after the last question; empty when there is none."""
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            return ""
        if isinstance(message, AIMessage) and not message.tool_calls:
            return text_of(message)
    return ""


def explain(error: BaseException) -> str:
    """What happened and what to do, for a person. Errors that carry `message` and `hint` speak for themselves."""
    message, hint = getattr(error, "message", None), getattr(error, "hint", None)
    if isinstance(message, str) and isinstance(hint, str):
        return f"{message} {hint}".strip()
    if isinstance(error, GraphRecursionError):
        return "The graph took more steps than allowed. Raise CALANGO_RECURSION_LIMIT, or look for a loop in the trace."
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _unanswered_calls(messages: Sequence[BaseMessage], status: Status) -> list[ToolMessage]:
    answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    calls = [call for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]
    said = "cancelled" if status == "cancelled" else "The turn failed before this tool had answered."
    return [
        ToolMessage(said, tool_call_id=str(call["id"]), name=call["name"], status="error")
        for call in calls
        if call["id"] not in answered
    ]


def _candidates(graph: Graph, ran_last: str | None) -> list[str | None]:
    """Nodes in whose name the thread may be updated; best one that leads to the end, so that nothing follows."""
    last = [start for start, end in graph.builder.edges if end == "__end__"]
    names = [*last, *([ran_last] if ran_last else []), *graph.builder.nodes]
    return [*dict.fromkeys(names), None]
