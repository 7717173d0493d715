"""One conversation with the graph, whichever way it is run; and a handler that writes down what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk
from langgraph.checkpoint.memory import InMemorySaver

from graph.build import make_graph
from graph.context import Context
from graph.models import Models
from tests.support.ollama import OllamaServer

Events = list[tuple[str, Any]]


class Recorder(BaseCallbackHandler):
    """Callbacks in the order in which they came, as (kind, name or error); `runs` names each run."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.events: list[tuple[str, Any, str]] = []
        self.runs: dict[UUID, str] = {}

    def of(self, kind: str) -> list[str]:
        return [name for heard, name in self.heard if heard == kind]

    def _start(self, kind: str, run_id: UUID, name: str | None) -> None:
        self.runs[run_id] = name or ""
        self.heard.append((kind, name or ""))

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._start("chain_start", run_id, kwargs.get("name"))

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._start("model_start", run_id, kwargs.get("name") or serialized["name"])

    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: UUID, **kwargs: Any) -> None:
        self._start("tool_start", run_id, serialized["name"])

    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        self.heard.append(("tool_end", output.name))

    def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        self.heard.append(("chain_error", type(error).__name__))

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.heard.append(("llm_error", type(error).__name__))

    def on_tool_error(self, error: BaseException, **kwargs: Any) -> None:
        self.heard.append(("tool_error", type(error).__name__))

    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self.events.append((name, data, self.runs[run_id]))


@dataclass
class Talk:
    """A conversation in one thread. `way` is how the graph is run: invoke, stream, ainvoke or astream."""

    way: str
    models: Models
    options: dict[str, Any] = field(default_factory=dict)
    recorder: Recorder = field(default_factory=Recorder)
    context: Context = field(default_factory=Context)

    def __post_init__(self) -> None:
        self.graph = make_graph(models=self.models, **self.options).compile(checkpointer=InMemorySaver())
        self.config = {"configurable": {"thread_id": "t"}}

    def events(self, text: str) -> Events:
        """Everything that streaming one turn gives."""
        given = {"messages": [("user", text)]}
        config = {**self.config, "callbacks": [self.recorder]}
        options = {"context": self.context, "stream_mode": ["messages", "updates", "custom"]}
        if self.way in {"invoke", "stream"}:
            return list(self.graph.stream(given, config, **options))

        async def run() -> Events:
            return [event async for event in self.graph.astream(given, config, **options)]

        return asyncio.run(run())

    def ask(self, text: str) -> str:
        """The answer to one message."""
        given = {"messages": [("user", text)]}
        config = {**self.config, "callbacks": [self.recorder]}
        if self.way == "invoke":
            self.graph.invoke(given, config, context=self.context)
        elif self.way == "ainvoke":
            asyncio.run(self.graph.ainvoke(given, config, context=self.context))
        else:
            self.events(text)
        return self.messages[-1].text

    @property
    def state(self) -> dict[str, Any]:
        return self.graph.get_state(self.config).values

    @property
    def messages(self) -> list[Any]:
        return self.state["messages"]


def tokens(events: Events) -> list[str]:
    """The streamed pieces of answers."""
    pieces = [data[0] for mode, data in events if mode == "messages"]
    return [piece.text for piece in pieces if isinstance(piece, AIMessage | AIMessageChunk) and piece.text]


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> str:
    return {"sync": "stream", "async": "astream"}[request.param]


@pytest.fixture
def talk(way: str) -> Callable[..., Talk]:
    """A conversation with the offline model: `talk(locale="en")`."""

    def start(**context: Any) -> Talk:
        return Talk(way, Models(), context=Context(**context))

    return start


@pytest.fixture
def talk_to(way: str) -> Callable[..., Talk]:
    """A conversation with a model of a test server: `talk_to(ollama, tools=[...])`."""

    def start(ollama: OllamaServer, *, context_tokens: int = 8192, timeout_s: float = 10.0, **options: Any) -> Talk:
        models = Models(
            "ollama:llama3.1:8b",
            ollama_base_url=ollama.base_url,
            timeout_s=timeout_s,
            context_tokens=context_tokens,
        )
        return Talk(way, models, options)

    return start
