"""What every callback of ours stands on, and the callbacks of model calls."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk, LLMResult
from opentelemetry.trace import Span, SpanContext
from opentelemetry.util.types import AttributeValue

from calango.pricing import Prices
from calango.tracing import attributes as at
from calango.tracing import generation
from calango.tracing.client import Tracing
from calango.tracing.encoding import Encoder, to_json
from calango.tracing.prompts import current_prompt, linked_prompt
from calango.tracing.sdk import CallbackHandler
from calango.tracing.turn_spans import Run, TurnSpans

logger = logging.getLogger("calango.tracing")
_KEPT = {"langgraph_node", "langgraph_step"}
_NOISE = ("langgraph_", "ls_", "lc_", "langfuse_", "calango_", "__", "checkpoint_")
_NOISE_KEYS = {"thread_id", "checkpoint_ns", "session_id", "user_id"}

P = ParamSpec("P")
H = TypeVar("H")


def never_raises(
    method: Callable[Concatenate[H, P], None],
) -> Callable[Concatenate[H, P], None]:
    """Tracing must not break a turn: whatever goes wrong in a callback is logged, once per kind."""

    @wraps(method)
    def guarded(self: H, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception:  # the agent goes on, whatever a payload did to us
            logger.warning("%s could not be traced", method.__name__, exc_info=True)

    return guarded


class ModelCallbacks(CallbackHandler):
    """State and model callbacks; `CalangoHandler` adds chains, tools, retrievers and events."""

    run_inline = True  # no context variable is set here, so nothing can leak; and events keep their order

    def __init__(
        self,
        tracing: Tracing | None,
        about: at.TraceAttributes,
        *,
        trace_id: str | None = None,
        parent: SpanContext | None = None,
        derives: bool = False,
    ) -> None:
        if tracing is not None:
            super().__init__(public_key=tracing.destination.public_key)
        self._is_off = tracing is None
        self._prices = tracing.prices if tracing is not None else Prices()
        self._spans = TurnSpans(tracing, about, trace_id, parent)
        self._is_full = tracing is not None and tracing.settings.trace_detail == "full"
        self._encoder = Encoder(full=self._is_full)
        self._told_tools: set[str] = set()
        self._is_trace_root = parent is None
        self._derives = derives and trace_id is None and parent is None
        self._thread_id: str | None = None
        self._awaits_message = False
        self.last_trace_id = self._spans.last_trace_id

    def span_of(self, run_id: UUID) -> tuple[Tracing, at.TraceAttributes, Span] | None:
        """The span of a run, for code that runs inside of it."""
        return self._spans.span_of(run_id)

    @property
    def open_runs(self) -> int:
        """Runs that have started and not ended; 0 after every turn."""
        return len(self._spans)

    def close(self, error: BaseException | None = None) -> None:
        """The turn is over: end what a cancelled or killed run left open."""
        self._spans.end_all(error)

    # With tracing off, LangChain skips a handler that ignores everything.

    @property
    def ignore_chain(self) -> bool:
        return self._is_off

    @property
    def ignore_llm(self) -> bool:
        return self._is_off

    @property
    def ignore_chat_model(self) -> bool:
        return self._is_off

    @property
    def ignore_agent(self) -> bool:
        return self._is_off

    @property
    def ignore_retriever(self) -> bool:
        return self._is_off

    @property
    def ignore_custom_event(self) -> bool:
        return self._is_off

    @never_raises
    def on_chat_model_start(
        self,
        serialized: Mapping[str, Any] | None,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        prompt = self._encoder.messages(messages[0] if messages else []).decode()
        self._start_model(serialized, prompt, run_id, parent_run_id, metadata, kwargs)

    @never_raises
    def on_llm_start(
        self,
        serialized: Mapping[str, Any] | None,
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        prompt = prompts[0] if len(prompts) == 1 else to_json(prompts).decode()
        self._start_model(serialized, prompt, run_id, parent_run_id, metadata, kwargs)

    @never_raises
    def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        run = self._spans.get(run_id)
        if run is None:
            return
        if not run.pieces:
            run.span.set_attribute(at.FIRST_TOKEN_AT, at.time_json(time.time_ns()))
        run.pieces.append(token if isinstance(token, str) else chunk.text if chunk is not None else "")

    @never_raises
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        self._finish_model(run_id, response)
        self._spans.end(run_id)

    @never_raises
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self._finish_model(run_id, kwargs.get("response"))
        self._spans.fail(run_id, error)

    def _start(self, name: str, attributes: dict[str, AttributeValue], run_id: UUID, parent_run_id: UUID | None) -> Run:
        run = self._spans.start(name, attributes, run_id, parent_run_id)
        self.last_trace_id = self._spans.last_trace_id
        return run

    def _start_model(
        self,
        serialized: Mapping[str, Any] | None,
        prompt: str,
        run_id: UUID,
        parent_run_id: UUID | None,
        metadata: Mapping[str, Any] | None,
        kwargs: Mapping[str, Any],
    ) -> None:
        name = self.get_langchain_run_name(dict(serialized) if serialized else None, **kwargs)
        call = generation.model_call(serialized, metadata, kwargs, len(prompt))
        attributes: dict[str, AttributeValue] = {at.TYPE: "generation", at.INPUT: prompt, **kept_metadata(metadata)}
        if call.model:
            attributes[at.MODEL] = call.model
        if call.parameters:
            attributes[at.MODEL_PARAMETERS] = to_json(dict(call.parameters)).decode()
        linked = linked_prompt()
        if linked is not None:
            attributes[at.PROMPT_NAME], attributes[at.PROMPT_VERSION] = linked
        prompt_template = current_prompt()
        about: dict[str, Any] = prompt_template.as_metadata() if prompt_template is not None else {}
        about["tools"] = self._new_tools(kwargs)
        about["ls_provider"] = call.provider  # or a backend may price a local model by a listed one's name
        attributes |= at.flattened(at.METADATA, about)
        self._start(name, attributes, run_id, parent_run_id).call = call

    def _new_tools(self, kwargs: Mapping[str, Any]) -> list[Any] | None:
        """The tools that the model is offered, unless a call of this turn told them already."""
        tools = generation.tool_schemas(kwargs)
        told = to_json(tools).decode()
        if not tools or told in self._told_tools:
            return None
        self._told_tools.add(told)
        return tools

    def _finish_model(self, run_id: UUID, response: LLMResult | None) -> None:
        run = self._spans.get(run_id)
        if run is None or run.call is None:
            return
        answer = generation.answer(response, run.call)
        if answer.message is not None:
            run.span.set_attribute(at.OUTPUT, self._encoder.message(answer.message).decode())
        elif answer.text:
            run.span.set_attribute(at.OUTPUT, answer.text)
        elif run.pieces:
            run.span.set_attribute(at.OUTPUT, run.partial_output())
        if answer.usage_details:
            run.span.set_attribute(at.USAGE, at.usage_json(answer.usage_details))
        cost = generation.cost_of(answer, run.call, self._prices)
        if cost is not None:
            run.span.set_attributes(at.cost_attributes(cost))
        run.span.set_attributes(at.flattened(at.METADATA, answer.metadata))


def kept_metadata(metadata: Mapping[str, Any] | None) -> dict[str, AttributeValue]:
    """What users put there, and the node; what LangGraph and LangChain note for themselves stays out."""
    kept = {
        key: value
        for key, value in (metadata or {}).items()
        if key in _KEPT or not (key in _NOISE_KEYS or key.startswith(_NOISE))
    }
    return at.flattened(at.METADATA, kept)
