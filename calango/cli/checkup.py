"""What `doctor` does: one link of the chain per check, each with the fix when it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from calango import ids
from calango.chat import ChatService
from calango.cli.traces import wait_for
from calango.errors import BackendError, CalangoError
from calango.records import Observation, TurnResult
from calango.settings import Settings
from calango.tracing import THUMBS
from calango.tracing.lane import Lane

_QUESTION = "Quanto é 17*23?"
_DELIVERY_S = 15.0
_USER = "calango-doctor"
_TAG = "doctor"
_NEEDED = {"home", "agent", "backend", "turn", "trace"}  # what comes after them can't work without them


class Checkup:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._service: ChatService | None = None
        self._result: TurnResult | None = None
        self._observations: list[Observation] = []

    def checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        yield "home", self._home
        yield "agent", self._agent
        if self._settings.mode == "off":
            yield "tracing", lambda: "off (LANGFUSE_TRACING_ENABLED=false): nothing for Langfuse, feedback is disabled"
            yield "turn", self._turn
        else:
            yield "backend", self._backend
            yield "turn", self._turn
            yield "trace", self._trace
            yield "session and user", self._attributes
            yield "tokens", self._tokens
            yield "score", self._score
            yield "outbox", self._outbox
        if self._settings.otlp_endpoint is not None:
            yield "collector", self._collector

    @staticmethod
    def is_needed(name: str) -> bool:
        return name in _NEEDED

    def close(self) -> None:
        if self._service is not None:
            self._service.close()

    def _home(self) -> str:
        from calango.local import prepare_home

        prepare_home(self._settings.home)
        return f"{self._settings.home} can be written"

    def _agent(self) -> str:
        self._service = ChatService(self._settings)
        graph, model = self._service.graph, self._service.model
        return f"graph {graph.source}, model {model.spec}. {model.note}".rstrip()

    def _backend(self) -> str:
        with self._chat().reader() as reader:
            health = reader.health()
            project = reader.project()
        return f"{self._settings.mode} Langfuse {health.get('version', '?')}, project {project.get('name', '?')}"

    def _turn(self) -> str:
        self._result = self._chat().send_message(
            _QUESTION, session_id=f"doctor-{ids.new_session_id()}", user_id=_USER, tags=[_TAG]
        )
        if self._result.status != "ok":
            raise CalangoError(f"The agent failed: {self._result.error}")
        return f"answered in {self._result.latency_ms:.0f} ms"

    def _trace(self) -> str:
        trace_id = self._turn_result().trace_id or ""
        tracing = self._chat().tracing
        if tracing is not None and not self._delivered(tracing.lanes[0]):
            why = tracing.outbox.depth().last_error or "the backend does not answer"
            raise BackendError(f"The trace could not be delivered: {why}.", "It is kept; see `calango outbox list`.")
        if tracing is not None and tracing.outbox.parked():
            reason = tracing.outbox.parked()[-1].reason
            raise BackendError(f"The backend refused what was sent: {reason}.", "Then run `calango outbox retry`.")
        with self._chat().reader() as reader:
            self._observations = wait_for(reader, trace_id, _DELIVERY_S)
        return f"{trace_id} arrived with {len(self._observations)} observations"

    def _attributes(self) -> str:
        result = self._turn_result()
        wanted = (result.session_id, _USER)
        without = [o.name for o in self._observations if (o.session_id, o.user_id) != wanted or _TAG not in o.tags]
        if without:
            raise BackendError(
                f"{len(without)} observations lack session, user or tags, first {without[0]}.", "Please report this."
            )
        return "on every observation"

    def _tokens(self) -> str:
        generations = [item for item in self._observations if item.type == "GENERATION"]
        counted = [item for item in generations if item.usage and item.model]
        if not generations or len(counted) < len(generations):
            raise BackendError(
                f"{len(generations) - len(counted)} of {len(generations)} generations have no tokens or model.",
                "The model's server does not report usage; update it or choose another model.",
            )
        return f"{len(generations)} generations with model and usage"

    def _score(self) -> str:
        service, trace_id = self._chat(), self._turn_result().trace_id or ""
        receipt = service.submit_feedback(trace_id, thumbs=True, comment="doctor", user_id=_USER)
        if service.tracing is not None:
            self._delivered(service.tracing.lanes[0])
        with service.reader() as reader:
            found = [score for score in reader.scores(trace_id) if score.id == receipt.score_id]
        if not found:
            raise BackendError(f"The vote {THUMBS} did not arrive.", "See `calango outbox list` for the reason.")
        return f"{found[0].name} = {found[0].string_value}"

    def _outbox(self) -> str:
        tracing = self._chat().tracing
        if tracing is None:
            return "off"
        depth = tracing.outbox.depth()
        if depth.parked:
            raise BackendError(
                f"{depth.parked} items were refused: {depth.last_error}.",
                "`calango outbox list`, then `retry` or `drop`.",
            )
        return f"{depth.spans + depth.votes} items wait"

    def _collector(self) -> str:
        tracing = self._chat().engine.tracing
        lane = tracing.lanes[-1] if tracing is not None else None
        if lane is None or lane.destination.is_langfuse:
            raise BackendError("The collector gets nothing.", "Please report this.")
        url = lane.destination.address().base_url
        if not self._delivered(lane) or lane.outbox.parked():
            why = lane.outbox.depth().last_error or "it does not answer"
            raise BackendError(f"{url} did not take the spans: {why}.", "Check CALANGO_OTLP_ENDPOINT and its headers.")
        return f"{url} took the spans"

    def _delivered(self, lane: Lane) -> bool:
        tracing = self._chat().engine.tracing
        if tracing is not None:
            tracing.store()
        return lane.courier.drain(_DELIVERY_S)

    def _chat(self) -> ChatService:
        if self._service is None:
            raise CalangoError("The agent could not be set up.")
        return self._service

    def _turn_result(self) -> TurnResult:
        if self._result is None:
            raise CalangoError("There was no turn.")
        return self._result
