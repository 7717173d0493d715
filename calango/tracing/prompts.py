"""Which prompt template a model call was made from."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import get_value

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """`template` has its variables as `{{name}}`, as Langfuse prompts do."""

    template: str
    version: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def render(self) -> str:
        """The text; a variable without a value stays as it is."""
        return _VARIABLE.sub(lambda found: str(self.variables.get(found[1], found[0])), self.template)

    def as_metadata(self) -> dict[str, Any]:
        return {
            "prompt_template": self.template,
            "prompt_version": self.version,
            "prompt_variables": dict(self.variables) or None,
        }


_current: ContextVar[PromptTemplate | None] = ContextVar("calango_prompt_template", default=None)


@contextmanager
def trace_with_prompt_template(
    template: str, version: str | int | None = None, variables: Mapping[str, Any] | None = None
) -> Generator[str]:
    """Model calls inside tell that they were made from this template. Gives the rendered text.

    `with trace_with_prompt_template("Translate: {{text}}", "v2", {"text": "oi"}) as prompt: model.invoke(prompt)`
    """
    prompt = PromptTemplate(template, None if version is None else str(version), dict(variables or {}))
    token = _current.set(prompt)
    try:
        yield prompt.render()
    finally:
        _current.reset(token)


def linked_prompt() -> tuple[str, int] | None:
    """Name and version of the Langfuse prompt that surrounds this code: `with propagate_attributes(prompt=prompt):`.

    The SDK keeps them in OpenTelemetry's context under these keys, in 4.14 and in 5.
    """
    name, version = get_value("langfuse.propagated.prompt_name"), get_value("langfuse.propagated.prompt_version")
    return (name, version) if isinstance(name, str) and isinstance(version, int) else None


def current_prompt() -> PromptTemplate | None:
    return _current.get()
