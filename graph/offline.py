"""A chat model that needs nothing: no network, no key, no weights. Fixed rules choose tools and word the answers.

It takes part in the graph like any chat model: it binds tools, streams, classifies the intent through structured
output, and reports usage. It learns the locale from the line `Locale: ...` of the system message, as a real model does.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, cast
from uuid import uuid4

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolCall,
    ToolCallChunk,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from . import replies, rules
from .language import spoken

NAME = "calango-offline"


class OfflineChatModel(BaseChatModel):
    """Deterministic: the same conversation gets the same answer. Only ids of tool calls are random.

    Usage counts words and punctuation marks: input over all messages and their tool calls, output over the answer.
    `delay_s` waits that long before each streamed piece, for demonstrations and for tests of stopping.
    """

    model: str = NAME
    delay_s: float = 0.0

    @property
    def _llm_type(self) -> str:
        return NAME

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        del stop, kwargs
        return LangSmithParams(ls_provider="calango", ls_model_name=self.model, ls_model_type="chat")

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del stop, run_manager
        reply = respond(messages, kwargs.get("tools") or [], kwargs.get("tool_choice"))
        reply.usage_metadata = usage(messages, reply)
        reply.response_metadata = self._metadata()
        return ChatResult(generations=[ChatGeneration(message=reply)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        del stop, run_manager  # nothing to stop at; the caller reports the chunks
        for chunk in self._chunks(messages, **kwargs):
            if self.delay_s:
                time.sleep(self.delay_s)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        del stop, run_manager  # nothing to stop at; the caller reports the chunks
        for chunk in self._chunks(messages, **kwargs):
            await asyncio.sleep(self.delay_s)  # also without a delay: lets others run, and a cancellation arrive
            yield chunk

    def _chunks(self, messages: list[BaseMessage], **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        reply = respond(messages, kwargs.get("tools") or [], kwargs.get("tool_choice"))
        for piece in re.findall(r"\s*\S+\s*", reply.text):
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                tool_call_chunks=[
                    ToolCallChunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index)
                    for index, call in enumerate(reply.tool_calls)
                ],
                usage_metadata=usage(messages, reply),
                response_metadata=self._metadata(),
                chunk_position="last",
            )
        )

    def _metadata(self) -> dict[str, Any]:
        return {"model_name": self.model, "model_provider": "calango", "finish_reason": "stop"}


def respond(messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]], choice: str | None = None) -> AIMessage:
    """The next message: tool calls, or the answer. `tools` are in OpenAI's form."""
    talk = [message for message in messages if not isinstance(message, SystemMessage)]
    language = spoken(talk, _locale(messages))
    if choice is not None and len(tools) == 1:
        return _fill_in(tools[0], talk)
    names = {cast("str", tool["function"]["name"]) for tool in tools}
    results = replies.latest_results(talk)
    if results:
        return AIMessage(replies.from_results(results, talk, language))
    wanted = replies.wanted_tools(talk, language)
    calls = [ToolCall(name=name, args=args, id=f"call_{uuid4().hex}") for name, args in wanted if name in names]
    return AIMessage("", tool_calls=calls) if calls else AIMessage(replies.direct(talk, language))


def usage(messages: Sequence[BaseMessage], reply: AIMessage) -> UsageMetadata:
    given = sum(_count(message) for message in messages)
    produced = _count(reply)
    return UsageMetadata(input_tokens=given, output_tokens=produced, total_tokens=given + produced)


def _count(message: BaseMessage) -> int:
    text = message.text
    if isinstance(message, AIMessage):
        text += "".join(f" {call['name']} {json.dumps(call['args'])}" for call in message.tool_calls)
    return len(re.findall(r"\w+|[^\w\s]", text))


def _locale(messages: Sequence[BaseMessage]) -> str:
    system = "\n".join(message.text for message in messages if isinstance(message, SystemMessage))
    match = re.search(r"^Locale: (\w+)", system, re.MULTILINE)
    return match[1] if match else "pt_BR"


def _fill_in(schema: dict[str, Any], talk: Sequence[BaseMessage]) -> AIMessage:
    """Structured output: a field that lists intents gets the intent. ValueError for any other form."""
    function = cast("dict[str, Any]", schema["function"])
    fields = cast("dict[str, dict[str, Any]]", function.get("parameters", {}).get("properties", {}))
    question = next((message.text for message in reversed(talk) if isinstance(message, HumanMessage)), "")
    # A classifier sees no tool results: that something was answered is enough to read “and twice that?” as arithmetic.
    previous = "1" if any(isinstance(message, AIMessage) and "=" in message.text for message in talk) else None
    intent = rules.classify(question[: rules.MAX_CHARS], previous=previous, language=spoken(talk, "pt_BR"))
    if len(fields) != 1 or not all(intent in field.get("enum", ()) for field in fields.values()):
        raise ValueError(f"{NAME} only fills in the intent; choose a language model for other structured output.")
    args = dict.fromkeys(fields, intent)
    return AIMessage("", tool_calls=[ToolCall(name=function["name"], args=args, id=f"call_{uuid4().hex}")])
