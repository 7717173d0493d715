"""The tool `my_usage`: what this conversation has used so far, read back from its traces."""

from __future__ import annotations

from collections.abc import Callable

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool

from calango.currency import Currency, told
from calango.reader import LangfuseReader, SessionUsage

NAME = "my_usage"
_DESCRIPTION = (
    "Tokens, cost and time that this conversation has used so far, read from its traces. "
    "Use it when the person asks what they used, spent or how many turns there were. It takes no arguments."
)
_TEXT = {
    "pt_BR": (
        "Até agora, nesta conversa: {turns} turno(s), {input} tokens de entrada e {output} de saída, {cost}, "
        "{seconds:.1f} s de processamento. O turno atual ainda não está incluído.",
        "custo de {}",
        "sem custo conhecido (o modelo não tem preço)",
    ),
    "en": (
        "So far in this conversation: {turns} turn(s), {input} input and {output} output tokens, {cost}, "
        "{seconds:.1f} s of processing. The current turn is not included yet.",
        "a cost of {}",
        "no known cost (the model has no price)",
    ),
}


def usage_tool(open_reader: Callable[[], LangfuseReader], locale: str, beside: Currency | None = None) -> BaseTool:
    """`open_reader` is called in the tool's thread; whatever it raises becomes the tool's error.

    `beside` is the second currency that costs are told in.
    """

    def my_usage(config: RunnableConfig) -> str:
        session_id = str(config.get("configurable", {}).get("thread_id", ""))
        with open_reader() as reader:
            return described(reader.session_usage(session_id), locale, beside)

    return StructuredTool.from_function(my_usage, name=NAME, description=_DESCRIPTION)


def described(usage: SessionUsage, locale: str, beside: Currency | None = None) -> str:
    text, priced, unpriced = _TEXT.get(locale, _TEXT["en"])
    cost = unpriced
    if usage.cost_usd is not None:
        cost = priced.format(told(usage.cost_usd, beside, estimated=usage.cost_estimated))
    return text.format(
        turns=usage.turns,
        input=usage.input_tokens,
        output=usage.output_tokens,
        cost=cost,
        seconds=usage.latency_ms / 1000,
    )
