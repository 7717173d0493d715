"""Messages, tools and documents, flattened into attributes with an index, as OpenInference wants lists. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from opentelemetry.util.types import AttributeValue

from calango.tracing.encoding import to_json

Pairs = Iterator[tuple[str, AttributeValue]]
_TEXTS = {"name": "message.name", "tool_call_id": "message.tool_call_id"}


def messages(prefix: str, told: object) -> Pairs:
    """One message or a list of them, as `encoding.message_dict` writes them and chat APIs do."""
    several: list[object] = cast("list[object]", told) if isinstance(told, list) else [told]
    for index, message in enumerate(_mappings(several)):
        yield from _message(f"{prefix}.{index}", message)


def text_message(prefix: str, text: str, role: str) -> Pairs:
    yield f"{prefix}.0.message.role", role
    yield f"{prefix}.0.message.content", text


def tools(told: object) -> Pairs:
    for index, schema in enumerate(_mappings(told)):
        yield f"llm.tools.{index}.tool.json_schema", _json(schema)


def documents(told: object) -> Pairs:
    """What a retriever found: LangChain documents as JSON."""
    for index, document in enumerate(_mappings(told)):
        prefix = f"retrieval.documents.{index}.document"
        yield f"{prefix}.content", str(document.get("page_content", document.get("content", "")))
        if document.get("id"):
            yield f"{prefix}.id", str(document["id"])
        if document.get("metadata"):
            yield f"{prefix}.metadata", _json(document["metadata"])


def _message(prefix: str, message: Mapping[str, Any]) -> Pairs:
    yield f"{prefix}.message.role", str(message.get("role", ""))
    content: object = message.get("content")
    if isinstance(content, list):
        for index, block in enumerate(cast("list[object]", content)):
            yield from _block(f"{prefix}.message.contents.{index}.message_content", block)
    elif content is not None:
        yield f"{prefix}.message.content", content if isinstance(content, str) else _json(content)
    yield from ((f"{prefix}.{theirs}", str(message[ours])) for ours, theirs in _TEXTS.items() if message.get(ours))
    for index, call in enumerate(_mappings(message.get("tool_calls"))):
        yield from _tool_call(f"{prefix}.message.tool_calls.{index}.tool_call", call)


def _block(prefix: str, block: object) -> Pairs:
    if not isinstance(block, Mapping):
        yield f"{prefix}.type", "text"
        yield f"{prefix}.text", str(block)
        return
    told = cast("Mapping[str, Any]", block)
    image = told.get("image_url")
    if image is not None:
        url: object = cast("Mapping[str, Any]", image).get("url") if isinstance(image, Mapping) else image
        yield f"{prefix}.type", "image"
        yield f"{prefix}.image.image.url", str(url)
        return
    yield f"{prefix}.type", str(told.get("type", "text"))
    text = told.get("text")
    yield f"{prefix}.text", text if isinstance(text, str) else _json(told)


def _tool_call(prefix: str, call: Mapping[str, Any]) -> Pairs:
    """LangChain's form (name, args), or OpenAI's (function: name, arguments)."""
    function: Mapping[str, Any] = call.get("function") or {"name": call.get("name"), "arguments": call.get("args")}
    if call.get("id"):
        yield f"{prefix}.id", str(call["id"])
    yield f"{prefix}.function.name", str(function.get("name", ""))
    arguments = function.get("arguments")
    yield f"{prefix}.function.arguments", arguments if isinstance(arguments, str) else _json(arguments or {})


def _mappings(told: object) -> list[Mapping[str, Any]]:
    if not isinstance(told, Sequence) or isinstance(told, str):
        return []
    return [cast("Mapping[str, Any]", item) for item in cast("Sequence[object]", told) if isinstance(item, Mapping)]


def _json(value: object) -> str:
    return to_json(value).decode()
