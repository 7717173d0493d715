"""A conversation as a page shows it: one exchange per turn, however many messages the graph wrote for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from calango.records import Message

from .turns import Finished, ToolUse


@dataclass(slots=True)
class Exchange:
    """A question and what was said to it. `key` is the trace id, or names the turn where it was not traced."""

    key: str
    trace_id: str | None
    question: Message | None
    tools: list[ToolUse] = field(default_factory=list[ToolUse])
    answers: list[Message] = field(default_factory=list[Message])

    @property
    def last(self) -> Message | None:
        return self.answers[-1] if self.answers else None


def exchanges(messages: Sequence[Message], finished: Callable[[str], Finished | None]) -> list[Exchange]:
    """`finished` adds what a thread does not say, such as the arguments of tools."""
    found: list[Exchange] = []
    for place, message in enumerate(messages):
        if message.role == "user" or not found:
            key = message.trace_id or message.message_id or f"turn-{place}"
            question = message if message.role == "user" else None
            found.append(Exchange(key, message.trace_id, question))
        if message.role == "tool":
            found[-1].tools.append(_tool(message, len(found[-1].tools), finished(found[-1].key)))
        elif message.role == "assistant":
            found[-1].answers.append(message)
    return found


def _tool(message: Message, number: int, known: Finished | None) -> ToolUse:
    name = message.tool_name or "?"
    if known is None or number >= len(known.tools):
        return ToolUse(message.message_id, name, content=message.content, is_error=message.is_error)
    return ToolUse(message.message_id, name, known.tools[number].arguments, message.content, message.is_error)
