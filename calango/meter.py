"""Sums up the model calls of a turn; works without tracing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from calango.pricing import Cost, Prices
from calango.records import Usage
from calango.tracing import generation
from calango.tracing.encoding import text_of
from calango.tracing.outcome import TurnCancelled


@dataclass(eq=False)
class Meter(BaseCallbackHandler):
    """`model` is that of the last call; `unpriced_calls` have tokens and no known price.

    Once `stopped`, a call ends at its next token, also on another thread.
    """

    run_inline = True
    prices: Prices = field(default_factory=Prices)
    stopped: bool = False
    model: str | None = None
    usage: Usage | None = None
    cost: Cost | None = None
    unpriced_calls: int = 0
    _calls: dict[UUID, generation.ModelCall] = field(default_factory=dict[UUID, generation.ModelCall])

    def on_chat_model_start(
        self, serialized: Mapping[str, Any] | None, messages: list[list[BaseMessage]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        chars = sum(len(text_of(message)) for group in messages for message in group)
        self._calls[run_id] = generation.model_call(serialized, kwargs.get("metadata"), kwargs, chars)

    def on_llm_start(
        self, serialized: Mapping[str, Any] | None, prompts: list[str], *, run_id: UUID, **kwargs: Any
    ) -> None:
        chars = sum(map(len, prompts))
        self._calls[run_id] = generation.model_call(serialized, kwargs.get("metadata"), kwargs, chars)

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        if self.stopped:
            raise TurnCancelled

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        call = self._calls.pop(run_id, None)
        if call is None:
            return
        found = generation.answer(response, call)
        self.model = found.model or call.model or self.model
        if found.usage is not None:
            self.usage = found.usage if self.usage is None else self.usage + found.usage
        cost = generation.cost_of(found, call, self.prices)
        if cost is not None:
            self.cost = cost if self.cost is None else self.cost + cost
        elif found.usage is not None and found.usage.total:
            self.unpriced_calls += 1
