"""A graph whose every turn costs the same, and the price that makes it so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from calango.loader import LoadedGraph

COST = 0.01  # USD of a turn
PRICES = '[[models]]\nmatch = "priced"\ninput = 10\noutput = 0\n'


def priced_graph(meanwhile: Callable[[], object] = lambda: None, *, model: str = "priced") -> LoadedGraph:
    """Its turns ask a model once, 1,000 tokens in, and wait for `meanwhile` then. Another `model` has no price."""
    usage = {"input_tokens": 1000, "output_tokens": 0, "total_tokens": 1000}

    def answer(state: MessagesState) -> dict[str, Any]:
        said = AIMessage("Pronto.", usage_metadata=usage, response_metadata={"model_name": model})
        found = FakeMessagesListChatModel(responses=[said]).invoke(state["messages"])
        meanwhile()
        return {"messages": [found]}

    builder = StateGraph(MessagesState)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", END)
    return LoadedGraph("priced", "priced", builder)


def set_budgets(home: Path, text: str) -> None:
    """`budgets.toml` and the price of the model, in the home."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "budgets.toml").write_text(text)
    (home / "prices.toml").write_text(PRICES)
