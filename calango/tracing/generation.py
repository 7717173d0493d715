"""What a model call tells about itself: name, parameters, usage, durations, cost. Pure readers of LangChain values."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from calango.pricing import Cost, Prices, Work
from calango.records import Usage

_PARAMETERS = (
    "temperature", "top_p", "top_k", "min_p", "seed", "stop", "max_tokens", "max_completion_tokens",
    "num_ctx", "num_predict", "num_gpu", "num_thread", "repeat_last_n", "repeat_penalty", "tfs_z",
    "mirostat", "mirostat_eta", "mirostat_tau", "keep_alive", "format", "reasoning", "reasoning_effort",
    "frequency_penalty", "presence_penalty", "service_tier", "request_timeout",
)  # fmt: skip
_DURATIONS = {  # Ollama's nanoseconds -> our milliseconds
    "total_duration": "total_ms",
    "load_duration": "load_ms",
    "prompt_eval_duration": "prompt_ms",
    "eval_duration": "generation_ms",
}
_LONGEST_NS = 10**15  # eleven days; what claims to have worked longer tells nothing
CHARS_PER_TOKEN = 4  # the usual rough measure, used only where a model did not count


@dataclass(frozen=True, slots=True)
class ModelCall:
    """Known when a call starts. `input_chars` is what an estimate of its input tokens stands on."""

    model: str | None
    provider: str | None
    parameters: Mapping[str, Any]
    input_chars: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Known when a call ends. `usage_details` are Langfuse's names, where `input` leaves out cached tokens."""

    message: BaseMessage | None
    text: str
    model: str | None = None
    usage: Usage | None = None
    usage_details: Mapping[str, int] = field(default_factory=dict[str, int])
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    work: Work | None = None


def model_call(
    serialized: Mapping[str, Any] | None, metadata: Mapping[str, Any] | None, kwargs: Mapping[str, Any], chars: int
) -> ModelCall:
    told: Mapping[str, Any] = kwargs.get("invocation_params") or {}
    about: Mapping[str, Any] = metadata or {}
    model = about.get("ls_model_name") or told.get("model") or told.get("model_name")
    provider = about.get("ls_provider")
    parameters = dict(_from_repr(str((serialized or {}).get("repr", ""))))
    parameters |= {key: told[key] for key in _PARAMETERS if told.get(key) is not None}
    options = told.get("options")
    if isinstance(options, Mapping):
        given = cast("Mapping[str, Any]", options)
        parameters |= {key: given[key] for key in _PARAMETERS if given.get(key) is not None}
    return ModelCall(str(model) if model else None, str(provider) if provider else None, parameters, chars)


@lru_cache(maxsize=256)
def _from_repr(text: str) -> tuple[tuple[str, Any], ...]:
    """Parameters out of a model's repr: ChatOllama and others tell most of theirs nowhere else."""
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    if not isinstance(call, ast.Call):
        return ()
    found: list[tuple[str, Any]] = []
    for keyword in call.keywords:
        if keyword.arg not in _PARAMETERS:
            continue
        try:
            value = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError, RecursionError):
            continue
        if value is not None:
            found.append((keyword.arg, value))
    return tuple(found)


def answer(response: LLMResult | None, call: ModelCall) -> Answer:
    """The last generation of a response; also of one that was cut off, as far as it went."""
    generations = [item for group in (response.generations if response else []) for item in group]
    if not generations:
        return Answer(None, "")
    last = next((item for item in generations if item.text), generations[0])
    message = last.message if isinstance(last, ChatGeneration) else None
    told = dict(message.response_metadata) if message is not None else {}
    usage, details, estimated = _usage(message, response, told, call)
    metadata: dict[str, Any] = {}
    if estimated:
        metadata["usage_estimated"] = estimated
    metadata |= _durations(told)
    if told.get("done_reason") or told.get("finish_reason"):
        metadata["finish_reason"] = told.get("done_reason") or told.get("finish_reason")
    model = told.get("model_name") or told.get("model")
    return Answer(message, last.text, str(model) if model else None, usage, details, metadata, _work(told))


