"""What a conversation remembers between two steps, and between two turns."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from langchain_core.messages import AnyMessage
from langgraph.graph import add_messages

IntentName = Literal["question", "calculation", "time", "usage", "chat", "other"]


class State(TypedDict):
    """Messages and plain JSON values only, so that every checkpointer can store it.

    A turn appends, in this order: the person's HumanMessage; then, as often as the model asks for tools, an AIMessage
    with `tool_calls` and one ToolMessage for each call; then the AIMessage with the answer. `add_messages` replaces a
    message that comes again under its id, which is how `post_process` tidies the answer.

    `intent` is that of the latest turn.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    intent: str
