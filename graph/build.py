"""The wiring of the agent, top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.messages import AIMessage
from langchain_core.tools import BaseTool
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode

from . import nodes
from .context import Context
from .models import Models
from .state import State
from .tools import builtin_tools, failed_tool


def make_graph(
    *, models: Models | None = None, tools: Sequence[BaseTool] = (), prompt: str | None = None
) -> StateGraph[State, Context, Any, Any]:
    """The agent, not yet compiled: the caller chooses the checkpointer.

    Without `models` it is offline. `tools` join the built-in ones; one of the same name replaces its namesake.
    `prompt` replaces the system prompt.
    """
    models = models or Models()
    toolbox = list({tool.name: tool for tool in (*builtin_tools(), *tools)}.values())

    builder = StateGraph(State, context_schema=Context)
    graph: Any = builder  # the annotations of add_node are incomplete for a strict check
    graph.add_node("classify_intent", nodes.classify_intent(models))
    graph.add_node("agent", nodes.agent(models, toolbox, prompt))
    graph.add_node("tools", ToolNode(toolbox, handle_tool_errors=failed_tool))
    graph.add_node("post_process", nodes.post_process())

    graph.add_edge(START, "classify_intent")
    graph.add_edge("classify_intent", "agent")
    graph.add_conditional_edges("agent", tools_or_answer)
    graph.add_edge("tools", "agent")
    graph.add_edge("post_process", END)
    return builder


def tools_or_answer(state: State) -> Literal["tools", "post_process"]:
    answer = state["messages"][-1]
    return "tools" if isinstance(answer, AIMessage) and answer.tool_calls else "post_process"
