"""One callback object for many turns at once: for graphs whose callbacks are set where they are built.

LangGraph Studio and other LangGraph servers run one graph object for everybody. This hands the events of each run to a
handler of its own, so that nothing of one turn meets another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler

from calango.tracing.handler import CalangoHandler


class SharedHandler(BaseCallbackHandler):
    """`make` builds the handler of one run. Session follows from the run's `thread_id`."""

    run_inline = True

    def __init__(self, make: Callable[[], CalangoHandler]) -> None:
        self._make = make
        self._handlers: dict[UUID, CalangoHandler] = {}

    def span_of(self, run_id: UUID) -> Any:
        """See `CalangoHandler.span_of`."""
        handler = self._handlers.get(run_id)
        return handler.span_of(run_id) if handler is not None else None

    @property
    def open_runs(self) -> int:
        return len(self._handlers)

    def _started(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        parent = kwargs.get("parent_run_id")
        handler = self._handlers.get(parent) if parent is not None else None
        if handler is None:
            handler = self._make()
        self._handlers[kwargs["run_id"]] = handler
        getattr(handler, name)(*args, **kwargs)

    def _happened(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        handler = self._handlers.get(kwargs["run_id"])
        if handler is not None:
            getattr(handler, name)(*args, **kwargs)

    def _ended(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        handler = self._handlers.pop(kwargs["run_id"], None)
        if handler is None:
            return
        getattr(handler, name)(*args, **kwargs)
        if kwargs.get("parent_run_id") is None:
            self._handlers = {run: kept for run, kept in self._handlers.items() if kept is not handler}

    # Each event of LangChain goes one of three ways.

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        self._started("on_chain_start", args, kwargs)

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self._started("on_chat_model_start", args, kwargs)

    def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        self._started("on_llm_start", args, kwargs)

    def on_tool_start(self, *args: Any, **kwargs: Any) -> None:
        self._started("on_tool_start", args, kwargs)

    def on_retriever_start(self, *args: Any, **kwargs: Any) -> None:
        self._started("on_retriever_start", args, kwargs)

    def on_llm_new_token(self, *args: Any, **kwargs: Any) -> None:
        self._happened("on_llm_new_token", args, kwargs)

    def on_custom_event(self, *args: Any, **kwargs: Any) -> None:
        self._happened("on_custom_event", args, kwargs)

    def on_chain_end(self, *args: Any, **kwargs: Any) -> None:
        self._ended("on_chain_end", args, kwargs)

    def on_chain_error(self, *args: Any, **kwargs: Any) -> None:
        self._ended("on_chain_error", args, kwargs)

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self._ended("on_llm_end", args, kwargs)

    def on_llm_error(self, *args: Any, **kwargs: Any) -> None:
        self._ended("on_llm_error", args, kwargs)

    def on_tool_end(self, *args: Any, **kwargs: Any) -> None:
        self._ended("on_tool_end", args, kwargs)

    def on_tool_error(self, *args: Any, **kwargs: Any) -> None:
        self._ended("on_tool_error", args, kwargs)

    def on_retriever_end(self, *args: Any, **kwargs: Any) -> None:
        self._ended("on_retriever_end", args, kwargs)

    def on_retriever_error(self, *args: Any, **kwargs: Any) -> None:
        self._ended("on_retriever_error", args, kwargs)
