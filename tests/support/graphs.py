"""Small graphs of one's own, beside the agent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt

from calango.loader import LoadedGraph


def graph_of(**nodes: Callable[[Any], Any]) -> LoadedGraph:
    """A graph that runs these nodes one after the other."""
    builder = StateGraph(MessagesState)
    previous = START
    for name, node in nodes.items():
        builder.add_node(name, node)
        builder.add_edge(previous, name)
        previous = name
    builder.add_edge(previous, END)
    return LoadedGraph("mine", "mine", builder)


def asking_graph() -> LoadedGraph:
    """Asks a person for a day, and says that it is booked."""

    def ask(_: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(f"Booked for {interrupt('Which day?')}.")]}

    return graph_of(ask=ask)
