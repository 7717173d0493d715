"""Spans for code around and inside the graph: `trace_span`, `trace_function` and their relatives.

A span hangs below what surrounds it: the enclosing `trace_span`, else the LangGraph node or LangChain runnable that it
runs in (sync or async), else it begins a trace. With tracing off every one of these does nothing.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal, ParamSpec, Self, TypeVar, cast, get_args
from uuid import UUID

from langchain_core.runnables.config import var_child_runnable_config
from opentelemetry.trace import Span, SpanContext, Status, StatusCode

from calango import ids
from calango.errors import InputError
from calango.records import Level
from calango.tracing import attributes as at
from calango.tracing import client
from calango.tracing.client import Tracing
from calango.tracing.encoding import Encoder
from calango.tracing.outcome import outcome

P = ParamSpec("P")
R = TypeVar("R")
SpanType = Literal["span", "agent", "tool", "chain", "retriever", "evaluator", "guardrail", "embedding", "generation"]
_TYPES = get_args(SpanType)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where new spans hang: an open span, and the runnable's run that it was opened in."""

    tracing: Tracing
    about: at.TraceAttributes
    context: SpanContext
    span: Span | None
    run_id: UUID | None


_place: ContextVar[_Place | None] = ContextVar("calango_place", default=None)
_about: ContextVar[at.TraceAttributes | None] = ContextVar("calango_about", default=None)


