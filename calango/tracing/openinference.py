"""Our spans as OpenInference writes them, for Phoenix, Arize and every collector that reads its conventions. Pure.

Source: the OpenInference semantic conventions (a test holds every name here against their package). What they have no
name for (level, environment, release, …) is in `metadata`; attributes that are not Langfuse's pass as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import orjson
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Status, StatusCode
from opentelemetry.util.types import AttributeValue

from calango.tracing import attributes as at
from calango.tracing.encoding import to_json
from calango.tracing.openinference_messages import documents, messages, text_message, tools

Attributes = Mapping[str, AttributeValue]
Pairs = Iterator[tuple[str, AttributeValue]]

KIND = "openinference.span.kind"
KINDS = {
    "generation": "LLM",
    "agent": "AGENT",
    "tool": "TOOL",
    "retriever": "RETRIEVER",
    "embedding": "EMBEDDING",
    "guardrail": "GUARDRAIL",
    "evaluator": "EVALUATOR",
}  # everything else, our spans and events too, is a step: CHAIN
RENAMED = {  # theirs <- ours, the value as it is
    "session.id": at.SESSION,
    "user.id": at.USER,
    "tag.tags": at.TRACE_TAGS,
    "prompt.id": "langfuse.observation.prompt.name",
}
MODEL_NAMES = {  # by span kind: model, parameters
    "LLM": ("llm.model_name", "llm.invocation_parameters"),
    "EMBEDDING": ("embedding.model_name", "embedding.invocation_parameters"),
}
PROMPT = {  # theirs <- the observation's metadata
    "llm.prompt_template.template": "prompt_template",
    "llm.prompt_template.version": "prompt_version",
    "llm.prompt_template.variables": "prompt_variables",
}
TOKENS = {  # theirs <- Langfuse's usage details, where `input` and `output` leave out what stands beside them
    "llm.token_count.prompt_details.cache_read": "input_cache_read",
    "llm.token_count.prompt_details.cache_write": "input_cache_creation",
    "llm.token_count.prompt_details.audio": "input_audio",
    "llm.token_count.completion_details.reasoning": "output_reasoning",
    "llm.token_count.completion_details.audio": "output_audio",
}
COSTS = {"llm.cost.prompt": "input", "llm.cost.completion": "output", "llm.cost.total": "total"}  # USD
NOTED = {  # names in `metadata` <- ours
    "trace_name": at.TRACE_NAME,
    "level": at.LEVEL,
    "status_message": at.STATUS_MESSAGE,
    "completion_start_time": at.FIRST_TOKEN_AT,
    "environment": at.ENVIRONMENT,
    "release": at.RELEASE,
}
_ELSEWHERE = {*PROMPT.values(), "tools"}


def mapped(span: ReadableSpan) -> ReadableSpan:
    """The same span with OpenInference's attributes; a step that succeeded says so."""
    status = span.status
    if status.status_code is StatusCode.UNSET:
        status = Status(StatusCode.OK)
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes(span.name, span.attributes or {}),
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def attributes(name: str, given: Attributes) -> dict[str, AttributeValue]:
    """`given` as Langfuse reads it -> as OpenInference reads it. One bad field loses itself, never the span."""
    kind = KINDS.get(str(given.get(at.TYPE)), "CHAIN")
    found: dict[str, AttributeValue] = {KIND: kind}
    found |= {key: value for key, value in given.items() if not key.startswith("langfuse.")}
    found |= {theirs: given[ours] for theirs, ours in RENAMED.items() if ours in given}
    metadata = _metadata(given)
    readers: list[Callable[[], Pairs]] = [
        lambda: _values(given),
        lambda: _model(kind, given),
        lambda: _details(name, kind, given, metadata),
        lambda: _tokens(given),
        lambda: _costs(given),
        lambda: _prompt(given, metadata),
        lambda: _kept(given, metadata),
    ]
    for read in readers:
        try:
            found.update(read())
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return found


