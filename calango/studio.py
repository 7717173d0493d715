"""What LangGraph Studio and other LangGraph servers open (`langgraph.json`): the same graph, traced the same way.

The graph is static and has no checkpointer: the server brings its own, and would not start with ours.
"""

from __future__ import annotations

from typing import Any

from langgraph.graph.state import CompiledStateGraph

from calango import models
from calango.assembly import assemble
from calango.settings import Settings
from calango.tracing import connect, connect_spans, create_handler
from calango.tracing.shared import SharedHandler

TAGS = ("calango", "studio")


def make() -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph of the settings with a handler attached that takes the session from the thread."""
    settings = Settings.load()
    graph = assemble(settings, connect(settings), models.choose(settings)).compile()
    tracing = connect_spans(settings)
    if tracing is None:
        return graph
    handler = SharedHandler(lambda: create_handler(tags=TAGS, derive_trace_id=True, tracing=tracing))
    return graph.with_config(callbacks=[handler])


graph = make()