class trace_span(AbstractContextManager["trace_span"], AbstractAsyncContextManager["trace_span"]):  # noqa: N801 - a verb
    """`with trace_span("load"):` or `async with …`: an observation around a piece of code.

    Inside, `update()` adds to it; `trace_id` and `id` are hex (None when tracing is off). An exception marks it ERROR
    (cancellation WARNING) and goes on. InputError for an unknown `as_type`.
    """

    def __init__(
        self,
        name: str,
        *,
        as_type: SpanType = "span",
        input: Any = None,  # noqa: A002 - the field's own word
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        if as_type not in _TYPES:
            raise InputError(f"There is no observation type {as_type!r}.", f"It is one of {', '.join(_TYPES)}.")
        self._name = name
        self._type = as_type
        self._input = input
        self._metadata = metadata
        self._span: Span | None = None
        self._token: Any = None
        self.trace_id: str | None = None
        self.id: str | None = None

    def __enter__(self) -> Self:
        around = _surroundings()
        if around is None:
            return self
        attributes = {**around.about.as_span_attributes(), at.TYPE: self._type}
        if self._input is not None:
            attributes[at.INPUT] = Encoder().state(self._input)
        attributes |= at.flattened(at.METADATA, self._metadata or {})
        parent = around.context if around.context.is_valid else None
        self._span = around.tracing.start_span(self._name, attributes, parent=parent)
        context = self._span.get_span_context()
        self.trace_id, self.id = format(context.trace_id, "032x"), format(context.span_id, "016x")
        self._token = _place.set(replace(around, context=context, span=self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._span is None:
            return
        if error is not None:
            level, message = outcome(error)
            self.update(level=level, status_message=message)
        _reset(_place, self._token)
        self._span.end()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def update(
        self,
        *,
        output: Any = None,
        metadata: Mapping[str, Any] | None = None,
        level: Level | None = None,
        status_message: str | None = None,
    ) -> None:
        if self._span is None:
            return
        if output is not None:
            self._span.set_attribute(at.OUTPUT, Encoder().state(output))
        self._span.set_attributes(at.flattened(at.METADATA, metadata or {}))
        if level is not None:
            self._span.set_attributes(at.level_attributes(level, status_message))
            if level == "ERROR":
                self._span.set_status(Status(StatusCode.ERROR, status_message))


def trace_function(
    name: str | None = None, *, as_type: SpanType = "span", capture_args: bool = True, capture_result: bool = True
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator: each call is an observation. For functions, coroutines, generators and async generators.

    Arguments and result are kept unless told otherwise; of a generator, the list of what it yielded.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        label = name or getattr(function, "__qualname__", "function")
        signature = inspect.signature(function)

        def opened(args: tuple[Any, ...], kwargs: dict[str, Any]) -> trace_span:
            given = dict(signature.bind(*args, **kwargs).arguments) if capture_args else None
            if given is not None:
                given.pop("self", None)
            return trace_span(label, as_type=as_type, input=given)

        return cast("Callable[P, R]", _wrapped(function, opened, capture_result))

    return decorate


def _wrapped(function: Any, opened: Callable[[Any, Any], trace_span], capture_result: bool) -> Any:
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def async_generator(*args: Any, **kwargs: Any) -> Any:
            made: list[Any] = []
            with opened(args, kwargs) as span:
                async for item in function(*args, **kwargs):
                    made.append(item) if capture_result else None
                    yield item
                span.update(output=made if capture_result else None)

        return async_generator
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            made: list[Any] = []
            with opened(args, kwargs) as span:
                for item in function(*args, **kwargs):
                    made.append(item) if capture_result else None
                    yield item
                span.update(output=made if capture_result else None)

        return generator
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with opened(args, kwargs) as span:
                result = await function(*args, **kwargs)
                span.update(output=result if capture_result else None)
                return result

        return coroutine

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        with opened(args, kwargs) as span:
            result = function(*args, **kwargs)
            span.update(output=result if capture_result else None)
            return result

    return plain


def trace_agent_execution(
    agent_name: str,
    agent_role: str | None = None,
    task_description: str | None = None,
    input_data: Any = None,
    model_name: str | None = None,
) -> trace_span:
    """An observation of type agent, with role, task and model as metadata."""
    about = {"agent_role": agent_role, "task_description": task_description, "model_name": model_name}
    return trace_span(agent_name, as_type="agent", input=input_data, metadata=about)


@contextmanager
def trace_with_metadata(
    user_id: str | None = None,
    session_id: str | None = None,
    tags: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
) -> Generator[None]:
    """Everything that begins inside carries these; they add to, and win over, what surrounds them."""
    outer = _about.get() or at.TraceAttributes()
    inner = replace(
        outer,
        user_id=user_id or outer.user_id,
        session_id=session_id or outer.session_id,
        tags=at.check_tags((*outer.tags, *tags)),
        metadata={**outer.metadata, **(metadata or {})},
    )
    token = _about.set(inner)
    place = _place.get()
    place_token = _place.set(replace(place, about=inner)) if place is not None else None
    try:
        yield
    finally:
        if place_token is not None:
            _reset(_place, place_token)
        _reset(_about, token)


def create_span_link(trace_id: str, span_id: str, attributes: Mapping[str, str] | None = None) -> bool:
    """Link the current span to one of another trace; False when there is no current span."""
    ids.check_trace_id(trace_id)
    if len(span_id) != 16 or not span_id.strip("0"):
        raise InputError("The span id is malformed.", "It has 16 lower-case hex digits.")
    around = _surroundings()
    if around is None or around.span is None:
        return False
    around.span.add_link(client.span_context(trace_id, span_id), dict(attributes or {}))
    return True


def event(
    name: str,
    *,
    input: Any = None,  # noqa: A002 - the field's own word
    metadata: Mapping[str, Any] | None = None,
    level: Level = "DEFAULT",
) -> None:
    """Something that happened at a moment, below the current span."""
    around = _surroundings()
    if around is None:
        return
    now = time.time_ns()
    attributes = {**around.about.as_span_attributes(), at.TYPE: "event", **at.level_attributes(level, None)}
    if input is not None:
        attributes[at.INPUT] = Encoder().state(input)
    attributes |= at.flattened(at.METADATA, metadata or {})
    parent = around.context if around.context.is_valid else None
    around.tracing.start_span(name, attributes, parent=parent, start_ns=now).end(now)


def surrounding_attributes() -> at.TraceAttributes | None:
    """What `trace_with_metadata` says here; None when nothing does."""
    return _about.get()


def surrounding_span() -> SpanContext | None:
    """The enclosing `trace_span`, for a handler that is made inside of it."""
    place = _place.get()
    return place.context if place is not None and place.span is not None else None


def _surroundings() -> _Place | None:
    enclosing, run = _place.get(), _current_run()
    if enclosing is not None and (run is None or enclosing.run_id == run.run_id):
        return enclosing
    if run is not None:
        return run
    tracing = client.default()
    if tracing is None:
        return None
    nowhere = SpanContext(0, 0, is_remote=False)
    about = _about.get() or at.TraceAttributes()
    settings = tracing.settings
    return _Place(
        tracing, replace(about, environment=settings.environment, release=settings.release), nowhere, None, None
    )


def _current_run() -> _Place | None:
    """The runnable that this code runs in, when one of our handlers traces it."""
    config = var_child_runnable_config.get()
    manager: Any = config.get("callbacks") if config else None
    run_id = getattr(manager, "parent_run_id", None)
    if run_id is None:
        return None
    for handler in getattr(manager, "handlers", ()):
        found = handler.span_of(run_id) if hasattr(handler, "span_of") else None
        if found is not None:
            tracing, about, span = found
            return _Place(tracing, about, span.get_span_context(), span, run_id)
    return None


def _reset(variable: ContextVar[Any], token: Any) -> None:
    try:
        variable.reset(token)
    except ValueError:
        # A generator may be closed in another context than it began in; its variables are gone with that context.
        return
