"""`ChatService`: conversations for the UI, the command line and the API. Thread-safe; one per process is enough."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from calango import ids, models
from calango.assembly import assemble
from calango.budgets.rules import EVERY_TURN
from calango.engine import CalangoEngine
from calango.errors import InputError
from calango.loader import LoadedGraph
from calango.rating import Ratings, open_reader
from calango.reader import LangfuseReader
from calango.records import Done, Event, Message, Request, Session, Status, TurnResult
from calango.settings import Settings
from calango.tracing import THUMBS, Receipt, Tracing, Vote, connect, connect_spans
from calango.tracing.encoding import messages_in, text_of
from calango.turn import MARK, NO_ANSWER

_TAGS = (EVERY_TURN,)


class ChatService:
    """Send messages, read conversations back, rate answers."""

    def __init__(
        self, settings: Settings | None = None, *, graph: LoadedGraph | None = None, tracing: Tracing | None = None
    ) -> None:
        """Opens CALANGO_HOME, asks Ollama, loads the graph. Raises GraphError, ConfigError or HomeError."""
        self.settings = settings or Settings.load()
        self.tracing = tracing or connect(self.settings)
        self.model = models.choose(self.settings)
        self.graph = graph or assemble(self.settings, self.tracing, self.model)
        self.engine = CalangoEngine(self.graph, self.settings, tracing=self.tracing or connect_spans(self.settings))
        self.ratings = Ratings(self.settings, self.tracing)

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
        InputError and BudgetExceeded are raised for what was refused before anything happened.
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

    def astream_resume(self, session_id: str, answer: Any, **options: Any) -> AsyncIterator[Event]:
        """Go on with a turn that an interrupt stopped: `answer` is what the graph asked for, any JSON value.

        Raises InputError when the session does not wait. That is looked up at once: don't call this on an event loop.
        """
        asked = self._options(session_id, options)
        return self.engine.astream_request(self._noted(self.engine.resume_request(session_id, answer, **asked)))

    def stop(self, session_id: str) -> bool:
        """Stop the session's running turn; its partial answer is kept. False when none runs in this process."""
        return self.engine.stop(session_id)

    def is_running(self, session_id: str) -> bool:
        """Whether a turn of the session runs in this process, whoever asked for it."""
        return self.engine.is_running(ids.check_id("session_id", session_id))

    def waiting_for(self, session_id: str) -> list[Any]:
        """What the session's interrupted turn asked a person; empty when it waits for nothing."""
        state = self.engine.state(ids.check_id("session_id", session_id))
        return [interrupt.value for interrupt in state.interrupts]

    # conversations

    def history(self, session_id: str) -> list[Message]:
        """The conversation, oldest first, each answer with the trace id that its turn had. Empty when unknown."""
        ids.check_id("session_id", session_id)
        return conversation(messages_in(self.engine.state(session_id).values), session_id, self.tracing is not None)

    def sessions(self, user_id: str | None = None, limit: int = 50) -> list[Session]:
        """A user's conversations, the latest first."""
        user = ids.check_id("user_id", self.settings.user if user_id is None else user_id)
        return self.engine.sessions(user, limit)

    # feedback and reading back

    def submit_feedback(self, trace_id: str, **vote: Any) -> Receipt:
        """Rate an answer: see `Ratings.submit` for what can be passed and what is raised."""
        return self.ratings.submit(trace_id, **vote)

    def withdraw_feedback(self, trace_id: str, name: str = THUMBS, *, user_id: str | None = None) -> Receipt:
        """Take a vote back: `user-feedback` (thumbs) or `user-rating` (stars)."""
        return self.ratings.withdraw(trace_id, name, user_id=user_id)

    def votes(
        self, trace_ids: Sequence[str], *, user_id: str | None = None, elsewhere: bool = True
    ) -> dict[str, dict[str, Vote]]:
        """The user's votes on these answers, see `Ratings.votes`: trace id -> vote name -> vote."""
        return self.ratings.votes(trace_ids, user_id=user_id, elsewhere=elsewhere)

    def reader(self) -> LangfuseReader:
        """A reader of the backend that this service traces to; close it. BackendUnreachable when tracing is off."""
        return open_reader(self.settings, self.tracing)

    def available_models(self) -> list[str]:
        return list(dict.fromkeys([self.model.spec, *models.available(self.settings)]))

    # plumbing

    def _request(self, text: str, session_id: str | None, options: dict[str, Any]) -> Request:
        asked = self._options(session_id, options)
        if session_id is not None and self.engine.is_waiting(session_id):
            return self.engine.resume_request(session_id, text, **asked)
        return self.engine.request(text, session_id=session_id, **asked)

    def _options(self, session_id: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the engine takes: with defaults, the tag of every turn, and the context of the graph."""
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
        return options

    def _noted(self, request: Request) -> Request:
        self.ratings.note(ids.trace_id_for(request.session_id, request.message_id))
        return request


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
