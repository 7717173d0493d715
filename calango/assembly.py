"""Puts the graph together: the one that is set, with the models and tools that Calango has for it."""

from __future__ import annotations

from calango.currency import second
from calango.loader import LoadedGraph, bundled_attr, load_graph
from calango.models import ModelChoice
from calango.rating import open_reader
from calango.settings import Settings
from calango.tracing import Tracing
from calango.usage_tool import usage_tool


def assemble(settings: Settings, tracing: Tracing | None, choice: ModelChoice) -> LoadedGraph:
    """Raises GraphError when the graph that is set can't be used."""
    make_models = bundled_attr("models:Models")
    models = make_models(
        choice.spec,
        settings.intent_model,
        ollama_base_url=settings.ollama_base_url,
        timeout_s=settings.model_timeout_s,
        context_tokens=settings.context_tokens,
    )
    tools = (
        [usage_tool(lambda: open_reader(settings, tracing), settings.locale, second(settings))]
        if tracing is not None
        else []
    )
    return load_graph(settings.graph, {"models": models, "tools": tools})
