"""Votes on answers: given, changed, withdrawn and read back, by trace id. Needs no graph and no conversation."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from calango import ids
from calango.errors import BackendUnreachable, CalangoError, InputError, NotFound
from calango.reader import LangfuseReader
from calango.settings import Settings
from calango.tracing import STARS, THUMBS, Receipt, Tracing, Vote, feedback

_RECENT = 10_000


def open_reader(settings: Settings, tracing: Tracing | None) -> LangfuseReader:
    """A reader of the backend that is traced to; close it. May start the local server.

    Raises BackendUnreachable when tracing is off.
    """
    if tracing is None:
        raise BackendUnreachable(
            "Tracing is off, so there is nothing to read.", "Remove LANGFUSE_TRACING_ENABLED=false."
        )
    address = tracing.destination.address()
    return LangfuseReader(address.base_url, address.public_key, address.secret_key, timeout_s=float(settings.timeout_s))


class Ratings:
    """Thread-safe. `tracing` is None when tracing is off: then nothing can be rated, and it says why."""

    def __init__(self, settings: Settings, tracing: Tracing | None) -> None:
        self._settings = settings
        self._tracing = tracing
        self._recent: deque[str] = deque(maxlen=_RECENT)

    def note(self, trace_id: str) -> None:
        """Remember a trace that this process makes, so that it can be rated before it has arrived anywhere."""
        self._recent.append(trace_id)

    def submit(
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
        tracing = self._tracing_for(trace_id)
        return feedback.vote(
            tracing, trace_id, thumbs=thumbs, stars=stars, comment=comment, user_id=self._user(user_id)
        )

    def withdraw(self, trace_id: str, name: str = THUMBS, *, user_id: str | None = None) -> Receipt:
        """Take a vote back: `user-feedback` (thumbs) or `user-rating` (stars)."""
        if name not in {THUMBS, STARS}:
            raise InputError(f"There is no vote named {name!r}.", f"It is {THUMBS} or {STARS}.")
        return feedback.withdraw(self._tracing_for(trace_id), trace_id, name, user_id=self._user(user_id))

    def votes(
        self, trace_ids: Sequence[str], *, user_id: str | None = None, elsewhere: bool = True
    ) -> dict[str, dict[str, Vote]]:
        """The user's votes on these answers: trace id -> vote name -> vote.

        Known from this machine's outbox; a remote Langfuse is asked for votes that were given elsewhere, unless
        `elsewhere` is False: then nothing waits for the network.
        """
        if self._tracing is None or not trace_ids:
            return {}
        user = self._user(user_id)
        sent = self._tracing.sent_user(user)
        mine = {ids.score_id(trace, name, sent) for trace in trace_ids for name in (THUMBS, STARS)}
        known = [vote for vote in self._tracing.outbox.votes(list(trace_ids)) if vote.score_id in mine]
        unknown = mine - {vote.score_id for vote in known}
        if elsewhere and self._settings.mode == "remote" and set(trace_ids) - {vote.trace_id for vote in known}:
            known += self._votes_elsewhere(user, unknown)
        found: dict[str, dict[str, Vote]] = {}
        for vote in known:
            if vote.value is not None:  # else it was taken back
                found.setdefault(vote.trace_id, {})[vote.name] = vote
        return found

    def _user(self, user_id: str | None) -> str:
        return ids.check_id("user_id", self._settings.user if user_id is None else user_id)

    def _tracing_for(self, trace_id: str) -> Tracing:
        """Tracing, once it is known that there is such a trace to rate."""
        if self._tracing is None:
            raise InputError("Feedback is disabled because tracing is off.", "Remove LANGFUSE_TRACING_ENABLED=false.")
        ids.check_trace_id(trace_id)
        if trace_id in self._recent or self._tracing.outbox.knows_trace(trace_id):
            return self._tracing
        try:
            with open_reader(self._settings, self._tracing) as reader:
                exists = reader.has_trace(trace_id)
        except CalangoError:
            return self._tracing
        if not exists:
            raise NotFound(f"There is no trace {trace_id}.", "Copy the id that was printed after the answer.")
        return self._tracing

    def _votes_elsewhere(self, user_id: str, mine: set[str]) -> list[Vote]:
        sent = self._tracing.sent_user(user_id) if self._tracing is not None else None
        try:
            with open_reader(self._settings, self._tracing) as reader:
                scores = reader.user_scores(sent or user_id, (THUMBS, STARS))
        except CalangoError:
            return []
        return [
            Vote(s.id, s.trace_id, s.name, s.value, s.comment, "sent", None, s.timestamp_ns or 0)
            for s in scores
            if s.id in mine and s.trace_id is not None
        ]
