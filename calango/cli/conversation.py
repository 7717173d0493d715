"""The state of one `calango chat`: which conversation, and which answer was the last."""

from __future__ import annotations

from calango import ids
from calango.chat import ChatService
from calango.cli import output, traces, turn_output
from calango.errors import InputError
from calango.records import TurnResult
from calango.tracing import STARS, THUMBS


class Conversation:
    def __init__(
        self,
        service: ChatService,
        session_id: str | None,
        user_id: str | None,
        tags: tuple[str, ...],
        model: str | None,
    ) -> None:
        self._service = service
        self._session_id = session_id or ids.new_session_id()
        self._user_id = user_id
        self._tags = tags
        self._model = model
        self._last: TurnResult | None = None

    def send(self, text: str) -> None:
        events = self._service.stream_message(
            text, session_id=self._session_id, user_id=self._user_id, tags=self._tags, model=self._model
        )
        try:
            self._last = turn_output.show(self._service, events)
        except KeyboardInterrupt:
            output.note("\nStopped; what was said so far is kept.")

    def command(self, line: str) -> None:
        name, _, rest = line.partition(" ")
        match name:
            case "/new":
                self._session_id, self._last = ids.new_session_id(), None
                output.note(f"New conversation {self._session_id}.")
            case "/up" | "/down":
                self._vote(thumbs=name == "/up", comment=rest)
            case "/feedback":
                stars, _, comment = rest.strip().partition(" ")
                if not stars.isdigit():
                    raise InputError("/feedback needs 1 to 5 stars.", "For example: /feedback 5 just right")
                self._vote(stars=int(stars), comment=comment)
            case "/undo":
                for vote in (THUMBS, STARS):
                    self._service.withdraw_feedback(self._rated(), vote, user_id=self._user_id)
                output.note("Votes withdrawn.")
            case "/trace":
                traces.show_trace(self._service, self._rated())
            case _:
                raise InputError(f"There is no command {name}.", "/help lists them.")

    def _vote(self, *, thumbs: bool | None = None, stars: int | None = None, comment: str = "") -> None:
        self._service.submit_feedback(
            self._rated(), thumbs=thumbs, stars=stars, comment=comment or None, user_id=self._user_id
        )
        output.note("Received. Thank you!")

    def _rated(self) -> str:
        if self._last is None or self._last.trace_id is None:
            raise InputError("There is no answer yet to rate or show.", "Send a message first.")
        return self._last.trace_id