def cost_of(found: Answer, call: ModelCall, prices: Prices) -> Cost | None:
    """What a call that ends now cost; None when it has no known price."""
    return prices.cost(found.usage, found.model or call.model, datetime.now(UTC), call.provider, found.work)


def _usage(
    message: BaseMessage | None, response: LLMResult | None, told: Mapping[str, Any], call: ModelCall
) -> tuple[Usage | None, dict[str, int], list[str]]:
    reported = cast("Mapping[str, Any] | None", getattr(message, "usage_metadata", None))
    if reported is None:
        output = (response.llm_output if response else None) or {}
        reported = _openai_style(output.get("token_usage") or output.get("usage"))
    if reported is not None:
        return (*_from_reported(reported), [])
    counted = told.get("eval_count")
    if not isinstance(counted, int):
        return None, {}, []
    # Ollama leaves prompt_eval_count out when the whole prompt was cached, and LangChain then drops the rest too.
    prompt = told.get("prompt_eval_count")
    estimated = not isinstance(prompt, int)
    tokens = prompt if isinstance(prompt, int) else max(1, call.input_chars // CHARS_PER_TOKEN)
    usage = Usage(input=tokens, output=counted, estimated=estimated)
    return usage, {"input": tokens, "output": counted, "total": tokens + counted}, ["input"] if estimated else []


def _openai_style(usage: object) -> Mapping[str, Any] | None:
    if not isinstance(usage, Mapping):
        return None
    counts = cast("Mapping[str, Any]", usage)
    given, made = counts.get("prompt_tokens"), counts.get("completion_tokens")
    if not isinstance(given, int) or not isinstance(made, int):
        return None
    return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}


def _from_reported(reported: Mapping[str, Any]) -> tuple[Usage, dict[str, int]]:
    """LangChain's `usage_metadata`; detail counts are part of the sums there, and beside them in Langfuse."""
    given, made = int(reported.get("input_tokens") or 0), int(reported.get("output_tokens") or 0)
    read: dict[str, int] = _details(reported.get("input_token_details"))
    wrote: dict[str, int] = _details(reported.get("output_token_details"))
    details = {"input": max(0, given - sum(read.values())), "output": max(0, made - sum(wrote.values()))}
    details |= {f"input_{key}": value for key, value in read.items()}
    details |= {f"output_{key}": value for key, value in wrote.items()}
    details["total"] = int(reported.get("total_tokens") or given + made)
    usage = Usage(given, made, cache_read=read.get("cache_read", 0), cache_write=read.get("cache_creation", 0))
    return usage, details


def _details(counts: object) -> dict[str, int]:
    if not isinstance(counts, Mapping):
        return {}
    items = cast("Mapping[str, object]", counts).items()
    return {key: value for key, value in items if isinstance(value, int) and value and not key.startswith("priority")}


def _durations(told: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for theirs, ours in _DURATIONS.items():
        value = told.get(theirs)
        if isinstance(value, int):
            found[ours] = round(value / 1e6, 3)
    made, took = told.get("eval_count"), told.get("eval_duration")
    if isinstance(made, int) and isinstance(took, int) and took > 0:
        found["tokens_per_second"] = round(made / (took / 1e9), 2)
    return {"ollama": found} if found else {}


def _work(told: Mapping[str, Any]) -> Work | None:
    """How long Ollama's model worked. Loading it and waiting for other calls is no work, so the total comes last.

    A prompt that was cached has no duration of its own.
    """
    prompt, made, total = (
        value if isinstance(value := told.get(key), int) and 0 < value <= _LONGEST_NS else 0
        for key in ("prompt_eval_duration", "eval_duration", "total_duration")
    )
    if prompt or made:
        return Work(prompt, made)
    return Work(0, total) if total else None


def tool_schemas(kwargs: Mapping[str, Any]) -> list[Any]:
    """The tools that the model was offered, as it was told about them."""
    told: Mapping[str, Any] = kwargs.get("invocation_params") or {}
    tools = told.get("tools")
    return list(cast("list[Any]", tools)) if isinstance(tools, list) else []