def _values(given: Attributes) -> Pairs:
    for prefix, ours in (("input", at.INPUT), ("output", at.OUTPUT)):
        if ours in given:
            value = str(given[ours])
            yield f"{prefix}.value", value
            is_json = isinstance(parsed(value), (dict, list))
            yield f"{prefix}.mime_type", "application/json" if is_json else "text/plain"


def _model(kind: str, given: Attributes) -> Pairs:
    model, parameters = MODEL_NAMES.get(kind, MODEL_NAMES["LLM"])
    if at.MODEL in given:
        yield model, given[at.MODEL]
    if at.MODEL_PARAMETERS in given:
        yield parameters, given[at.MODEL_PARAMETERS]


def _details(name: str, kind: str, given: Attributes, metadata: Mapping[str, Any]) -> Pairs:
    """What only spans of this kind have."""
    if kind == "LLM":
        yield from _said("llm.input_messages", given.get(at.INPUT), "user")
        yield from _said("llm.output_messages", given.get(at.OUTPUT), "assistant")
        yield from tools(metadata.get("tools"))
    elif kind == "TOOL":
        yield "tool.name", name
        if at.INPUT in given and isinstance(parsed(given[at.INPUT]), dict):
            yield "tool.parameters", given[at.INPUT]
    elif kind == "AGENT":
        yield "agent.name", name
    elif kind == "RETRIEVER":
        yield from documents(parsed(given.get(at.OUTPUT)))


def _said(prefix: str, value: AttributeValue | None, role: str) -> Pairs:
    if value is None:
        return
    told = parsed(value)
    is_json = isinstance(told, (dict, list))
    yield from messages(prefix, cast("object", told)) if is_json else text_message(prefix, str(value), role)


def _tokens(given: Attributes) -> Pairs:
    usage = _numbers(given.get(at.USAGE))
    for theirs, side in (("prompt", "input"), ("completion", "output")):
        counts = [count for key, count in usage.items() if key == side or key.startswith(f"{side}_")]
        if counts:
            yield f"llm.token_count.{theirs}", int(sum(counts))
    for theirs, ours in {"llm.token_count.total": "total", **TOKENS}.items():
        if ours in usage:
            yield theirs, int(usage[ours])


def _costs(given: Attributes) -> Pairs:
    costs = _numbers(given.get(at.COST))
    sums = {side: sum(usd for kind, usd in costs.items() if kind.startswith(side)) for side in COSTS.values()}
    yield from ((theirs, float(sums[ours])) for theirs, ours in COSTS.items() if ours in costs)


def _prompt(given: Attributes, metadata: Mapping[str, Any]) -> Pairs:
    if "langfuse.observation.prompt.name" in given:
        yield "prompt.vendor", "Langfuse"
    if "langfuse.observation.prompt.version" in given:
        yield "llm.prompt_template.version", str(given["langfuse.observation.prompt.version"])
    for theirs, ours in PROMPT.items():
        value = metadata.get(ours)
        if value is not None:
            yield theirs, value if isinstance(value, str) else to_json(value).decode()


def _kept(given: Attributes, metadata: Mapping[str, Any]) -> Pairs:
    noted = {theirs: parsed(given[ours]) for theirs, ours in NOTED.items() if ours in given}
    users = {key: value for key, value in metadata.items() if key not in _ELSEWHERE}
    if noted or users:
        yield "metadata", to_json(noted | users).decode()


def _metadata(given: Attributes) -> dict[str, Any]:
    """The trace's metadata and the observation's; the nearer wins."""
    found: dict[str, Any] = {}
    for prefix in (at.TRACE_METADATA, at.METADATA):
        for key, value in given.items():
            if key.startswith(f"{prefix}."):
                found[key[len(prefix) + 1 :]] = parsed(value)
    return found


def parsed(value: object) -> Any:
    """The value of JSON text; anything else, and text that is no JSON, as it is."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _numbers(value: object) -> dict[str, float]:
    told = parsed(value)
    items: Iterable[tuple[str, object]] = cast("dict[str, object]", told).items() if isinstance(told, dict) else ()
    return {key: number for key, number in items if isinstance(number, (int, float))}
