"""`create_handler`: the CallbackHandler factory, and our subclass of Langfuse's handler.

Ours keeps no context variables: the parent of a span follows from LangChain's run ids, and session, user, tags and
trace name are stamped on every span. So async runs, threads, stopped and abandoned streams can't mix traces.
One handler serves one turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage
from opentelemetry.trace import SpanContext
from opentelemetry.util.types import AttributeValue

from calango import ids
from calango.settings import Settings
from calango.tracing import attributes as at
from calango.tracing import spans
from calango.tracing.client import Tracing, connect_spans
from calango.tracing.encoding import Encoder, messages_in, text_of, to_json
from calango.tracing.model_callbacks import ModelCallbacks, kept_metadata, never_raises

WARNING_EVENT = "calango.warning"
_HIDDEN = "langsmith:hidden"


class CalangoHandler(ModelCallbacks):
    """Turns LangChain's callbacks into spans of one trace. Build it with `create_handler`."""

    # chains

    @never_raises
    def on_chain_start(
        self,
        serialized: Mapping[str, Any] | None,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        name = self.get_langchain_run_name(dict(serialized) if serialized else None, **kwargs)
        is_root = self._spans.is_root(parent_run_id)
        if is_root:
            self._begin(inputs, metadata)
        if self._thread_id is not None and (is_root or self._spans.is_deferred):
            self._derive(inputs)
        attributes: dict[str, AttributeValue] = {
            at.TYPE: "agent" if "agent" in name.lower() else "chain",
            at.INPUT: self._encoder.state(inputs),
            **kept_metadata(metadata),
        }
        if tags and _HIDDEN in tags:
            attributes[at.LEVEL] = "DEBUG"
        question = _last_text(inputs) if is_root and self._is_trace_root else None
        if question is not None:
            attributes[at.INPUT] = question
        if is_root and self._awaits_message:
            self._spans.defer(name, attributes, run_id)
            return
        self._start(name, attributes, run_id, parent_run_id)

    @never_raises
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        run = self._spans.get(run_id)
        if run is None:
            return
        answer = _last_text(outputs) if run.is_trace_root else None
        run.span.set_attribute(at.OUTPUT, answer if answer is not None else self._encoder.state(outputs))
        if not run.tools and run.root != run_id and _has_failed_call(outputs):
            # A tool that does not exist never starts, so that only the answer in its place tells of it.
            self._spans.set_level(run, "ERROR", "a tool could not be called")
        self._spans.end(run_id)
        if run.root == run_id:
            self._forget()

    @never_raises
    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        run = self._spans.get(run_id)
        self._spans.fail(run_id, error)
        if run is not None and run.root == run_id:
            self._forget()

    # tools and retrievers

    @never_raises
    def on_tool_start(
        self,
        serialized: Mapping[str, Any] | None,
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        name = self.get_langchain_run_name(dict(serialized) if serialized else None, **kwargs)
        given = to_json(inputs).decode() if inputs is not None else input_str
        attributes: dict[str, AttributeValue] = {at.TYPE: "tool", at.INPUT: given, **kept_metadata(metadata)}
        parent = self._spans.get(parent_run_id) if parent_run_id is not None else None
        if parent is not None:
            parent.tools += 1
        self._start(name, attributes, run_id, parent_run_id)

    @never_raises
    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        run = self._spans.get(run_id)
        if run is None:
            return
        text = text_of(output) if isinstance(output, ToolMessage) else self._encoder.state(output)
        run.span.set_attribute(at.OUTPUT, text)
        if isinstance(output, ToolMessage) and output.status == "error":
            self._spans.set_level(run, "ERROR", text)
        self._spans.end(run_id)

    @never_raises
    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self._spans.fail(run_id, error)

    @never_raises
    def on_retriever_start(
        self,
        serialized: Mapping[str, Any] | None,
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        name = self.get_langchain_run_name(dict(serialized) if serialized else None, **kwargs)
        attributes: dict[str, AttributeValue] = {at.TYPE: "retriever", at.INPUT: query, **kept_metadata(metadata)}
        self._start(name, attributes, run_id, parent_run_id)

    @never_raises
    def on_retriever_end(self, documents: Sequence[Any], *, run_id: UUID, **kwargs: Any) -> None:
        run = self._spans.get(run_id)
        if run is not None:
            run.span.set_attribute(at.OUTPUT, to_json(list(documents)).decode())
        self._spans.end(run_id)

    @never_raises
    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self._spans.fail(run_id, error)

    # events

    @never_raises
    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """`calango.warning` raises the level of the node it came from; any other becomes an event observation."""
        run = self._spans.get(run_id)
        if name == WARNING_EVENT and run is not None:
            said = cast("Mapping[str, Any]", data).get("message") if isinstance(data, Mapping) else data
            self._spans.set_level(run, "WARNING", str(said))
            return
        self._spans.event(name, {at.TYPE: "event", at.INPUT: self._encoder.state(data)}, run_id)

    def on_agent_action(self, *args: Any, **kwargs: Any) -> None:
        """Legacy agents tell the same through chains and tools."""

    def on_agent_finish(self, *args: Any, **kwargs: Any) -> None:
        """See `on_agent_action`."""

    # plumbing

    def _forget(self) -> None:
        """Let go of the turn's messages now, instead of when the garbage collector finds this handler."""
        self._encoder = Encoder(full=self._is_full)

    def _begin(self, inputs: Any, metadata: Mapping[str, Any] | None) -> None:
        """A root run: what is new from here on, and which trace and session it belongs to."""
        self._encoder = Encoder(full=self._is_full)
        self._encoder.begin(inputs)
        self._told_tools.clear()
        thread = (metadata or {}).get("thread_id")
        if isinstance(thread, str) and thread:
            self._spans.adopt_session(ids.check_id("thread_id", thread))
            self._thread_id = thread if self._derives else None
            self._awaits_message = self._derives

    def _derive(self, inputs: Any) -> None:
        """The trace id of this turn, as `ChatService` would derive it, once the question has an id.

        LangGraph gives a message its id when it enters the state, so the root can't know it, but its first node does.
        """
        asked = [message for message in messages_in(inputs) if isinstance(message, HumanMessage) and message.id]
        if asked and self._thread_id is not None:
            self._spans.set_trace_id(ids.trace_id_for(self._thread_id, str(asked[-1].id)))
            self._awaits_message = False
            self._thread_id = None


def create_handler(
    *,
    session_id: str | None = None,
    user_id: str | None = None,
    tags: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    trace_id: str | None = None,
    trace_name: str = at.DEFAULT_TRACE_NAME,
    parent: SpanContext | None = None,
    derive_trace_id: bool = False,
    tracing: Tracing | None = None,
    settings: Settings | None = None,
) -> CalangoHandler:
    """A handler for one turn of any graph or runnable: `graph.invoke(..., config={"callbacks": [handler]})`.

    Every observation carries session, user, tags and trace name, in sync and async runs. `session_id` defaults to the
    run's LangGraph `thread_id`. Inside `trace_with_metadata` and `trace_span` the handler takes over what they say.
    Afterwards `handler.last_trace_id` is the trace (32 hex digits; None when tracing is off, and then the handler does
    nothing).

    With `derive_trace_id` the trace id follows from the run's thread and the question's message id, as `ChatService`
    derives it, so that answers of the thread's history can be rated.

    Raises InputError for an id, tag or trace id that Langfuse would drop.
    """
    settings = settings or (tracing.settings if tracing is not None else Settings.load())
    around = spans.surrounding_attributes() or at.TraceAttributes()
    about = at.TraceAttributes(
        name=trace_name,
        session_id=session_id if session_id is not None else around.session_id,
        user_id=user_id if user_id is not None else around.user_id,
        tags=at.check_tags((*around.tags, *at.check_tags(tags))),
        metadata={**around.metadata, **(metadata or {})},
        environment=settings.environment,
        release=settings.release,
    )
    if trace_id is not None:
        ids.check_trace_id(trace_id)
    elif parent is None:
        parent = spans.surrounding_span()
    return CalangoHandler(
        tracing or connect_spans(settings), about, trace_id=trace_id, parent=parent, derives=derive_trace_id
    )


def _has_failed_call(outputs: object) -> bool:
    return any(isinstance(message, ToolMessage) and message.status == "error" for message in messages_in(outputs))


def _last_text(state: object) -> str | None:
    """The text of a state's last message: the question of an input, the answer of an output.

    An input may have its messages as LangGraph accepts them: ("user", "oi") or {"role": "user", "content": "oi"}.
    """
    found: object = (
        cast("Mapping[str, object]", state).get("messages")
        if isinstance(state, Mapping)
        else getattr(state, "messages", state)
    )
    if isinstance(found, (list, tuple)) and found:
        found = cast("Sequence[object]", found)[-1]
    if isinstance(found, BaseMessage):
        return text_of(found)
    if isinstance(found, tuple) and len(cast("Sequence[object]", found)) == 2:
        found = cast("Sequence[object]", found)[1]
    if isinstance(found, Mapping):
        found = cast("Mapping[str, object]", found).get("content")
    return found if isinstance(found, str) else None
