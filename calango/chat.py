"""`ChatService`: conversations for the UI, the command line and the API. Thread-safe; one per process is enough."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from calango import ids, models
from calango.engine import CalangoEngine
from calango.errors import BackendUnreachable, CalangoError, InputError, NotFound
from calango.loader import LoadedGraph, bundled_attr, load_graph
from calango.reader import LangfuseReader
from calango.records import Done, Event, Message, Request, Session, Status, TurnResult
from calango.settings import Settings
from calango.tracing import STARS, THUMBS, Receipt, Tracing, Vote, connect, feedback
from calango.tracing.encoding import messages_in, text_of
from calango.turn import MARK, NO_ANSWER
from calango.usage_tool import usage_tool

_TAGS = ("calango",)
_RECENT = 10_000


class ChatService:
    """Send messages, read conversations back, rate answers."""

    def __init__(
        self, settings: Settings | None = None, *, graph: LoadedGraph | None = None, tracing: Tracing | None = None
    ) -> None:
        """Opens CALANGO_HOME, asks Ollama, loads the graph. Raises GraphError, ConfigError or HomeError."""
        self.settings = settings or Settings.load()
        self.tracing = tracing or connect(self.settings)
        self.model = models.choose(self.settings)
        self.graph = graph or load_graph(self.settings.graph, self._graph_arguments())
        self.engine = CalangoEngine(self.graph, self.settings, tracing=self.tracing)
        self._recent: deque[str] = deque(maxlen=_RECENT)

    def __enter__(self) -> ChatService:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop running turns and let go of the threads. `tracing.close_all()` ends tracing, which others may share."""
        self.engine.close()

    # turns

    def send_message(self, text: str, *, session_id: str | None = None, **options: Any) -> TurnResult:
        """One turn, run to its end. Options: user_id, tags, model, locale, message_id, metadata.

        A session that waits for a person's answer is resumed with the text. Errors of the turn are in the result;
        InputError is raised for what was refused before anything happened.
        """
        events = self.stream_message(text, session_id=session_id, **options)
        return [event.result for event in events if isinstance(event, Done)][-1]

    def stream_message(self, text: str, *, session_id: str | None = None, **options: Any) -> Iterator[Event]:
        """The turn's events, the last one Done; leaving the iterator early stops the turn."""
        request = self._request(text, session_id, options)
        return self.engine.stream_request(self._noted(request))

    def astream_message(self, text: str, *, session_id: str | None = None, **options: Any) -> AsyncIterator[Event]:
        request = self._request(text, session_id, options)
        return self.engine.astream_request(self._noted(request))

    def stop(self, session_id: str) -> bool:
        """Stop the session's running turn; its partial answer is kept. False when none runs in this process."""
        return self.engine.stop(session_id)

    # conversations

    def history(self, session_id: str) -> list[Message]:
        """The conversation, oldest first, each answer with the trace id that its turn had. Empty when unknown."""
        ids.check_id("session_id", session_id)
        return conversation(messages_in(self.engine.state(session_id).values), session_id, self.tracing is not None)

    def sessions(self, user_id: str | None = None, limit: int = 50) -> list[Session]:
        """A user's conversations, the latest first."""
        user = ids.check_id("user_id", self.settings.user if user_id is None else user_id)
        return self.engine.sessions(user, limit)

    # feedback

    def submit_feedback(
        self,
        trace_id: str,
        *,
        thumbs: bool | None = None,
        stars: int | None = None,
        comment: str | None = None,
        user_id: str | None = None,
    ) -> Receipt:
        """Rate an answer: `thumbs` or `stars` (1 to 5). Given again, it replaces the user's earlier vote.

        On disk when this returns. InputError for bad values and malformed trace ids; NotFound for a trace that
        neither this machine nor the backend knows; when the backend can't be asked, the vote is accepted.
        """
        return feedback.vote(
            self._tracing_for(trace_id),
            trace_id,
            thumbs=thumbs,
            stars=stars,
            comment=comment,
            user_id=user_id or self.settings.user,
        )

    def withdraw_feedback(self, trace_id: str, name: str = THUMBS, *, user_id: str | None = None) -> Receipt:
        """Take a vote back: `user-feedback` (thumbs) or `user-rating` (stars)."""
        if name not in {THUMBS, STARS}:
            raise InputError(f"There is no vote named {name!r}.", f"It is {THUMBS} or {STARS}.")
        return feedback.withdraw(self._tracing_for(trace_id), trace_id, name, user_id=user_id or self.settings.user)

    def votes(self, trace_ids: Sequence[str], *, user_id: str | None = None) -> dict[str, dict[str, Vote]]:
        """The user's votes on these answers: trace id -> vote name -> vote. Votes given elsewhere are asked for."""
        if self.tracing is None or not trace_ids:
            return {}
        user = user_id or self.settings.user
        mine = {ids.score_id(trace, name, user): trace for trace in trace_ids for name in (THUMBS, STARS)}
        known = [vote for vote in self.tracing.outbox.votes(list(trace_ids)) if vote.score_id in mine]
        here = {vote.score_id for vote in known}
        if self.settings.mode == "remote" and not here:
            known += self._votes_elsewhere(user, mine)
        found: dict[str, dict[str, Vote]] = {}
        for vote in known:
            if vote.state != "withdrawn":
                found.setdefault(vote.trace_id, {})[vote.name] = vote
        return found

    # reading back

    def reader(self) -> LangfuseReader:
        """A reader of the backend that this service traces to; close it. BackendUnreachable when tracing is off."""
        if self.tracing is None:
            raise BackendUnreachable("Tracing is off, so there is nothing to read.", "Remove LANGFUSE_ENABLED=false.")
        address = self.tracing.destination.address()
        return LangfuseReader(
            address.base_url, address.public_key, address.secret_key, timeout_s=float(self.settings.timeout_s)
        )

    def available_models(self) -> list[str]:
        return list(dict.fromkeys([self.model.spec, *models.available(self.settings)]))

    # plumbing

    def _graph_arguments(self) -> Mapping[str, object]:
        make_models = bundled_attr("models:Models")
        return {
            "models": make_models(
                self.model.spec,
                self.settings.intent_model,
                ollama_base_url=self.settings.ollama_base_url,
                timeout_s=self.settings.model_timeout_s,
                context_tokens=self.settings.context_tokens,
            ),
            "tools": [usage_tool(self.reader, self.settings.locale)] if self.tracing is not None else [],
        }

    def _request(self, text: str, session_id: str | None, options: dict[str, Any]) -> Request:
        options = dict(options)
        model, locale = options.pop("model", None), options.pop("locale", None)
        if model is not None and not self.graph.has_context("model"):
            raise InputError(f"The graph {self.graph.source} chooses its own model.", "Leave the model out.")
        user = self.settings.user if options.get("user_id") is None else options["user_id"]
        options["user_id"] = user
        options["tags"] = (*_TAGS, *(options.get("tags") or ()))
        options["context"] = {
            "model": model or self.model.spec,
            "intent_model": self.settings.intent_model,
            "locale": locale or self.settings.locale,
            "time_zone": self.settings.time_zone,
            "user_id": user,
            "session_id": session_id,
        }
        if session_id is not None and self.engine.is_waiting(session_id):
            return self.engine.resume_request(session_id, text, **options)
        return self.engine.request(text, session_id=session_id, **options)

    def _noted(self, request: Request) -> Request:
        self._recent.append(ids.trace_id_for(request.session_id, request.message_id))
        return request

    def _tracing_for(self, trace_id: str) -> Tracing:
        """Tracing, once it is known that there is such a trace to rate."""
        if self.tracing is None:
            raise InputError("Feedback is disabled because tracing is off.", "Remove LANGFUSE_TRACING_ENABLED=false.")
        ids.check_trace_id(trace_id)
        if trace_id in self._recent or self.tracing.outbox.knows_trace(trace_id):
            return self.tracing
        try:
            with self.reader() as reader:
                exists = reader.has_trace(trace_id)
        except CalangoError:
            return self.tracing
        if not exists:
            raise NotFound(f"There is no trace {trace_id}.", "Copy the id that was printed after the answer.")
        return self.tracing

    def _votes_elsewhere(self, user_id: str, mine: Mapping[str, str]) -> list[Vote]:
        try:
            with self.reader() as reader:
                scores = reader.user_scores(user_id, (THUMBS, STARS))
        except CalangoError:
            return []
        return [
            Vote(s.id, mine[s.id], s.name, s.value, s.comment, "sent", None, s.timestamp_ns or 0)
            for s in scores
            if s.id in mine
        ]


def conversation(messages: Sequence[BaseMessage], session_id: str, is_traced: bool) -> list[Message]:
    """What people see of a thread's messages: questions, tool results and answers; empty tool requests are left out."""
    shown: list[Message] = []
    trace_id: str | None = None
    for message in messages:
        text = text_of(message)
        message_id = message.id or ""
        if isinstance(message, HumanMessage):
            trace_id = ids.trace_id_for(session_id, message_id) if is_traced and message_id else None
            shown.append(Message("user", text, message_id, trace_id))
        elif isinstance(message, ToolMessage):
            is_error = message.status == "error"
            shown.append(Message("tool", text, message_id, trace_id, tool_name=message.name, is_error=is_error))
        elif isinstance(message, AIMessage) and not message.tool_calls:
            note: Mapping[str, Any] = message.response_metadata.get(MARK) or {}
            status: Status = note.get("status", "ok")
            model = message.response_metadata.get("model_name") or message.response_metadata.get("model")
            text = "" if text == NO_ANSWER and status != "ok" else text
            shown.append(
                Message("assistant", text, message_id, trace_id, model=model, status=status, error=note.get("error"))
            )
    return shown
