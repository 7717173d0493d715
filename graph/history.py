"""What of a conversation a model gets to see: as much as fits its context, in whole exchanges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage, utils
from langchain_core.tools import BaseTool

_FOR_THE_ANSWER = 0.25  # share of the context
_CHARS_PER_TOKEN = 3.0  # on the safe side for Portuguese; English has about 4
_CUT = " […] "
# its annotation names a type of a package that is not installed, which a strict check refuses
_trim = cast("Callable[..., list[BaseMessage]]", cast("Any", utils).trim_messages)


def fit(
    system: SystemMessage, messages: Sequence[BaseMessage], tools: Sequence[BaseTool], context_tokens: int
) -> tuple[list[BaseMessage], bool]:
    """`system` and the latest messages that fit, and whether the latest turn itself had to be shortened.

    Starts on a person's message and never separates a tool's result from its call. Token counts are approximate.
    """
    spare = int(context_tokens * (1 - _FOR_THE_ANSWER)) - _tokens([system], tools)
    kept = _trim(
        list(messages),
        max_tokens=max(spare, 1),
        token_counter=_tokens,
        strategy="last",
        start_on="human",
        allow_partial=False,
    )
    if any(isinstance(message, HumanMessage) for message in kept):
        return [system, *kept], False
    return [system, *_shortened(_latest_turn(messages), max(spare, 64))], True


def _tokens(messages: Sequence[BaseMessage], tools: Sequence[BaseTool] = ()) -> int:
    return utils.count_tokens_approximately(messages, chars_per_token=_CHARS_PER_TOKEN, tools=list(tools) or None)


def _latest_turn(messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    start = max((i for i, message in enumerate(messages) if isinstance(message, HumanMessage)), default=0)
    return messages[start:]


def _shortened(messages: Sequence[BaseMessage], tokens: int) -> list[BaseMessage]:
    """Long questions and long tool results lose their middle, each keeping an equal share."""
    long = [message for message in messages if isinstance(message, HumanMessage | ToolMessage)]
    share = max(int(tokens * _CHARS_PER_TOKEN / max(len(long), 1)) - 100, 40)
    return [_without_middle(message, share) if message in long else message for message in messages]


def _without_middle(message: BaseMessage, chars: int) -> BaseMessage:
    text = message.text
    if len(text) <= chars:
        return message
    return message.model_copy(update={"content": f"{text[: chars // 2]}{_CUT}{text[-(chars // 2) :]}"})
